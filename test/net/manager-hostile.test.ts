import { describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** How long to look for something that must not happen. A connection between two of ours takes a few milliseconds. */
const QUIET = 2_000
/** Attempts of others that may be under way at a time. */
const INBOUND = 64
/** Those that had to go for others are closed two turns later: as many as offers are answered at the same time. */
const CLOSING = 10
/** Offers of our own that are being gathered, at most; they are not counted as made yet. */
const GATHERING = 8

const elapsed = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** A seeder and a leecher that know each other through this tracker only. */
async function pair(processes: Processes, url: string, plugin: object = {}) {
  const [seeder, leecher] = await Promise.all([
    processes.client({ plugin: { trackers: [url], ...plugin } }),
    processes.client({ plugin: { trackers: [url], ...plugin } }),
  ])
  const seeded = await seeder.ask('seed')
  await leecher.ask('add', { torrent: seeded.magnet })
  return { seeder, leecher, seeded }
}

async function stages(child: Child) {
  const { torrents } = await child.ask('stats')
  return torrents[0].stages
}

describe.concurrent('X3 a tracker in the middle', () => {
  const found = [
    'swap the fingerprint',
    'swap the peer id',
    'swap the announce id',
    'put the identity of another description there',
    'damage the identity',
  ]
  for (const trick of found) {
    it(`cannot ${trick}: it is found out, and nobody is connected`, async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker({ trick }, 'hostile-tracker')
      const { seeder, leecher } = await pair(processes, url)
      const failure = await Promise.race([seeder, leecher].map(side => side.next('peer-failed')))
      expect(failure).toMatchObject({ code: 'ERR_IDENTITY' })
      await elapsed(QUIET)
      let counted = 0
      for (const side of [seeder, leecher]) {
        expect(side.all('peer')).toEqual([])
        expect(side.all('connection')).toEqual([])
        expect(side.all('wire')).toEqual([])
        expect(side.errors).toBe('')
        counted += (await stages(side)).failed.ERR_IDENTITY ?? 0
      }
      expect(counted).toBeGreaterThan(0)
    })
  }

  for (const trick of ['swap the fingerprint and take the identity out', 'lead elsewhere']) {
    it(`that would ${trick} connects nobody`, async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker({ trick }, 'hostile-tracker')
      const { seeder, leecher } = await pair(processes, url)
      await Promise.race(
        [seeder, leecher].map(side => side.poll('stats', ({ torrents }) => torrents[0]?.stages.answersReceived > 0)),
      )
      await elapsed(QUIET)
      for (const side of [seeder, leecher]) {
        expect(side.all('peer')).toEqual([])
        expect(side.all('connection')).toEqual([])
      }
    })
  }

  it('that takes the identities out makes strangers of us: a wire, but no message channel', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker({ trick: 'take the identity out' }, 'hostile-tracker')
    const { seeder, leecher, seeded } = await pair(processes, url)
    expect(await leecher.next('done')).toMatchObject({ sha256: seeded.sha256 })
    for (const side of [seeder, leecher]) {
      expect(await side.next('peer')).toMatchObject({ peer: { ours: false, verified: false } })
      expect(side.all('connection')).toEqual([])
    }
  })

  it('that takes the identities out connects nobody who requires them', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker({ trick: 'take the identity out' }, 'hostile-tracker')
    const { seeder, leecher } = await pair(processes, url, { requireIdentity: true })
    const rejected = (child: Child) => child.poll('stats', ({ torrents }) => torrents[0]?.stages.refused.rejected > 0)
    await Promise.race([rejected(seeder), rejected(leecher)])
    await elapsed(QUIET)
    for (const side of [seeder, leecher]) expect(side.all('peer')).toEqual([])
  })
})

describe.concurrent('D1 who is let in', () => {
  it('requireIdentity refuses stock clients and takes ours', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [url], requireIdentity: true } })
    const seeded = await seeder.ask('seed')
    await tracker.next('announce')
    const stock = await processes.client()
    await stock.ask('add', { torrent: seeded.magnet, announce: [url] })
    await seeder.poll('stats', ({ torrents }) => torrents[0]?.stages.refused.rejected > 0, {}, 30_000)
    const leecher = await processes.client({ plugin: { trackers: [url], requireIdentity: true } })
    await leecher.ask('add', { torrent: seeded.magnet })
    expect(await leecher.next('done')).toMatchObject({ sha256: seeded.sha256 })
    expect(seeder.all('peer').every(({ peer }) => peer.ours === true)).toBe(true)
    expect(stock.all('wire')).toEqual([])
  })

  it('verify is asked once with who the peer is, before anything is built for it', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [url], verify: 'refuses', wrtc: 'counted' } })
    const leecher = await processes.client({ plugin: { trackers: [url], verify: 'accepts' } })
    const { peerId } = await leecher.next('ready')
    const seeded = await seeder.ask('seed')
    await leecher.ask('add', { torrent: seeded.magnet })
    const { peer } = await seeder.next('verify')
    expect(peer).toEqual({
      peerId,
      announceId: expect.stringMatching(/^[0-9a-f]{40}$/),
      verified: true,
      ours: true,
      source: 'tracker',
    })
    for (let round = 0; round < 3; round++) await leecher.ask('discover', seeded)
    expect(seeder.all('verify')).toHaveLength(1) // whom the application turned away is not asked about again at once
    expect((await stages(seeder)).refused.rejected).toBe(1)
    for (const side of [seeder, leecher]) expect(side.all('peer')).toEqual([])
    expect(leecher.all('wire')).toEqual([])
  })

  it('verify that throws refuses the peer, with a warning', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const { seeder, leecher } = await pair(processes, url, { verify: 'throws' })
    const warning = await Promise.race([seeder, leecher].map(side => side.next('warning')))
    expect(warning).toMatchObject({ code: 'ERR_IDENTITY', message: expect.stringContaining('the application failed') })
    await elapsed(QUIET)
    for (const side of [seeder, leecher]) expect(side.all('peer')).toEqual([])
  })
})

describe('a tracker that floods a client with offers of callers that never come', () => {
  it('keeps 64 connections busy and no more, and a peer that comes through another tracker is met [X3]', async ({
    onTestFinished,
  }) => {
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
      busiest = Math.max(busiest, connections.used - offers.made) // what is no offer of ours answers one of theirs
      await elapsed(50)
    }
    expect(busiest).toBeLessThanOrEqual(INBOUND)
    const { most } = await leecher.ask('engine')
    const { offers } = await leecher.ask('stats')
    expect(most).toBeLessThanOrEqual(INBOUND + CLOSING + GATHERING + offers.made)
    expect((await stages(leecher)).refused.busy).toBeGreaterThan(1_000)

    await seeder.ask('resume', seeded)
    await seeder.ask('discover', seeded)
    expect(await leecher.next('done')).toMatchObject({ sha256: seeded.sha256 })
    expect(leecher.errors).toBe('')
  })
})
