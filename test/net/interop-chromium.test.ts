import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireChromium } from '../support/chromium.js'
import { clientPage, openPages, type Pages } from '../support/pages.js'
import { Processes, type Report } from '../support/processes.js'

const PATIENCE = 40_000

const chromium = await requireChromium()
let pages: Pages

beforeAll(async () => {
  if (chromium !== undefined) pages = await openPages(await clientPage())
}, 60_000)
afterAll(() => pages?.close())

/** What page.js offers. */
interface Driver {
  reports: Report[]
  start(options: { plugin?: object }): Promise<void>
  seed(options: {
    name: string
    size: number
    announce?: string[]
  }): Promise<{ infoHash: string; magnet: string; sha256: string }>
  add(options: { torrent: string; announce?: string[] }): void
  send(message: unknown): void
  stats(): { connections: { used: number } }
  setting(): object
  destroy(): Promise<void>
}

class Client {
  readonly #page: Page

  private constructor(page: Page) {
    this.#page = page
  }

  static async open(options: { plugin?: object } = {}): Promise<Client> {
    const page = await (await pages.browser.newContext()).newPage()
    await page.goto(pages.origin)
    await page.waitForFunction(() => 'driver' in globalThis)
    const client = new Client(page)
    await client.ask('start', options)
    return client
  }

  async ask<Name extends Exclude<keyof Driver, 'reports'>>(
    name: Name,
    ...args: Parameters<Driver[Name]>
  ): Promise<Awaited<ReturnType<Driver[Name]>>> {
    const call = ([method, values]: [string, unknown[]]): unknown => {
      const { driver } = globalThis as unknown as { driver: Record<string, (...values: unknown[]) => unknown> } // set by page.js
      return driver[method]?.(...values)
    }
    const result = await this.#page.evaluate(call, [name, args] as [string, unknown[]])
    return result as Awaited<ReturnType<Driver[Name]>> // what that method returns, as JSON
  }

  async reports(event: string): Promise<Report[]> {
    const all = await this.#page.evaluate(() => (globalThis as unknown as { driver: Driver }).driver.reports) // set by page.js
    return all.filter(report => report.event === event)
  }

  async next(event: string): Promise<Report> {
    try {
      await this.#page.waitForFunction(
        name => (globalThis as unknown as { driver: Driver }).driver.reports.some(report => report.event === name), // set by page.js
        event,
        { timeout: PATIENCE, polling: 50 },
      )
    } catch (cause) {
      const seen = await this.#page.evaluate(() => (globalThis as unknown as { driver: Driver }).driver.reports) // set by page.js
      throw new Error(`page: no '${event}'\n${seen.map(report => JSON.stringify(report)).join('\n')}`, { cause })
    }
    const [report] = await this.reports(event)
    if (report === undefined) throw new Error('unreachable: it was there just now')
    return report
  }

  async close(): Promise<void> {
    await this.#page.context().close()
  }
}

describe.skipIf(chromium === undefined).concurrent('a client that nobody here wrote: stock WebTorrent in Chromium', () => {
  it('D1 downloads from our seeder in Node', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    const seeded = await seeder.ask('seed', { size: 2_000_000 })
    const stock = await Client.open()
    onTestFinished(() => stock.close())
    await stock.ask('add', { torrent: seeded.magnet, announce: [url] })
    expect(await stock.next('done')).toMatchObject({ sha256: seeded.sha256 })
    expect(await seeder.next('peer')).toMatchObject({ peer: { ours: false, verified: false } })
    expect(seeder.all('connection')).toEqual([])
    expect(await seeder.ask('engine')).toMatchObject({ furtherChannels: 0 })
  })

  it('D1 seeds to our leecher in Node', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const stock = await Client.open()
    onTestFinished(() => stock.close())
    const seeded = await stock.ask('seed', { name: 'from-a-page', size: 2_000_000, announce: [url] })
    const leecher = await processes.client({ plugin: { trackers: [url], wrtc: 'counted' } })
    await leecher.ask('add', { torrent: seeded.magnet })
    expect(await leecher.next('done', () => true, PATIENCE)).toMatchObject({ sha256: seeded.sha256 })
    expect(await leecher.next('peer')).toMatchObject({ peer: { ours: false, verified: false } })
    expect(leecher.all('connection')).toEqual([])
    expect(await leecher.ask('engine')).toMatchObject({ furtherChannels: 0 })
  })
})

