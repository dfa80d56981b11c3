/** Ends of calls in pages and in processes, the page that they need, and what is expected of each call. */
import type { Browser as Chromium } from 'playwright'
import type { Browser as Firefox } from 'puppeteer-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { bundle } from './bundle.js'
import { launchChromium, requireChromium } from './browsers/chromium.js'
import { launchFirefox, requireFirefox } from './browsers/firefox.js'
import { PageClient } from './browsers/page-client.js'
import { readFromRoot, serveFiles } from './browsers/pages.js'
import { Processes, type Report } from './processes.js'

/** Not a requirement: only finds a test that hangs. */
export const PATIENCE = { timeout: 20_000, interval: 25 }

/** Frames that prove a stream. */
const FRAMES = 10
/** Frames that are on their way when a Sender goes silent or resumes: in the encoder and in the canvas. */
const ON_THE_WAY = 3

/** A page or a process with the methods of `fixtures/call-ends.js`: a `PageClient` or a `Child`. */
export interface CallEnd {
  // oxlint-disable-next-line typescript/no-explicit-any -- each method has its own result, and the tests assert it
  ask(method: string, options?: object): Promise<any>
  next(event: string, fits?: (report: Report) => boolean): Promise<Report>
  all(event: string): Report[] | Promise<Report[]>
}

export type Place = 'Chromium' | 'Firefox' | 'Node'
type Finish = (callback: () => Promise<void>) => void

/** What the calls of one test file share: a bus, a site and browsers. */
export class CallLab {
  server!: SignalServer // set before the first test
  #site: Awaited<ReturnType<typeof serveFiles>> | undefined
  readonly #browsers: { Chromium?: Chromium; Firefox?: Firefox } = {}
  readonly #places: readonly Place[]

  private constructor(places: readonly Place[]) {
    this.#places = places
  }

