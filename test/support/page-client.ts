/** The client of `fixtures/page.js` in a page of Chromium or Firefox, asked and listened to as a child process is. */
import type { Browser as Chromium } from 'playwright'
import type { Browser as Firefox } from 'puppeteer-core'
import type { Report } from './processes.js'

const PATIENCE = 40_000

/** What both libraries that drive browsers have in common. */
interface Page {
  goto(url: string): Promise<unknown>
  evaluate(call: (value: unknown) => unknown, value: unknown): Promise<unknown>
}

/** Chromium's DevTools protocol, as far as it is used here. */
interface DevTools {
  send(method: 'HeapProfiler.collectGarbage'): Promise<unknown>
  send(method: 'Runtime.getHeapUsage'): Promise<{ usedSize: number; embedderHeapUsedSize?: number; backingStorageSize?: number }>
}

/** What page.js puts into its page. */
interface InPage {
  driver?: Record<string, (value: unknown) => unknown> & { reports: Report[] }
}

export class PageClient {
  readonly #page: Page
  readonly #close: () => Promise<void>

  readonly #devTools: DevTools | undefined

  private constructor(page: Page, close: () => Promise<void>, devTools: DevTools | undefined) {
    this.#page = page
    this.#close = close
    this.#devTools = devTools
  }

  /** A page of its own, apart from all others; loaded, with its client not yet started. */
  static async open(browser: Chromium | Firefox, origin: string): Promise<PageClient> {
    const { page, close, devTools } = 'newContext' in browser ? await openChromium(browser) : await openFirefox(browser)
    const client = new PageClient(page, close, devTools)
    await page.goto(origin)
    await client.#until(async () => (await page.evaluate(() => 'driver' in globalThis, undefined)) === true, 'driver')
    return client
  }

  /** Calls a method of the page's driver. */
  async ask(method: string, value?: unknown): Promise<unknown> {
    return await this.#page.evaluate(
      given => {
        const [name, options] = given as [string, unknown] // from just below
        return (globalThis as InPage).driver?.[name]?.(options)
      },
      [method, value],
    )
  }

  /** Everything of this event so far. */
  async all(event: string): Promise<Report[]> {
    return (await this.#reports()).filter(report => report.event === event)
  }

  /** The first report of this event that fits, whether it came before or comes yet. */
  async next(event: string, fits: (report: Report) => boolean = () => true): Promise<Report> {
    return await this.#until(async () => (await this.all(event)).find(fits), `'${event}'`)
  }

  /** Bytes of JavaScript objects and of the buffers behind them, without garbage. Chromium only. */
  async heap(): Promise<number> {
    if (this.#devTools === undefined) throw new Error('only Chromium says how large its heap is')
    for (let round = 0; round < 3; round++) await this.#devTools.send('HeapProfiler.collectGarbage')
    const { usedSize, backingStorageSize = 0 } = await this.#devTools.send('Runtime.getHeapUsage')
    return usedSize + backingStorageSize
  }

  async close(): Promise<void> {
    await this.#close()
  }

  async #until<Result>(look: () => Promise<Result | undefined | false>, what: string): Promise<Result> {
    for (const deadline = Date.now() + PATIENCE; ;) {
      const found = await look()
      if (found !== undefined && found !== false) return found
      if (Date.now() > deadline) {
        const told = (await this.#reports()).map(report => JSON.stringify(report)).join('\n')
        throw new Error(`page: no ${what} after ${PATIENCE / 1000} s\n${told}`)
      }
      await new Promise(resolve => setTimeout(resolve, 25))
    }
  }

  async #reports(): Promise<Report[]> {
    return (await this.#page.evaluate(() => (globalThis as InPage).driver?.reports ?? [], undefined)) as Report[] // what page.js tells
  }
}

/** What is needed of a page of its own. */
interface Opened {
  page: Page
  close: () => Promise<void>
  devTools?: DevTools
}

async function openChromium(browser: Chromium): Promise<Opened> {
  const context = await browser.newContext()
  const page = await context.newPage()
  return { page, close: () => context.close(), devTools: await context.newCDPSession(page) }
}

async function openFirefox(browser: Firefox): Promise<Opened> {
  const context = await browser.createBrowserContext()
  return { page: await context.newPage(), close: () => context.close() }
}
