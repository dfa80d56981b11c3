// @ts-check
/** Runs the two ends of calls in pages of one Chromium. Knows nothing of what is measured. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright'
import { SignalServer } from 'swarmlink/signaling/server'
import { bundle } from '../support/bundle.js'
import { browsers, CHROMIUM_FLAGS, find } from './browsers.js'
import { withLab } from './harness.js'
import { progress } from './processes.js'
import { isThere } from './systems.js'

/** @typedef {import('./harness.js').Lab} Lab */
/** @typedef {import('playwright').Browser} Browser */
/** @typedef {import('playwright').BrowserContext} BrowserContext */
/** @typedef {import('playwright').Page} Page */

const FLAGS = [
  ...CHROMIUM_FLAGS,
  '--use-fake-ui-for-media-stream',
  // The second of the fake cameras is a depth camera, whose frames are not sent.
  '--use-fake-device-for-media-stream=device-count=3,fps=30',
]
/** In milliseconds. Not a goal: only ends a run that hangs. */
export const LIMIT = 10_000
const ASK_TIMEOUT = 120_000
/** In microseconds. A thread without a sample for longer did not run. */
const SAMPLE = 200
const MAX_SAMPLE = 10 * SAMPLE

/**
 * Gives `work` a browser with nothing but the pages that it opens, and closes everything afterwards. Without Chromium there are no results.
 * @template T
 * @param {(lab: CallLab) => Promise<T>} work
 * @returns {Promise<T | []>}
 */
export async function withCallLab(work) {
  const executablePath = find(browsers.Chromium)
  if (executablePath === undefined) {
    progress('calls are left out: chromium is not installed (`apt-get install chromium`, or set CHROMIUM_PATH)')
    return []
  }
  return await withLab(async processes => {
    const peerServer = isThere({ needs: 'peer' }) ? await processes.tracker(0, 'peer-server.js') : undefined
    const [site, server] = await Promise.all([serve(), SignalServer.listen()])
    const browser = await chromium.launch({ executablePath, args: FLAGS })
    try {
      return await work(new CallLab(browser, { ...site, bus: server.url, peerPort: peerServer?.port ?? 0 }, processes))
    } finally {
      await browser.close()
      await server.close()
      site.close()
    }
  })
}

export class CallLab {
  browser
  /** For ends in Node. */
  processes
  #site
  /** @type {BrowserContext | undefined} */
  #context

  /** @param {Browser} browser @param {{ origin: string, library: string[], bus: string, peerPort: number }} site @param {Lab} processes */
  constructor(browser, site, processes) {
    this.browser = browser
    this.processes = processes
    this.#site = site
  }

  /** The signal server. */
  get bus() {
    return this.#site.bus
  }

  /** The URLs of the library's code. */
  get library() {
    return this.#site.library
  }

  /** A page of the one profile of this lab, whose pages share their BroadcastChannels. */
  async page() {
    this.#context ??= await this.browser.newContext({ permissions: ['camera', 'microphone'] })
    const page = new CallPage(await this.#context.newPage(), `${this.#site.origin}/?peerjs=${this.#site.peerPort}`)
    await page.load()
    return page
  }

  /** Seconds of processor time that the processes of the browser have used, by their ids. */
  async processorTimes() {
    const session = await this.browser.newBrowserCDPSession()
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    await session.detach()
    return new Map(processInfo.map(({ id, cpuTime }) => [id, cpuTime]))
  }

  /** The id of the process of a page, which is the one that works while the page does. @param {CallPage} page */
  async processOf(page) {
    const before = await this.processorTimes()
    await page.page.evaluate(() => {
      for (const end = performance.now() + 300; performance.now() < end;);
    })
    const used = [...(await this.processorTimes())].map(([id, time]) => ({ id, time: time - (before.get(id) ?? 0) }))
    return used.toSorted((a, b) => b.time - a.time)[0]?.id ?? NaN
  }
}

/** The page of `clients/call-page.js`. */
export class CallPage {
  page
  #url

  /** @param {Page} page @param {string} url */
  constructor(page, url) {
    this.page = page
    this.#url = url
    page.on('pageerror', error => progress(`a page of the benchmark failed: ${error.message}`))
  }

