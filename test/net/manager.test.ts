import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { serverName } from '../../src/signaling/url.js'
import { Processes, type Child } from '../support/processes.js'

const WITHOUT_WEBRTC = fileURLToPath(new URL('fixtures/without-webrtc.js', import.meta.url))

/** How long to look for an event that must not happen. Two swarmlink peers connect within a few milliseconds. */
const QUIET = 1_000

const elapsed = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

interface Seeded {
  infoHash: string
  magnet: string
  file: string
  sha256: string
}

/** A tracker, a seeder that is announced there, and its torrent. */
async function seedOne(processes: Processes, plugin: object = {}, seed: object = {}) {
  const { tracker, url, port } = await processes.tracker()
  const seeder = await processes.client({ plugin: { trackers: [url], ...plugin } })
  const seeded = (await seeder.ask('seed', seed)) as Seeded // returned by the fixture's `seed`
  return { tracker, url, port, seeder, seeded }
}

async function expectDownload(leecher: Child, { sha256, infoHash }: Seeded): Promise<void> {
  expect(await leecher.next('done', report => report['infoHash'] === infoHash)).toMatchObject({ sha256 })
}

describe.concurrent('the trackers of the options', () => {
  it('are dialled when the manager is made, on the socket that its torrents then use [A4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: { trackers: [url] } })
    await tracker.next('socket')
    expect(tracker.all('announce')).toEqual([])
    await client.ask('seed', {})
    await tracker.next('announce')
    expect(tracker.all('socket')).toHaveLength(1)
  })

  it('are dialled with the first torrent if warm is false [A4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: { trackers: [url], warm: false } })
    await elapsed(QUIET)
    expect(tracker.all('socket')).toEqual([])
    await client.ask('seed', {})
    await tracker.next('announce')
  })
})

describe.concurrent("takeover of WebTorrent's own WebSocket trackers", () => {
  it('switches them off while the manager is attached, and destroy() restores them [D1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: {} })
    expect(await client.ask('setting')).toEqual({ own: true, value: false })
    const { infoHash } = await client.ask('seed', { announce: [url] })
    await tracker.next('announce', report => report['infoHash'] === infoHash)
    await elapsed(QUIET)
    expect(tracker.all('socket')).toHaveLength(1) // only the manager's
    await client.ask('detach')
    expect(await client.ask('setting')).toEqual({ own: false })
    // A torrent that is added now is announced by WebTorrent again.
    const later = await client.ask('seed', { name: 'later', announce: [url] })
    await tracker.next('announce', report => report['infoHash'] === later.infoHash)
  })

  it('leaves them on with takeover: false, and the client does not connect to itself [D1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: { takeover: false } })
    expect(await client.ask('setting')).toEqual({ own: false })
    const { infoHash } = await client.ask('seed', { announce: [url] })
    await tracker.next('announce', report => report['offers'] > 0)
    const announcers = () => new Set(tracker.all('announce').map(report => report['from'] as string))
    await expect.poll(() => announcers().size, { timeout: 10_000 }).toBe(2) // WebTorrent and the manager
    await client.ask('discover', { infoHash })
    await elapsed(QUIET)
    const stats = await client.ask('stats')
    expect(stats.torrents[0].stages).toMatchObject({ connected: 0, answered: 0 })
    expect(client.all('peer')).toEqual([])
    expect(client.all('wire')).toEqual([])
  })
})

