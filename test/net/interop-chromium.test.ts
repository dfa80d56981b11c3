import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireChromium } from '../support/browsers/chromium.js'
import { PageClient } from '../support/browsers/page-client.js'
import { clientPage, openPages, type Pages } from '../support/browsers/pages.js'
import { Processes } from '../support/processes.js'

const PATIENCE = 40_000

const chromium = await requireChromium()
let pages: Pages

beforeAll(async () => {
  if (chromium !== undefined) pages = await openPages(await clientPage())
}, 60_000)
afterAll(() => pages?.close())

/** WebTorrent alone. */
async function openStock(): Promise<PageClient> {
  const page = await PageClient.open(pages.browser, pages.origin)
  await page.ask('start', {})
  return page
}

describe.skipIf(chromium === undefined).concurrent('stock WebTorrent in Chromium', () => {
  it('downloads from a swarmlink seeder in Node [D1]', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    const seeded = await seeder.ask('seed', { size: 2_000_000 })
    const stock = await openStock()
    onTestFinished(() => stock.close())
    await stock.ask('add', { torrent: seeded.magnet, announce: [url] })
    expect(await stock.next('done')).toMatchObject({ sha256: seeded.sha256 })
    expect(await seeder.next('peer')).toMatchObject({ peer: { isSwarmlink: false, verified: false } })
    expect(seeder.all('connection')).toEqual([])
    expect(await seeder.ask('engine')).toMatchObject({ furtherChannels: 0 })
  })

  it('seeds to a swarmlink leecher in Node [D1]', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const stock = await openStock()
    onTestFinished(() => stock.close())
    const seed = { name: 'from-a-page', size: 2_000_000, announce: [url] }
    const seeded = (await stock.ask('seed', seed)) as { magnet: string; sha256: string } // returned by page.js
    const leecher = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    await leecher.ask('add', { torrent: seeded.magnet })
    expect(await leecher.next('done', () => true, PATIENCE)).toMatchObject({ sha256: seeded.sha256 })
    expect(await leecher.next('peer')).toMatchObject({ peer: { isSwarmlink: false, verified: false } })
    expect(leecher.all('connection')).toEqual([])
    expect(await leecher.ask('engine')).toMatchObject({ furtherChannels: 0 })
  })
})