  /** Loads the page, again if it is loaded. */
  async load() {
    await this.page.goto(this.#url)
    await this.page.waitForFunction(() => 'bench' in globalThis)
  }

  /**
   * Calls a method of the page.
   * @param {string} method
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  async ask(method, options = {}) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`a page did not answer ${method} in time`)), ASK_TIMEOUT)
    })
    const call = (/** @type {any} */ [name, given]) => /** @type {any} */ (globalThis).bench[name](given)
    try {
      return await Promise.race([this.page.evaluate(call, [method, options]), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Bytes of JavaScript objects and their buffers, without garbage. */
  async heap() {
    const session = await this.page.context().newCDPSession(this.page)
    for (let round = 0; round < 3; round++) await session.send('HeapProfiler.collectGarbage')
    const usage = /** @type {{ usedSize: number, backingStorageSize?: number }} */ (await session.send('Runtime.getHeapUsage'))
    await session.detach()
    return usage.usedSize + (usage.backingStorageSize ?? 0)
  }

  /**
   * The seconds for which the main thread of the page ran code at these URLs, or builtins that such code called, meanwhile.
   * @param {string[]} urls
   * @param {() => Promise<unknown>} meanwhile
   */
  async timeIn(urls, meanwhile) {
    const session = await this.page.context().newCDPSession(this.page)
    await session.send('Profiler.enable')
    await session.send('Profiler.setSamplingInterval', { interval: SAMPLE })
    await session.send('Profiler.start')
    await meanwhile()
    const { profile } = await session.send('Profiler.stop')
    await session.detach()
    const nodes = new Map(profile.nodes.map(node => [node.id, node]))
    const parents = new Map(profile.nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id])))
    /** @param {number | undefined} id @returns {string} */
    const urlOf = id => (id === undefined ? '' : nodes.get(id)?.callFrame.url || urlOf(parents.get(id)))
    let time = 0
    for (const [at, id] of (profile.samples ?? []).entries())
      if (urls.includes(new URL(urlOf(id) || 'about:blank').pathname)) time += Math.min(profile.timeDeltas?.[at] ?? 0, MAX_SAMPLE)
    return time / 1e6
  }
}

/** Serves the pages and the compared systems on loopback. */
async function serve() {
  const library = [...(await bundle('dist/media/index.js', 'media')), ...(await bundle('dist/signaling/index.js', 'signaling'))]
  const texts = new Map(library)
  texts.set('/', '<!doctype html><meta charset="utf-8"><body><script type="module" src="/call-page.js"></script>')
  for (const [path, file] of FILES) {
    try {
      texts.set(path, readFileSync(fileURLToPath(new URL(file, import.meta.url)), 'utf8'))
    } catch {
      // A system that is not installed.
    }
  }
  const server = createServer(({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const text = texts.get(pathname)
    const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html'
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': type }).end(text)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { origin: `http://127.0.0.1:${port}`, library: library.map(([url]) => url), close: () => server.close() }
}

const CLIENTS = ['page', 'sources', 'tiles', 'bare', 'swarmlink', 'p2p', 'peerjs', 'simple-peer']
/** URLs and the files that are served there. */
const FILES = [
  ...CLIENTS.map(name => /** @type {const} */ ([`/call-${name}.js`, `clients/call-${name}.js`])),
  /** @type {const} */ (['/net/fixtures/call-proof.js', '../net/fixtures/call-proof.js']),
  /** @type {const} */ (['/p2p.js', '../../node_modules/p2p/dist/p2p.esm.js']),
  /** @type {const} */ (['/peerjs.js', '../../node_modules/peerjs/dist/peerjs.min.js']),
  /** @type {const} */ (['/simple-peer.js', '../../node_modules/simple-peer/simplepeer.min.js']),
]

/** Another one begins in each run. @template T @param {T[]} values @param {number} by */
export function turned(values, by) {
  const at = by % values.length
  return [...values.slice(at), ...values.slice(0, at)]
}

let calls = 0
/** A name that no call had before. */
export function freshRoom() {
  return `room-${process.pid}-${++calls}`
}

/** Infinity for a promise that takes too long. @param {Promise<number>} time */
export async function orHang(time) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise(resolve => (timer = setTimeout(resolve, LIMIT, Infinity)))
  try {
    return /** @type {number} */ (await Promise.race([time, late]))
  } finally {
    clearTimeout(timer)
  }
}

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