describe.concurrent('where a torrent is announced', () => {
  it('announces a magnet before its metadata is known, as an incomplete download [D1] [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: { trackers: [url] } })
    const infoHash = 'a'.repeat(40)
    await client.ask('add', { torrent: `magnet:?xt=urn:btih:${infoHash}` })
    const announce = await tracker.next('announce')
    expect(announce).toMatchObject({ infoHash, kind: 'started' })
    expect(announce['left']).toBeGreaterThan(0)
    expect(announce['offers']).toBeGreaterThan(0)
    expect(client.all('metadata')).toEqual([])
  })

  it('announces a private torrent only to its own trackers [D1] [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const [own, other] = await Promise.all([processes.tracker(), processes.tracker()])
    const client = await processes.client({ plugin: { trackers: [other.url] } })
    const seeded = await client.ask('seed', { private: true, announce: [own.url] })
    const open = await client.ask('seed', { name: 'open' })
    expect(await own.tracker.next('announce')).toMatchObject({ infoHash: seeded.infoHash })
    expect(await other.tracker.next('announce')).toMatchObject({ infoHash: open.infoHash })
    await client.ask('discover', { infoHash: seeded.infoHash })
    await client.ask('addTracker', { url: other.url })
    const stats = await client.ask('stats')
    const { trackers } = stats.torrents.find((torrent: Seeded) => torrent.infoHash === seeded.infoHash)
    expect(trackers).toEqual([serverName(own.url)])
    expect(other.tracker.all('announce').filter(report => report['infoHash'] === seeded.infoHash)).toEqual([])
  })

  it('withdraws a magnet that turns out to be private from all trackers but its own [D1] [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const [own, other] = await Promise.all([processes.tracker(), processes.tracker()])
    const seeder = await processes.client({ plugin: { trackers: [] } })
    const seeded = await seeder.ask('seed', { private: true, announce: [own.url] })
    const leecher = await processes.client({ plugin: { trackers: [other.url] } })
    const magnet = `magnet:?xt=urn:btih:${seeded.infoHash}&tr=${encodeURIComponent(own.url)}`
    await leecher.ask('add', { torrent: magnet })
    await expectDownload(leecher, seeded)
    const [torrent] = (await leecher.poll('stats', stats => stats.torrents[0]?.trackers.length === 1)).torrents
    expect(torrent.trackers).toEqual([serverName(own.url)])
    const announced = other.tracker.all('announce')
    if (announced.length > 0) await other.tracker.next('announce', report => report['kind'] === 'stopped')
  })

  it("announces a torrent without WebSocket trackers to the manager's [D1] [D6]", async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ client: { tracker: false }, plugin: { trackers: [url] } })
    const announce = ['udp://127.0.0.1:9', 'http://127.0.0.1:9/announce', 'wss://', 'nonsense']
    const { infoHash } = await client.ask('seed', { announce })
    expect(await tracker.next('announce')).toMatchObject({ infoHash })
    const stats = await client.ask('stats')
    expect(stats.torrents[0].trackers).toEqual([serverName(url)])
  })

  it('applies addTracker and removeTracker to existing torrents [D2] [D1] [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const [first, second] = await Promise.all([processes.tracker(), processes.tracker()])
    const client = await processes.client({ plugin: { trackers: [first.url] } })
    const { infoHash } = await client.ask('seed')
    await first.tracker.next('announce')
    await client.ask('addTracker', { url: second.url })
    expect(await second.tracker.next('announce')).toMatchObject({ infoHash, kind: 'started' })
    await client.ask('removeTracker', { url: first.url })
    expect(await first.tracker.next('announce', report => report['kind'] === 'stopped')).toMatchObject({ infoHash })
    expect((await client.ask('stats')).torrents[0].trackers).toEqual([serverName(second.url)])
    await expect(client.ask('addTracker', { url: 'http://127.0.0.1' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('announces again to a tracker that is back, which introduces newcomers [D10] [D1] [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url, port, seeder, seeded } = await seedOne(processes)
    await tracker.next('announce')
    await tracker.kill()
    expect(await seeder.next('warning')).toMatchObject({ code: 'ERR_TRACKER_LINK' })
    const again = await processes.start('tracker')
    await again.ask('listen', { port })
    expect(await again.next('announce', () => true, 15_000)).toMatchObject({ infoHash: seeded.infoHash, kind: 'started' })
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent: seeded.magnet })
    await expectDownload(leecher, seeded)
  })
})

