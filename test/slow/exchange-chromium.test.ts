import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireChromium } from '../support/browsers/chromium.js'
import { clientPage, openPages, type Pages } from '../support/browsers/pages.js'
import { Processes, type Child, type Report } from '../support/processes.js'

const PATIENCE = 40_000

const chromium = await requireChromium()
let pages: Pages

/** Globals that page.js and {@link countConnections} set in a page. */
interface InPage {
  driver: Record<string, (...values: unknown[]) => unknown> & { reports: Report[] }
  connected(): number
}

interface Seeded {
  infoHash: string
  magnet: string
  sha256: string
}

const of =
  ({ infoHash }: { infoHash: string }) =>
  (report: Report) =>
    report['infoHash'] === infoHash

/** Runs in the page before its scripts. */
function countConnections(): void {
  const connections = new Set<RTCPeerConnection>()
  class Counted extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration)
      connections.add(this)
    }
  }
  const count = () => [...connections].filter(({ connectionState }) => connectionState === 'connected').length
  Object.assign(globalThis, { RTCPeerConnection: Counted, connected: count })
}

/** A page with one WebTorrent client, with the plugin if `plugin` is set. */
class Client {
  readonly #page: Page

  private constructor(page: Page) {
    this.#page = page
  }

  static async open(options: { plugin?: object } = {}): Promise<Client> {
    const page = await (await pages.browser.newContext()).newPage()
    await page.addInitScript(countConnections)
    await page.goto(pages.origin)
    await page.waitForFunction(() => 'driver' in globalThis)
    const client = new Client(page)
    await client.ask('start', options)
    return client
  }

  async ask(method: string, options?: unknown): Promise<unknown> {
    return await this.#page.evaluate(
      ([name, value]) => (globalThis as unknown as InPage).driver[name]?.(value), // set by page.js
      [method, options] as const,
    )
  }

  /** Open connections, as the browser counts them. */
  async connected(): Promise<number> {
    return await this.#page.evaluate(() => (globalThis as unknown as InPage).connected()) // set before all scripts
  }

  async all(event: string): Promise<Report[]> {
    const all = await this.#page.evaluate(() => (globalThis as unknown as InPage).driver.reports) // set by page.js
    return all.filter(report => report.event === event)
  }

  async next(event: string, fits: (report: Report) => boolean): Promise<Report> {
    for (const deadline = Date.now() + PATIENCE; ;) {
      const found = (await this.all(event)).find(fits)
      if (found !== undefined) return found
      if (Date.now() > deadline) throw new Error(`the page reported no '${event}'\n${JSON.stringify(await this.ask('stats'))}`)
      await new Promise(resolve => setTimeout(resolve, 25))
    }
  }

  async close(): Promise<void> {
    await this.#page.context().close()
  }
}

/** The plugin's options, with an engine that counts connections. */
const counted = (trackers: string[]) => ({ plugin: { trackers, wrtc: 'counted' } })

async function connected(child: Child): Promise<number> {
  return (await child.ask('engine')).connected
}

describe.skipIf(chromium === undefined).concurrent('a page in Chromium and processes in Node', () => {
  beforeAll(async () => {
    pages = await openPages(await clientPage())
  }, 60_000)
  afterAll(() => pages?.close())

  it('share two torrents over one connection, and meet another peer without the tracker, introduced by the first [X1] [X2]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const [first, other, page] = await Promise.all([
      processes.client(counted([url])),
      processes.client(counted([])),
      Client.open({ plugin: { trackers: [url] } }),
    ])
    onTestFinished(() => page.close())
    const torrents: Seeded[] = [await first.ask('seed', { name: 'one' }), await first.ask('seed', { name: 'two' })]
    for (const { magnet: torrent } of torrents) await page.ask('add', { torrent })
    for (const seeded of torrents) {
      expect(await page.next('done', of(seeded))).toMatchObject({ sha256: seeded.sha256 })
      for (const side of [first, page]) await side.next('connect', of(seeded))
    }
    expect([await page.connected(), await connected(first)]).toEqual([1, 1])
    const sources = (await page.all('peer')).map(({ peer }) => peer.source)
    expect([sources.length, new Set(sources)]).toEqual([2, new Set(['tracker', 'connection'])])

    await tracker.kill()
    const [seeded] = torrents as [Seeded, Seeded] // there are two
    await other.ask('add', { torrent: seeded.magnet })
    const answer = await other.ask('connect', { signal: await first.ask('invite', seeded) })
    await first.ask('connect', { signal: answer })
    const { peerId } = await page.next('ready', () => true)
    const { peerId: otherId } = await other.next('ready')
    const met = await other.next('peer', ({ peer }) => peer.peerId === peerId)
    expect(met).toMatchObject({ infoHash: seeded.infoHash, peer: { source: 'exchange', verified: true } })
    expect(await page.next('peer', ({ peer }) => peer.peerId === otherId)).toMatchObject({
      peer: { source: 'exchange', verified: true },
    })
    await other.next('connect', ({ remotePeerId }) => remotePeerId === peerId)
    await page.next('connect', ({ remotePeerId }) => remotePeerId === otherId)
    await page.ask('send', 'from the page')
    await other.next('data', ({ remotePeerId, data }) => remotePeerId === peerId && data === 'from the page')
    expect(await other.next('done')).toMatchObject({ sha256: seeded.sha256 })
    expect([await page.connected(), await connected(first), await connected(other)]).toEqual([2, 2, 2])

    await page.ask('destroy')
    for (const side of [first, other]) await side.next('peer-disconnected', gone => gone.peerId === peerId)
    for (const each of torrents) await first.next('wire-close', of(each))
    expect(await page.all('uncaught')).toEqual([])
    for (const side of [first, other]) expect(await side.end()).toMatchObject({ code: 0, signal: null })
  })

  it('give a stock client a wire per torrent to each of two swarmlink peers that share them [X1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const [seeder, leecher, stock] = await Promise.all([
      processes.client(counted([url])),
      processes.client(counted([url])),
      Client.open(),
    ])
    onTestFinished(() => stock.close())
    const torrents: Seeded[] = [await seeder.ask('seed', { name: 'one' }), await seeder.ask('seed', { name: 'two' })]
    for (const { magnet: torrent } of torrents) {
      await leecher.ask('add', { torrent })
      await stock.ask('add', { torrent, announce: [url] })
    }
    for (const seeded of torrents) {
      for (const side of [leecher, stock]) expect(await side.next('done', of(seeded))).toMatchObject({ sha256: seeded.sha256 })
      for (const side of [leecher, seeder]) await side.poll('wires', wires => wires.length === 2, seeded)
    }
    for (const side of [leecher, seeder]) expect(await connected(side)).toBe(3) // one to the other swarmlink peer, one per torrent to the page
    expect(await stock.connected()).toBe(4)
  })
})
