// @ts-check
/** The browsers of this machine, for benchmarks that measure pages. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright'
import { launch } from 'puppeteer-core'
import { progress } from './processes.js'

/**
 * What the libraries that drive Chromium and Firefox have in common.
 * @typedef {{ goto(url: string): Promise<unknown>, evaluate(call: any, argument?: any): Promise<any>, close(): Promise<void> }} Page
 * @typedef {{ newPage(): Promise<Page>, close(): Promise<void> }} Browser
 */

/** No window, no sandbox, no traffic to the outside. */
export const CHROMIUM_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
]
const PREFERENCES = {
  // Both ends of every connection are on this machine, and the other end resolves no mDNS name.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
}

/** Each browser, and how to start it. @type {Record<'Chromium' | 'Firefox', { command: string, variable: string, start: (path: string) => Promise<Browser> }>} */
export const browsers = {
  Chromium: {
    command: 'chromium',
    variable: 'CHROMIUM_PATH',
    start: executablePath => chromium.launch({ executablePath, args: CHROMIUM_FLAGS }),
  },
  Firefox: {
    command: 'firefox-esr',
    variable: 'FIREFOX_PATH',
    start: executablePath => launch({ browser: 'firefox', executablePath, headless: true, extraPrefsFirefox: PREFERENCES }),
  },
}

/** The path of a browser; undefined if this machine has none. @param {{ command: string, variable: string }} browser */
export function find({ command, variable }) {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'].map(place => join(place, command))
  return [process.env[variable] ?? '', ...places].find(path => {
    try {
      accessSync(path, constants.X_OK)
      return path !== ''
    } catch {
      return false
    }
  })
}

/** The browsers of this machine; a missing one is told as progress. @param {string} scenario */
export function installed(scenario) {
  return Object.entries(browsers).flatMap(([name, browser]) => {
    const path = find(browser)
    if (path !== undefined) return { name, start: () => browser.start(path) }
    progress(`${scenario}: ${name} is left out: it is not installed (or set ${browser.variable})`)
    return []
  })
}