describe.skipIf(chromium === undefined).concurrent('D1 C9 ours in Chromium and ours in Node', () => {
  for (const engine of ['node-datachannel', 'roamhq']) {
    const plugin = (url: string) => ({ trackers: [url], ...(engine === 'roamhq' && { wrtc: engine }) })

    it(`the page downloads, and both talk (${engine})`, { timeout: 60_000 }, async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const seeder = await processes.client({ plugin: plugin(url) })
      const seeded = await seeder.ask('seed', { size: 2_000_000 })
      const page = await Client.open({ plugin: { trackers: [url] } })
      onTestFinished(() => page.close())
      await page.ask('add', { torrent: seeded.magnet })
      expect(await page.next('done')).toMatchObject({ sha256: seeded.sha256 })
      expect(await page.ask('setting')).toEqual({ own: true, value: false })

      const { peerId } = await page.next('ready')
      expect(await page.next('connection')).toMatchObject({
        verified: true,
        remotePeerId: (await seeder.next('ready'))['peerId'],
      })
      expect(await seeder.next('connection')).toMatchObject({ verified: true, remotePeerId: peerId })
      await Promise.all([page.next('connect'), seeder.next('connect')])
      await page.ask('send', { from: 'the page', text: 'grüße' })
      await seeder.ask('send', { message: { from: 'node' } })
      expect(await seeder.next('data')).toMatchObject({ data: { from: 'the page', text: 'grüße' } })
      expect(await page.next('data')).toMatchObject({ data: { from: 'node' } })

      await page.ask('destroy')
      expect(await page.ask('stats')).toMatchObject({ connections: { used: 0 } })
      expect(await page.ask('setting')).toEqual({ own: false })
      await seeder.next('peer-disconnected')
      expect(await page.reports('uncaught')).toEqual([])
    })

    it(`the page seeds (${engine})`, { timeout: 60_000 }, async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const page = await Client.open({ plugin: { trackers: [url] } })
      onTestFinished(() => page.close())
      const seeded = await page.ask('seed', { name: 'from-a-page', size: 2_000_000 })
      const leecher = await processes.client({ plugin: plugin(url) })
      await leecher.ask('add', { torrent: seeded.magnet })
      expect(await leecher.next('done', () => true, PATIENCE)).toMatchObject({ sha256: seeded.sha256 })
      await Promise.all([page.next('connect'), leecher.next('connect')])
      expect(await leecher.next('peer')).toMatchObject({ peer: { ours: true, verified: true } })
      expect(await page.reports('uncaught')).toEqual([])
    })
  }

  it('two pages', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const [seeder, leecher] = await Promise.all([1, 2].map(() => Client.open({ plugin: { trackers: [url] } })))
    if (seeder === undefined || leecher === undefined) throw new Error('unreachable: there are two')
    onTestFinished(() => seeder.close())
    onTestFinished(() => leecher.close())
    const seeded = await seeder.ask('seed', { name: 'from-a-page', size: 2_000_000 })
    await leecher.ask('add', { torrent: seeded.magnet })
    expect(await leecher.next('done')).toMatchObject({ sha256: seeded.sha256 })
    await Promise.all([seeder.next('connect'), leecher.next('connect')])
    await leecher.ask('send', [1, 2, 3])
    expect(await seeder.next('data')).toMatchObject({ data: [1, 2, 3] })
  })
})
