import { describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** How long to look for an event that must not happen. Two swarmlink peers connect within a few milliseconds. */
const QUIET = 2_000
const elapsed = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** A seeder and a leecher that know each other only through this tracker. */
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

describe.concurrent('a tracker in the middle', () => {
  const found = [
    'swap the fingerprint',
    'swap the peer id',
    'swap the announce id',
    'put the identity of another description there',
    'damage the identity',
  ]
  for (const trick of found) {
    it(`cannot ${trick}: it is detected, and no peer is connected [X3]`, async ({ onTestFinished }) => {
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
    it(`connects no peers when it would ${trick} [X3]`, async ({ onTestFinished }) => {
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

  it('makes swarmlink peers unverified when it removes the identities: a wire, but no message channel [X3]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker({ trick: 'take the identity out' }, 'hostile-tracker')
    const { seeder, leecher, seeded } = await pair(processes, url)
    expect(await leecher.next('done')).toMatchObject({ sha256: seeded.sha256 })
    for (const side of [seeder, leecher]) {
      expect(await side.next('peer')).toMatchObject({ peer: { isSwarmlink: false, verified: false } })
      expect(side.all('connection')).toEqual([])
    }
  })

  it('connects no peer that requires identities when it removes them [X3]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker({ trick: 'take the identity out' }, 'hostile-tracker')
    const { seeder, leecher } = await pair(processes, url, { requireIdentity: true })
    const rejected = (child: Child) => child.poll('stats', ({ torrents }) => torrents[0]?.stages.refused.rejected > 0)
    await Promise.race([rejected(seeder), rejected(leecher)])
    await elapsed(QUIET)
    for (const side of [seeder, leecher]) expect(side.all('peer')).toEqual([])
  })
})

describe.concurrent('admission', () => {
  it('with requireIdentity refuses stock clients and admits swarmlink peers [D1]', async ({ onTestFinished }) => {
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
    expect(seeder.all('peer').every(({ peer }) => peer.isSwarmlink === true)).toBe(true)
    expect(stock.all('wire')).toEqual([])
  })

  it("calls verify once with the peer's identity, before a connection is made for it [D1]", async ({ onTestFinished }) => {
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
      isSwarmlink: true,
      source: 'tracker',
    })
    for (let round = 0; round < 3; round++) await leecher.ask('discover', seeded)
    expect(seeder.all('verify')).toHaveLength(1) // A refused peer is not verified again at once.
    expect((await stages(seeder)).refused.rejected).toBe(1)
    for (const side of [seeder, leecher]) expect(side.all('peer')).toEqual([])
    expect(leecher.all('wire')).toEqual([])
  })

  it('refuses the peer with a warning when verify throws [D1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const { seeder, leecher } = await pair(processes, url, { verify: 'throws' })
    const warning = await Promise.race([seeder, leecher].map(side => side.next('warning')))
    expect(warning).toMatchObject({ code: 'ERR_IDENTITY', message: expect.stringContaining('the application failed') })
    await elapsed(QUIET)
    for (const side of [seeder, leecher]) expect(side.all('peer')).toEqual([])
  })
})
