import { describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** WebTorrent alone sits out two timers of 5 s for each connection that it makes in Node. */
const STOCK_PATIENCE = 40_000

async function expectDownload(leecher: Child, { sha256 }: { sha256: string }, ms?: number): Promise<void> {
  expect(await leecher.next('done', () => true, ms)).toMatchObject({ sha256 })
}

async function expectNoErrors(...children: Child[]): Promise<void> {
  for (const child of children) expect(child.errors).toBe('')
}

describe.concurrent('D1 D6 two of ours, each in a process', () => {
  const pairs = [
    { seeder: 'node-datachannel', leecher: 'node-datachannel' },
    { seeder: 'roamhq', leecher: 'node-datachannel' },
    { seeder: 'node-datachannel', leecher: 'roamhq' },
    { seeder: 'roamhq', leecher: 'roamhq' },
  ]
  for (const engines of pairs) {
    it(`D1 D3 D6 a magnet becomes a wire, a message channel and the data: ${engines.seeder} seeds, ${engines.leecher} leeches`, async ({
      onTestFinished,
    }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const plugin = (engine: string) => ({ plugin: { trackers: [url], ...(engine === 'roamhq' && { wrtc: engine }) } })
      const [seeder, leecher] = await Promise.all([
        processes.client(plugin(engines.seeder)),
        processes.client(plugin(engines.leecher)),
      ])
      const seeded = await seeder.ask('seed', { size: 2_000_000 })
      await leecher.ask('add', { torrent: seeded.magnet })
      await expectDownload(leecher, seeded)

      const [seederReady, leecherReady] = [await seeder.next('ready'), await leecher.next('ready')]
      expect(await seeder.next('peer')).toMatchObject({
        peer: {
          peerId: leecherReady['peerId'],
          announceId: leecherReady['announceId'],
          verified: true,
          ours: true,
          source: 'tracker',
        },
      })
      expect(await leecher.next('peer')).toMatchObject({
        peer: {
          peerId: seederReady['peerId'],
          announceId: seederReady['announceId'],
          verified: true,
          ours: true,
          source: 'tracker',
        },
      })
      for (const side of [seeder, leecher]) {
        await side.next('our-wire')
        expect(await side.next('wire')).toMatchObject({ type: 'webrtc', infoHash: seeded.infoHash })
        expect(await side.next('connection')).toMatchObject({ verified: true, infoHash: seeded.infoHash })
        await side.next('connect')
      }
      await seeder.ask('send', { message: { from: 'seeder', text: 'grüße' } })
      await leecher.ask('send', { message: ['leecher', 1, null] })
      expect(await leecher.next('data')).toMatchObject({
        remotePeerId: seederReady['peerId'],
        data: { from: 'seeder', text: 'grüße' },
      })
      expect(await seeder.next('data')).toMatchObject({ remotePeerId: leecherReady['peerId'], data: ['leecher', 1, null] })

      for (const [side, engine] of [
        [seeder, engines.seeder],
        [leecher, engines.leecher],
      ] as const) {
        const stats = await side.ask('stats')
        expect(stats).toMatchObject({
          engine,
          activeTorrents: 1,
          torrents: [{ peerCount: 1, connections: 1, stages: { connected: 1, wired: 1, messaging: 1 } }],
        })
      }
      for (const side of [seeder, leecher]) expect(await side.end()).toMatchObject({ code: 0 })
      await expectNoErrors(seeder, leecher)
    })
  }
})

describe.concurrent('a client that nobody here wrote: stock WebTorrent in Node', () => {
  it('D1 downloads from our seeder', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    const stock = await processes.client()
    const seeded = await seeder.ask('seed')
    await stock.ask('add', { torrent: seeded.magnet, announce: [url] })
    await expectDownload(stock, seeded, STOCK_PATIENCE)
    await expectStockMet(seeder)
  })

  it('D1 seeds to our leecher', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const stock = await processes.client()
    const leecher = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    const seeded = await stock.ask('seed', { announce: [url] })
    await leecher.ask('add', { torrent: seeded.magnet })
    await expectDownload(leecher, seeded, STOCK_PATIENCE)
    await expectStockMet(leecher)
  })

  /** A second channel would take the place of the stock peer's wire. */
  async function expectStockMet(ours: Child): Promise<void> {
    expect(await ours.next('peer')).toMatchObject({ peer: { ours: false, verified: false, source: 'tracker' } })
    expect(await ours.next('wire')).toMatchObject({ type: 'webrtc' })
    expect(await ours.ask('stats')).toMatchObject({
      torrents: [{ connections: 0, stages: { connected: 1, wired: 1, messaging: 0 } }],
    })
    expect(ours.all('connection')).toEqual([])
    expect(await ours.ask('connections')).toEqual([])
    expect(await ours.ask('engine')).toMatchObject({ furtherChannels: 0 })
  }
})
