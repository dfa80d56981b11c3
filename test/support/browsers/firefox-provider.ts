/** Makes vitest run test files in the system's Firefox, like its own providers in other browsers. Knows nothing of tests. */
import { playwright } from '@vitest/browser-playwright'
import type { Browser, Page } from 'puppeteer-core'
import type { BrowserProvider, BrowserProviderOption } from 'vitest/node'
import { launchFirefox } from './firefox.js'

class FirefoxProvider implements BrowserProvider {
  readonly name = 'puppeteer'
  readonly supportsParallelism = false
  readonly #pages = new Map<string, Page>()
  #browser: Promise<Browser> | undefined

  getCommandsContext(): Record<string, unknown> {
    return {}
  }

  async openPage(sessionId: string, url: string): Promise<void> {
    this.#browser ??= launchFirefox()
    const browser = await this.#browser
    await this.#pages.get(sessionId)?.close()
    const page = await browser.newPage()
    this.#pages.set(sessionId, page)
    await page.goto(url, { timeout: 0 })
  }

  async close(): Promise<void> {
    await (await this.#browser)?.close()
  }
}

/** vitest's browser server with this provider instead of Playwright's. */
export function firefox(): BrowserProviderOption {
  return { ...playwright(), name: 'puppeteer', supportedBrowser: ['firefox'], providerFactory: () => new FirefoxProvider() }
}
