/** Checks that a tracker accepts connections and answers an announcement. The topic is random, so that no peer is found. */
import { withDeadline } from '../core/env.js'
import { randomId } from '../core/id.js'
import type { Announcement, SwarmCounts } from '../signaling/signaling.js'
import { Tracker } from '../signaling/tracker/tracker.js'
import { seconds, CheckFailure, type Context, type Outcome } from './finding.js'

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
      // A tracker may send a warning together with its counts, which resolve in the same turn.
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

function late(timeout: number, opened: boolean): CheckFailure {
  return opened
    ? new CheckFailure(
        `takes the connection, but does not answer an announcement within ${seconds(timeout)}`,
        'It may be overloaded, or not a WebTorrent tracker: try again, or use another tracker',
      )
    : new CheckFailure(
        `there is no connection within ${seconds(timeout)}`,
        'The server is down, or a firewall on the way drops the packets; --timeout raises the limit',
      )
}
