import { describe, expect, it } from 'vitest'
import { Processes } from '../support/processes.js'

/** The most inbound attempts at a time. */
const INBOUND = 64
/**
 * Replaced attempts are closed two turns later, and their permits are free before: in each turn at most as many as offers are answered at the
 * same time.
 */
const CLOSING = 2 * 10
/** The most own offers that are being gathered, which do not count as made yet. */
const GATHERING = 8

const elapsed = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

describe('a tracker that floods a client with offers of absent peers', () => {
  it('keeps at most 64 connections busy, and a peer from another tracker connects [X3]', { timeout: 180_000 }, async context => {
    const { onTestFinished } = context
    const processes = new Processes(onTestFinished)
    const [hostile, honest] = await Promise.all([
      processes.tracker({ flood: { offers: 50, every: 20 } }, 'hostile-tracker'),
      processes.tracker(),
    ])
    const leecher = await processes.client({ plugin: { trackers: [hostile.url, honest.url], wrtc: 'counted' } })
    const seeder = await processes.client({ plugin: { trackers: [honest.url] } })
    const seeded = await seeder.ask('seed')
    await seeder.ask('pause', seeded)
    await leecher.ask('add', { torrent: seeded.magnet })
    await hostile.tracker.next('flooded', report => report['sent'] >= 2_000)

    let busiest = 0
    for (let look = 0; look < 20; look++) {
      const { connections, offers } = await leecher.ask('stats')
      busiest = Math.max(busiest, connections.used - offers.made) // connections that are not this client's offers answer one of the flood's
      await elapsed(50)
    }
    expect(busiest).toBeLessThanOrEqual(INBOUND)
    const { most } = await leecher.ask('engine')
    const { offers } = await leecher.ask('stats')
    expect(most).toBeLessThanOrEqual(INBOUND + CLOSING + GATHERING + offers.made)
    const { torrents } = await leecher.ask('stats')
    expect(torrents[0].stages.refused.busy).toBeGreaterThan(1_000)

    await seeder.ask('resume', seeded)
    await seeder.ask('discover', seeded)
    expect(await leecher.next('done')).toMatchObject({ sha256: seeded.sha256 })
    expect(leecher.errors).toBe('')
  })
})
