import type { BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireChromium } from '../support/browsers/chromium.js'
import { clientPage, openPages, type Pages } from '../support/browsers/pages.js'
import { Processes, type Report } from '../support/processes.js'

const PATIENCE = 40_000
/** Far below an engine's timeout for a page that vanished, and far above the delay of a message. */
const SOON = 5_000

const chromium = await requireChromium()
let chrome: Pages

beforeAll(async () => {
  if (chromium !== undefined) chrome = await openPages(await clientPage())
}, 60_000)
afterAll(() => chrome?.close())

type Finish = (callback: () => Promise<void>) => void

/** The part of page.js that is used here. */
interface Window {
  driver: {
    reports: Report[]
    start(options: object): Promise<void>
    seed(options: object): Promise<{ magnet: string }>
    add(options: object): void
    send(message: unknown): void
  }
  /** The ICE username of each connection, which changes with each restart. */
  names(): string[]
}

/** A page that seeds or downloads, with the plugin. */
async function open(finish: Finish, tracker: string): Promise<Page> {
  const context: BrowserContext = await chrome.browser.newContext()
  finish(() => context.close())
  const page = await context.newPage()
  await page.addInitScript(() => {
    const connections: RTCPeerConnection[] = []
    const Plain = RTCPeerConnection
    Object.assign(globalThis, {
      RTCPeerConnection: class extends Plain {
        constructor(...args: ConstructorParameters<typeof Plain>) {
          super(...args)
          connections.push(this)
        }
      },
      names: () =>
        connections
          .filter(({ connectionState }) => connectionState === 'connected')
          .map(({ localDescription }) => /^a=ice-ufrag:(.*)$/m.exec(localDescription?.sdp ?? '')?.[1]),
    })
  })
  await page.goto(chrome.origin)
  await page.waitForFunction(() => 'driver' in globalThis)
  await page.evaluate(
    trackers => (globalThis as unknown as Window).driver.start({ plugin: { trackers } }), // set by page.js
    [tracker],
  )
  return page
}

const seed = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as Window).driver.seed({ name: 'from-a-page', size: 100_000 })) // see above

const add = (page: Page, torrent: string) =>
  page.evaluate(magnet => (globalThis as unknown as Window).driver.add({ torrent: magnet }), torrent) // see above

const names = (page: Page) => page.evaluate(() => (globalThis as unknown as Window).names()) // see above

const send = (page: Page, message: string) => page.evaluate(text => (globalThis as unknown as Window).driver.send(text), message) // see above

async function reports(page: Page, event: string): Promise<Report[]> {
  const all = await page.evaluate(() => (globalThis as unknown as Window).driver.reports) // see above
  return all.filter(report => report.event === event)
}

async function until(page: Page, event: string, count = 1): Promise<void> {
  await expect.poll(async () => (await reports(page, event)).length, { timeout: PATIENCE }).toBeGreaterThanOrEqual(count)
}

describe.skipIf(chromium === undefined)('pages in Chromium', () => {
  it('keep wires and messages over new paths when the network changes [X1]', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const { url } = await new Processes(onTestFinished).tracker()
    const pages = [await open(onTestFinished, url), await open(onTestFinished, url)] as const
    const [seeder, leecher] = pages
    const { magnet } = await seed(seeder)
    await add(leecher, magnet)
    for (const page of pages) await until(page, 'connect')
    const before = await names(seeder)
    expect(before.length).toBe(1)
    await send(leecher, 'before')
    await leecher.evaluate(() => dispatchEvent(new Event('online')))
    await send(seeder, 'meanwhile')
    await expect.poll(() => names(seeder), { timeout: PATIENCE }).not.toEqual(before)
    await send(leecher, 'after')
    await until(seeder, 'data', 2)
    await until(leecher, 'data', 1)
    expect((await reports(seeder, 'data')).map(({ data }) => data)).toEqual(['before', 'after'])
    for (const page of pages)
      expect([
        (await reports(page, 'wire')).length,
        await reports(page, 'connection-close'),
        await reports(page, 'uncaught'),
      ]).toEqual([1, [], []])
  })

  // When a page is reloaded or navigates away, Chromium closes its connections in any case.
  for (const engine of ['node-datachannel', 'roamhq'])
    it(`are gone at once when they are closed (${engine}) [A8]`, { timeout: 60_000 }, async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const node = await processes.client({ plugin: { trackers: [url], ...(engine === 'roamhq' && { wrtc: engine }) } })
      const seeded = await node.ask('seed', { size: 100_000 })
      const page = await open(onTestFinished, url)
      await add(page, seeded.magnet)
      await until(page, 'connect')
      await node.next('connect')
      expect(node.all('peer-disconnected')).toEqual([])
      await page.close()
      expect(await node.next('peer-disconnected', () => true, SOON)).toBeDefined()
    })
})
