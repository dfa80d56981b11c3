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
