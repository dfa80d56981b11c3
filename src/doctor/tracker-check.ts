/** Whether a tracker takes connections and answers announcements. The topic is random: nobody is met, and nothing stays behind. */
import { withDeadline } from '../core/env.js'
import { randomId } from '../core/id.js'
import type { Announcement, SwarmCounts } from '../signaling/signaling.js'
import { Tracker } from '../signaling/tracker/tracker.js'
import { seconds, Trouble, type Context, type Outcome } from './finding.js'

export async function checkTracker({ env, timeout }: Context, url: string): Promise<Outcome> {
  const announcement: Announcement = {
    topic: randomId(env),
    from: randomId(env),
    uploaded: 0,
    downloaded: 0,
    left: 1,
    numwant: 0,
    port: 0,
    offers: [],
  }
  const tracker = new Tracker(url, env)
  const began = env.now()
  let opened: number | undefined
  const answer = new Promise<SwarmCounts>((resolve, reject) => {
    tracker.on('warning', reject)
    tracker.subscribe(announcement.topic, {
      open() {
        opened = env.now()
        tracker.announce({ ...announcement, event: 'started' })
      },
      close() {},
      offer() {},
      answer() {},
      counts: resolve,
      // What a tracker only remarks comes with its counts, in the same turn.
      warning: error => queueMicrotask(() => reject(error)),
    })
  })
  try {
    const counts = await withDeadline(env, answer, timeout, () => late(timeout, opened !== undefined))
    tracker.announce({ ...announcement, event: 'stopped' })
    const connectMs = Math.round((opened ?? began) - began)
    const answerMs = Math.round(env.now() - (opened ?? began))
    const { complete, incomplete, interval } = counts
    const pace = interval === undefined ? '' : `, asks for an announcement every ${seconds(interval)}`
    return {
      verdict: 'works',
      says: `connected after ${connectMs} ms, answered ${answerMs} ms later: seeders ${complete ?? 0}, leechers ${incomplete ?? 0}${pace}`,
      facts: { connectMs, answerMs, complete, incomplete, intervalMs: interval },
    }
  } finally {
    await tracker.close()
  }
}

function late(timeout: number, opened: boolean): Trouble {
  return opened
    ? new Trouble(
        `takes the connection, but does not answer an announcement within ${seconds(timeout)}`,
        'It may be overloaded, or no WebTorrent tracker; try again, or take another one',
      )
    : new Trouble(
        `there is no connection within ${seconds(timeout)}`,
        'The server is away, or a firewall on the way swallows what is sent; --timeout gives it longer',
      )
}
