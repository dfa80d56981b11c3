/** The client of `fixtures/page.js` in a page of Chromium or Firefox, with the interface of a child process. */
import type { Browser as Chromium, Page as Tab } from 'playwright'
import type { Browser as Firefox } from 'puppeteer-core'
import type { Report } from '../processes.js'

const PATIENCE = 40_000

/** The common part of both browser libraries. */
interface Page {
  goto(url: string): Promise<unknown>
  evaluate(call: (value: unknown) => unknown, value: unknown): Promise<unknown>
}

/** The part of Chromium's DevTools protocol that is used here. */
interface DevTools {
  send(method: 'HeapProfiler.collectGarbage'): Promise<unknown>
  send(method: 'Runtime.getHeapUsage'): Promise<{ usedSize: number; embedderHeapUsedSize?: number; backingStorageSize?: number }>
}

/** Globals that page.js sets in its page. */
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

  /** Opens a separate page. It is loaded, but its client is not started. */
  static async open(browser: Chromium | Firefox, origin: string): Promise<PageClient> {
    const { page, close, devTools } = 'newContext' in browser ? await openChromium(browser) : await openFirefox(browser)
    const client = new PageClient(page, close, devTools)
    await client.load(origin)
    return client
  }

  /** Opens another tab of the same profile, which has the same storage and the same channels. Chromium only. */
  async another(origin: string): Promise<PageClient> {
    if (!('context' in this.#page)) throw new Error('only Chromium opens a second tab here')
    const page = await (this.#page as Tab).context().newPage()
    const client = new PageClient(page, () => page.close(), undefined)
    await client.load(origin)
    return client
  }

  /** Loads the page, again if it is loaded already: its clients are gone then. */
  async load(url: string): Promise<void> {
    await this.#page.goto(url)
    await this.#until(async () => (await this.#page.evaluate(() => 'driver' in globalThis, undefined)) === true, 'driver')
  }

  /** Calls a method of the page's driver. */
  async ask(method: string, value?: unknown): Promise<unknown> {
    return await this.#page.evaluate(
      given => {
        const [name, options] = given as [string, unknown] // given just below
        return (globalThis as InPage).driver?.[name]?.(options)
      },
      [method, value],
    )
  }

  /** All reports of this event so far. */
  async all(event: string): Promise<Report[]> {
    return (await this.#reports()).filter(report => report.event === event)
  }

  /** The first report of this event that fits, past or future. */
  async next(event: string, fits: (report: Report) => boolean = () => true): Promise<Report> {
    return await this.#until(async () => (await this.all(event)).find(fits), `'${event}'`)
  }

  /** Bytes of JavaScript objects and their buffers, without garbage. Chromium only. */
  async heap(): Promise<number> {
    if (this.#devTools === undefined) throw new Error('only Chromium reports its heap size')
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
    return (await this.#page.evaluate(() => (globalThis as InPage).driver?.reports ?? [], undefined)) as Report[] // the reports of page.js
  }
}

/** What a separate page needs. */
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
  // A window, because Firefox shows one tab of a window, and throttles the timers and the video of the others.
  return { page: await context.newPage({ type: 'window' }), close: () => context.close() }
}
