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

/** What page.js puts into its page. */
interface InPage {
  driver?: Record<string, (value: unknown) => unknown> & { reports: Report[] }
}

export class PageClient {
  readonly #page: Page
  readonly #close: () => Promise<void>

  private constructor(page: Page, close: () => Promise<void>) {
    this.#page = page
    this.#close = close
  }

  /** A page of its own, apart from all others; loaded, with its client not yet started. */
  static async open(browser: Chromium | Firefox, origin: string): Promise<PageClient> {
    const context = 'newContext' in browser ? await browser.newContext() : await browser.createBrowserContext()
    const page: Page = await context.newPage()
    const client = new PageClient(page, () => context.close())
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
