import { describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** WebTorrent alone waits for two timers of 5 s per connection in Node. */
const STOCK_PATIENCE = 40_000

async function expectDownload(leecher: Child, { sha256 }: { sha256: string }, ms?: number): Promise<void> {
  expect(await leecher.next('done', () => true, ms)).toMatchObject({ sha256 })
}

describe.concurrent('stock WebTorrent in Node', () => {
  it('downloads from a swarmlink seeder [D1]', { timeout: 60_000 }, async ({ onTestFinished }) => {
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
    const { magnet } = await (await processes.client()).ask('seed', file) // from a client without a tracker
    await leecher.ask('add', { torrent: magnet })
    await tracker.next('announce', ({ kind, left }) => kind === 'started' && left > 0)
    // The stock client comes second, so it offers. On a busy machine an answer may fail: libdatachannel verifies the certificate before it
    // has stored the answer, and WebTorrent then accepts no other offer of the same peer for 25 s.
    const seeded = await stock.ask('seed', { ...file, announce: [url] })
    await expectDownload(leecher, seeded, STOCK_PATIENCE)
    await expectStockMet(leecher)
  })

  /** A second channel would replace the stock peer's wire. */
  async function expectStockMet(swarmlink: Child): Promise<void> {
    expect(await swarmlink.next('peer')).toMatchObject({ peer: { isSwarmlink: false, verified: false, source: 'tracker' } })
    expect(await swarmlink.next('wire')).toMatchObject({ type: 'webrtc' })
    expect(await swarmlink.ask('stats')).toMatchObject({
      torrents: [{ connections: 0, stages: { connected: 1, wired: 1, messaging: 0 } }],
    })
    expect(swarmlink.all('connection')).toEqual([])
    expect(await swarmlink.ask('connections')).toEqual([])
    expect(await swarmlink.ask('engine')).toMatchObject({ furtherChannels: 0 })
  }
})