  /** Opens it before the tests of the file, and closes it after them. Resolves to the places that this machine has. */
  static async use(...wanted: Place[]): Promise<{ lab: CallLab; has: (...places: Place[]) => boolean }> {
    const paths = {
      Node: process.execPath,
      Chromium: wanted.includes('Chromium') ? await requireChromium() : undefined,
      Firefox: wanted.includes('Firefox') ? await requireFirefox() : undefined,
    }
    const lab = new CallLab(wanted.filter(place => paths[place] !== undefined))
    beforeAll(() => lab.#open(), 60_000)
    afterAll(() => lab.#close())
    return { lab, has: (...places) => places.every(place => paths[place] !== undefined) }
  }

  /** A page or a process on the bus of the signal server. */
  async open(place: Place, finish: Finish): Promise<CallEnd> {
    const end = place === 'Node' ? await new Processes(finish).start('call-process') : await this.openPage(finish, place)
    await end.ask('open', { url: this.server.url })
    return end
  }

  /** A page without a bus. */
  async openPage(finish: Finish, place: 'Chromium' | 'Firefox' = 'Chromium', path = '/'): Promise<PageClient> {
    const browser = this.#browsers[place]
    if (browser === undefined) throw new Error(`${place} was not started`)
    const page = await PageClient.open(browser, this.url(path))
    finish(() => page.close())
    return page
  }

  url(path: string): string {
    return `${this.#site?.origin}${path}`
  }

  async #open(): Promise<void> {
    await Promise.all([
      SignalServer.listen().then(server => (this.server = server)),
      callPages()
        .then(serveFiles)
        .then(site => (this.#site = site)),
      this.#places.includes('Chromium') && launchChromium().then(browser => (this.#browsers.Chromium = browser)),
      this.#places.includes('Firefox') && launchFirefox().then(browser => (this.#browsers.Firefox = browser)),
    ])
  }

  async #close(): Promise<void> {
    await Promise.all([this.#browsers.Chromium?.close(), this.#browsers.Firefox?.close(), this.server?.close()])
    this.#site?.close()
  }
}

/** The pages of `fixtures/call-page.js` and `fixtures/call-stock-page.js`. */
export async function callPages(): Promise<Array<[string, string]>> {
  const page = (script: string) => `<!doctype html><meta charset="utf-8"><body><script type="module" src="${script}"></script>`
  const fixtures = ['call-page', 'call-page-media', 'call-proof', 'call-ends', 'call-stock-page', 'call-old-classes']
  return [
    ['/', page('/call-page.js')],
    ['/stock', page('/call-stock-page.js')],
    ['/old', page('/call-stock-page.js')],
    ['/p2p.js', await readFromRoot('node_modules/p2p/dist/p2p.esm.js')],
    ...(await Promise.all(
      fixtures.map(async name => [`/${name}.js`, await readFromRoot(`test/net/fixtures/${name}.js`)] as [string, string]),
    )),
    ...(await bundle('dist/media/index.js', 'media')),
    ...(await bundle('dist/signaling/index.js', 'signaling')),
  ]
}

/** What a Receiver has of one stream. */
export interface Look {
  id: string
  frames: number
  first: number
  last: number
  isOrdered: boolean
  tags: number[]
  unreadable: number
  delay: number
  firstAt: number
  lastAt: number
}

/** What the Receiver `end` has of its only stream; undefined without a stream. */
export async function lookAt(side: CallEnd, end = 'it'): Promise<Look | undefined> {
  const looks = (await side.ask('look', { end })) as Look[] // the result of call-ends.js
  return looks[0]
}

/** Waits for pictures with this tag, and checks that their numbers grow and that the sound has this tone. */
export async function expectMedia(side: CallEnd, { tag = 1, hz = 440, end = 'it' } = {}): Promise<Look> {
  await expect
    .poll(() => lookAt(side, end), PATIENCE)
    .toMatchObject({ frames: expect.toSatisfy((frames: number) => frames >= FRAMES), tags: [tag], isOrdered: true })
  await expect.poll(() => side.ask('tones', { end }), PATIENCE).toEqual([hz])
  const look = await lookAt(side, end)
  if (look === undefined) throw new Error('unreachable: it was found above')
  return look
}

/** Runs `silence`, then `resume`, and checks that no picture arrives that was drawn in between, but pictures drawn after. */
async function expectSilence(
  sender: CallEnd,
  receiver: CallEnd,
  silence: () => Promise<unknown>,
  resume: () => Promise<unknown>,
): Promise<void> {
  await silence()
  const after = Number(await sender.ask('encoding', { on: false })) + ON_THE_WAY
  const latest = Number(await sender.ask('drawMore', { more: 12 }))
  const before = latest - ON_THE_WAY // Firefox sends its last picture again when an encoder gets a track
  await resume()
  await expect.poll(() => receiver.ask('firstAfter', { number: latest }), PATIENCE).toBeTruthy()
  const arrived = { after, before, numbers: await receiver.ask('between', { after, before }) }
  expect(arrived, 'pictures that were drawn meanwhile and arrived').toEqual({ after, before, numbers: [] })
}

/** A machine that stalls for 2 s interrupts a call, but does not replace its connection. */
export async function expectOnePeer(side: CallEnd): Promise<void> {
  const events = await Promise.all(['connect', 'reconnecting', 'reconnected'].map(async event => side.all(event)))
  expect(new Set(events.flat().map(({ peer }) => peer))).toEqual(new Set([0]))
}

export interface CallOptions {
  room?: string
  /** Options of both ends. */
  options?: object
}

/** A whole call from its first picture to its end. Both sides have opened their bus. */
export async function expectCall(
  sender: CallEnd,
  receiver: CallEnd,
  { room = 'call', options = {} }: CallOptions = {},
): Promise<void> {
  await receiver.ask('receive', { start: { room }, options })
  await sender.ask('send', { tag: 7, hz: 660, start: { room, state: { name: 'camera' } }, options })
  expect(await receiver.next('stream')).toMatchObject({ tracks: ['audio', 'video'], state: { name: 'camera' } })
  await expectMedia(receiver, { tag: 7, hz: 660 })
  const [inSender, inReceiver] = await Promise.all([sender.next('connect'), receiver.next('connect')])
  expect(inReceiver).toMatchObject({ id: await sender.ask('id', {}), peerId: expect.stringMatching(/^[0-9a-f]{40}$/) })
  expect(inSender).toMatchObject({ id: await receiver.ask('id', {}), peerId: expect.stringMatching(/^[0-9a-f]{40}$/) })

  await receiver.next('channel', ({ label }) => label === inSender['id'])
  await sender.ask('call', { method: 'send', args: ['grüße from the sender'] })
  await receiver.ask('call', { method: 'send', args: ['grüße from the receiver', inReceiver['id']] })
  expect(await receiver.next('message')).toMatchObject({ message: 'grüße from the sender', state: { name: 'camera' } })
  expect(await sender.next('message')).toMatchObject({ message: 'grüße from the receiver' })

  await sender.ask('call', { method: 'sync', args: [{ isHandUp: true }, true] })
  expect(await receiver.next('sync')).toMatchObject({ state: { name: 'camera', isHandUp: true } })

  const enable = (on: boolean) => sender.ask('call', { method: 'enable', args: ['video', on] })
  await expectSilence(
    sender,
    receiver,
    async () => {
      await enable(false)
      expect(await receiver.next('mute')).toMatchObject({ kind: 'video', muted: true })
    },
    async () => {
      await enable(true)
      await receiver.next('mute', ({ muted }) => muted === false)
    },
  )
  const want = (demand: string) => receiver.ask('call', { method: 'want', args: [inReceiver['id'], demand] })
  await expectSilence(
    sender,
    receiver,
    () => want('off'),
    () => want('high'),
  )

  await sender.ask('stop', {})
  expect(await receiver.next('dispose')).toMatchObject({ id: inReceiver['id'], reason: 'left' })
  for (const side of [sender, receiver]) {
    await expect.poll(() => side.ask('connections', {}), PATIENCE).toEqual({ open: 0, listed: 0 })
    expect([...(await side.all('error')), ...(await side.all('uncaught'))]).toEqual([])
    expect(await side.all('connect')).toHaveLength(1)
    await expectOnePeer(side)
  }
  expect(await receiver.all('stream')).toHaveLength(1)
}