describe.concurrent('the life of a torrent', () => {
  it('gives an address on the block list no wire, and does not retry it without end [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, seeded } = await seedOne(processes)
    const addresses = Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address))
    const blocklist = ['127.0.0.1', ...addresses.map(address => address.replace(/%.*/, ''))]
    const leecher = await processes.client({ client: { blocklist }, plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent: seeded.magnet })
    await leecher.next('blocked')
    await leecher.next('peer-disconnected')
    await leecher.ask('discover', { infoHash: seeded.infoHash })
    await elapsed(QUIET)
    expect(leecher.all('wire')).toEqual([])
    expect(leecher.all('blocked').length).toBeLessThanOrEqual(2)
    expect((await leecher.ask('stats')).torrents[0].peerCount).toBe(0)
  })

  it('gives a paused torrent no new peer until it is resumed [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url, seeder, seeded } = await seedOne(processes)
    await tracker.next('announce')
    await seeder.ask('pause', seeded)
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent: seeded.magnet })
    const seen = await seeder.poll('stats', stats => stats.torrents[0]?.stages.refused.paused > 0)
    expect(seen.torrents[0].peerCount).toBe(0)
    await seeder.ask('discover', seeded)
    expect(leecher.all('wire')).toEqual([])
    await seeder.ask('resume', seeded)
    await seeder.ask('discover', seeded)
    await expectDownload(leecher, seeded)
  })

  it("closes the connections of a removed torrent, and its 'stopped' reaches the tracker [D6]", async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url, seeded } = await seedOne(processes)
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent: seeded.magnet })
    await expectDownload(leecher, seeded)
    await leecher.next('connect')
    const from = (await tracker.next('announce', report => report['kind'] === 'completed'))['from'] as string
    await leecher.ask('remove', seeded)
    await tracker.next('announce', report => report['kind'] === 'stopped' && report['from'] === from)
    await leecher.next('connection-close')
    const stats = await leecher.poll('stats', ({ connections }) => connections.used === 0)
    expect(stats).toMatchObject({ activeTorrents: 0, torrents: [], offers: { idle: 0 } })
    await expect(leecher.ask('discover', seeded)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('meets the same peers again after a torrent was removed and added again [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, seeder, seeded } = await seedOne(processes)
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    for (let round = 1; round <= 3; round++) {
      await leecher.ask('add', { torrent: seeded.magnet })
      await leecher.nth('done', round)
      expect(await leecher.ask('stats')).toMatchObject({ activeTorrents: 1 })
      await leecher.ask('remove', seeded)
    }
    await seeder.nth('peer-disconnected', 3)
  })

  it('finds peers for torrents that were there before the manager [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, seeded } = await seedOne(processes)
    const leecher = await processes.client()
    await leecher.ask('add', { torrent: seeded.magnet })
    await leecher.ask('attach', { trackers: [url] })
    await expectDownload(leecher, seeded)
  })

  it('changes nothing when WebTorrent refuses a duplicate [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, seeded } = await seedOne(processes)
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent: seeded.magnet })
    await expect(leecher.ask('add', { torrent: seeded.magnet })).rejects.toThrow(/duplicate/i)
    await expectDownload(leecher, seeded)
    expect(await leecher.ask('stats')).toMatchObject({ activeTorrents: 1 })
    expect(leecher.all('warning')).toEqual([])
  })
})

describe.concurrent('ConnectionManager without a WebRTC engine', () => {
  it('gives one clear warning, and WebTorrent works as before [D8]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: { trackers: [url] } }, { nodeOptions: ['--import', WITHOUT_WEBRTC] })
    const warning = await client.next('warning')
    expect(warning).toMatchObject({ code: 'ERR_NO_WEBRTC' })
    expect(warning['message']).toMatch(/install node-datachannel/)
    expect(await client.ask('setting')).toEqual({ own: false })
    const { infoHash } = await client.ask('seed', { announce: [url] })
    await tracker.next('announce', report => report['infoHash'] === infoHash) // by WebTorrent itself
    expect(await client.ask('stats')).toMatchObject({ state: 'off', activeTorrents: 0, connections: { used: 0 }, torrents: [] })
    await expect(client.ask('invite', { infoHash })).rejects.toThrow(/could not start: .*install node-datachannel/)
    expect((await client.ask('stats')).engine).toBeUndefined()
    expect(client.all('warning')).toHaveLength(1)
    expect(await client.end()).toMatchObject({ code: 0 })
    expect(client.errors).toBe('')
  })
})

describe.concurrent('several clients and managers', () => {
  it('let two clients of one process find each other [D1] [D4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const child = await processes.start('client')
    await child.ask('start', { plugin: { trackers: [url] } }, 'a')
    await child.ask('start', { plugin: { trackers: [url] } }, 'b')
    const seeded = await child.ask('seed', {}, 'a')
    await child.ask('add', { torrent: seeded.magnet }, 'b')
    await child.next('done', report => report['on'] === 'b' && report['sha256'] === seeded.sha256)
    for (const on of ['a', 'b']) await child.next('connect', report => report['on'] === on)
    // One may end without the other.
    await child.ask('detach', {}, 'a')
    await child.next('connection-close', report => report['on'] === 'b')
    expect(await child.ask('stats', {}, 'a')).toMatchObject({ connections: { used: 0 } })
    await child.ask('discover', seeded, 'b')
  })

  it('allow no second manager on one client until the first is gone [D1] [D4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const client = await processes.client({ plugin: { trackers: [] } })
    await expect(client.ask('attach', {})).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/already/),
    })
    expect(await client.ask('setting')).toEqual({ own: true, value: false })
    await client.ask('detach')
    await client.ask('attach', { trackers: [] })
    expect(await client.ask('setting')).toEqual({ own: true, value: false })
  })

  it('reject discoverPeers for an invalid or unknown hash, and resolve it after a round [D4] [D1]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, seeder, seeded } = await seedOne(processes)
    for (const infoHash of ['', 'x', 'z'.repeat(40), 'b'.repeat(40), 7, null]) {
      await expect(seeder.ask('discover', { infoHash })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
    await tracker.next('announce')
    const before = tracker.all('announce').length
    const { took } = await seeder.ask('discover', { infoHash: seeded.infoHash.toUpperCase() })
    expect(took).toBeLessThan(5_000)
    await tracker.nth('announce', before + 1) // its report may be later than the seeder's
  })
})

