import { chromium, type Browser, type Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM_FLAGS, requireChromium } from '../support/browsers/chromium.js'
import { clientPage, openPages, type Pages } from '../support/browsers/pages.js'
import { Processes, type Report } from '../support/processes.js'

const PATIENCE = 30_000

const executablePath = await requireChromium()
let files: Pages
let browser: Browser

beforeAll(async () => {
  if (executablePath === undefined) return
  files = await openPages([...(await clientPage()), ['/elsewhere', '<!doctype html>']])
  // Overrides playwright, which switches the back/forward cache off by default.
  browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS, ignoreDefaultArgs: ['--disable-back-forward-cache'] })
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await files?.close()
})

/** The part of page.js that is used here. */
interface Window {
  driver: {
    reports: Report[]
    start(options: object): Promise<void>
    add(options: object): void
    send(message: unknown): void
  }
}

async function reports(page: Page, event: string): Promise<Report[]> {
  const all = await page.evaluate(() => (globalThis as unknown as Window).driver.reports) // set by page.js
  return all.filter(report => report.event === event)
}

describe.skipIf(executablePath === undefined)("a page in Chromium's back/forward cache", () => {
  it(
    'has told its peer that it leaves, and reconnects by itself when the user comes back [A8]',
    { timeout: 60_000 },
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const { url } = await processes.tracker()
      const node = await processes.client({ plugin: { trackers: [url] } })
      const { magnet } = await node.ask('seed', { size: 100_000 })
      const page = await browser.newPage()
      await page.goto(files.origin)
      await page.waitForFunction(() => 'driver' in globalThis)
      await page.evaluate(
        async ([tracker, torrent]) => {
          const { driver } = globalThis as unknown as Window // set by page.js
          addEventListener('pageshow', ({ persisted }) => driver.reports.push({ event: 'back', at: 0, persisted }))
          await driver.start({ plugin: { trackers: [tracker] } })
          driver.add({ torrent })
        },
        [url, magnet],
      )
      await expect.poll(() => reports(page, 'connect'), { timeout: PATIENCE }).toHaveLength(1)
      await node.next('connect')

      await page.goto(`${files.origin}/elsewhere`)
      await node.next('peer-disconnected')
      await page.evaluate(() => history.back())
      await node.nth('connect', 2)

      await expect.poll(() => reports(page, 'connect'), { timeout: PATIENCE }).toHaveLength(2)
      expect(await reports(page, 'back')).toMatchObject([{ persisted: true }]) // restored from the cache
      await page.evaluate(() => (globalThis as unknown as Window).driver.send('here again')) // see above
      expect(await node.next('data')).toMatchObject({ data: 'here again' })
      expect([(await reports(page, 'wire')).length, await reports(page, 'uncaught')]).toEqual([2, []])
    },
  )
})
