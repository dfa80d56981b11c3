import { describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** WebTorrent alone sits out two timers of 5 s for each connection that it makes in Node. */
const STOCK_PATIENCE = 40_000

async function expectDownload(leecher: Child, { sha256 }: { sha256: string }, ms?: number): Promise<void> {
  expect(await leecher.next('done', () => true, ms)).toMatchObject({ sha256 })
}

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

  it('seeds to a leecher with swarmlink, which was there before it [D1]', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const leecher = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    const stock = await processes.client()
    const file = { name: 'film' }
    const { magnet } = await (await processes.client()).ask('seed', file) // of a client that has no tracker
    await leecher.ask('add', { torrent: magnet })
    await tracker.next('announce', ({ kind, left }) => kind === 'started' && left > 0)
    // The stock client comes second, so it calls. On a busy machine its answer to a call may fail: libdatachannel looks at the certificate
    // before it has stored the answer, and WebTorrent then takes no other call of the same peer for 25 s.
    const seeded = await stock.ask('seed', { ...file, announce: [url] })
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