describe.concurrent('limits', () => {
  it('stop a torrent with maxPeersPerTorrent from making further offers [D3]', { timeout: 180_000 }, async context => {
    const { expect: expectHere, onTestFinished } = context
    const processes = new Processes(onTestFinished)
    const { tracker, url, seeder, seeded } = await seedOne(processes, { maxPeersPerTorrent: 2 })
    const leechers = await Promise.all(
      [1, 2, 3].map(() => processes.client({ plugin: { trackers: [url], maxPeersPerTorrent: 2 } })),
    )
    const clients = [seeder, ...leechers]
    for (const leecher of leechers) await leecher.ask('add', { torrent: seeded.magnet })
    // While one of the four has a free slot, others may evict for it, and a recent search has its offers ready.
    const state = async () => {
      const all = await Promise.all(clients.map(each => each.ask('stats')))
      return { peers: all.map(({ torrents }) => torrents[0]?.peerCount), made: all[0].offers.made }
    }
    const settled = async () => {
      const { made } = await state()
      await elapsed(1_000)
      const now = await state()
      return [...now.peers, now.made - made]
    }
    // `PeerRotation` evicts a peer while the tracker counts an incomplete client, and the two then avoid each other for up to a minute.
    await Promise.all(leechers.map(leecher => leecher.next('done')))
    // The first round tells the tracker that all are complete, the second one tells all of them.
    for (const each of [...clients, ...clients]) await each.ask('discover', seeded)
    await expectHere.poll(settled, { timeout: 120_000 }).toEqual([2, 2, 2, 2, 0])
    const before = await seeder.ask('stats')
    const own = (await tracker.next('announce'))['from'] as string
    const announcedBefore = tracker.all('announce').length
    for (let round = 0; round < 4; round++) await seeder.ask('discover', seeded)
    const after = await seeder.ask('stats')
    expect(after.offers.made).toBe(before.offers.made)
    expect(after.torrents[0].peerCount).toBe(2)
    const rounds = tracker
      .all('announce')
      .slice(announcedBefore)
      .filter(report => report['from'] === own)
    expect(rounds.length).toBeGreaterThanOrEqual(3)
    expect(rounds.every(report => report['offers'] === 0)).toBe(true)
  })
})

describe.concurrent('one BitTorrent peer over TCP and WebRTC', () => {
  it('keeps one of the two wires, on whichever side, and the messages [D6]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const seeder = await processes.start('client')
    const { port } = await seeder.ask('start', { plugin: { trackers: [url] } })
    const seeded = await seeder.ask('seed', { size: 20_000_000 })
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent: seeded.magnet })
    await Promise.all([seeder.next('connect'), leecher.next('connect')])
    await leecher.next('our-wire')
    expect(await leecher.ask('dial', { infoHash: seeded.infoHash, address: `127.0.0.1:${port}` })).toBe(true)
    for (const side of [seeder, leecher]) {
      await side.next('wire', report => String(report['type']).startsWith('tcp'))
      await side.next('wire-close', report => report['type'] === 'webrtc')
    }
    await expectDownload(leecher, seeded)
    for (const side of [seeder, leecher]) {
      expect(await side.ask('wires', seeded)).toMatchObject([{ type: expect.stringMatching(/^tcp/) }])
      await side.ask('send', { message: 'still here' })
    }
    for (const side of [seeder, leecher]) await side.next('data', report => report['data'] === 'still here')
    await leecher.ask('discover', seeded)
    await elapsed(QUIET)
    for (const side of [seeder, leecher]) {
      expect(side.all('connection-close')).toEqual([])
      expect(await side.ask('wires', seeded)).toHaveLength(1)
    }
  })
})
