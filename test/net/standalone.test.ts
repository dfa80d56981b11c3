import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import wrtc from '@roamhq/wrtc'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DataConnectionOptions } from '../../src/channel/messages/data-connection-options.js'
import { DataConnection } from '../../src/channel/messages/data-connection.js'
import type { Json } from '../../src/channel/messages/messenger.js'
import type { SignalData } from '../../src/channel/standalone/signals.js'
import { bundle } from '../support/bundle.js'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { once } from '../support/once.js'
import { type Child, Processes } from '../support/processes.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const PATIENCE = 40_000

type Options = Partial<DataConnectionOptions>

/** Two connections in this process, each other's signalling, and their events. */
interface Pair {
  alice: DataConnection
  bob: DataConnection
  /** How often each emitted `connect`. */
  connects: { alice: number; bob: number }
  /** The signals of both. */
  signals: SignalData[]
}

async function connectedPair(a: Options, b: Options): Promise<Pair> {
  const alice = new DataConnection({ localPeerId: 'alice', remotePeerId: 'bob', iceServers: [], ...a })
  const bob = new DataConnection({ localPeerId: 'bob', remotePeerId: 'alice', iceServers: [], ...b })
  const connects = { alice: 0, bob: 0 }
  const signals: SignalData[] = []
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const)
    from.on('signal', data => {
      signals.push(data)
      // As JSON, and outside of the event, like any signalling.
      setImmediate(() => to.signal(JSON.parse(JSON.stringify(data))))
    })
  await new Promise<void>((resolve, reject) => {
    for (const [name, connection] of Object.entries({ alice, bob }) as Array<['alice' | 'bob', DataConnection]>) {
      // its keys
      connection.on('connect', () => {
        connects[name]++
        if (connects.alice > 0 && connects.bob > 0) resolve()
      })
      connection.on('close', error => reject(new Error(`${name} did not connect`, { cause: error })))
    }
  })
  return { alice, bob, connects, signals }
}

const roamhq = { wrtc }
const ENGINES: Array<[string, Options, Options]> = [
  ['node-datachannel', {}, {}],
  ['@roamhq/wrtc', roamhq, roamhq],
  ['@roamhq/wrtc offers to node-datachannel', { ...roamhq, initiator: true }, { initiator: false }],
  ['node-datachannel offers to @roamhq/wrtc', { initiator: true }, { ...roamhq, initiator: false }],
]

describe.each(ENGINES)('two standalone DataConnections in one process: %s', (_, a, b) => {
  it.each([true, false])('connect, talk and close (trickle: %s) [A7] [A8]', async trickle => {
    const { alice, bob } = await connectedPair({ ...a, trickle }, { ...b, trickle })
    bob.respond(message => ({ echo: message as Json }))
    const arrived = [once(bob, 'data'), once(alice, 'data')]
    alice.send({ text: 'grüße ✓', list: [1, null] })
    bob.send(Uint8Array.of(1, 2, 3))
    expect((await Promise.all(arrived)).flat()).toEqual([{ text: 'grüße ✓', list: [1, null] }, Uint8Array.of(1, 2, 3)])
    expect(await alice.request('hello?')).toEqual({ echo: 'hello?' })

    const farewell = new Promise<unknown[]>(resolve => {
      const heard: unknown[] = []
      bob.on('data', message => heard.push(message))
      bob.on('close', () => resolve(heard))
    })
    for (let i = 0; i < 100; i++) alice.send(i)
    await alice.close()
    expect(await farewell).toEqual(Array.from({ length: 100 }, (__, i) => i))
    await bob.close()
  })
})

describe('offers that cross', () => {
  it.each([true, false])('leave one connection, a dozen times (trickle: %s) [A9]', async trickle => {
    for (let round = 0; round < 12; round++) {
      const options = { initiator: true, trickle }
      const { alice, bob, connects, signals } = await connectedPair(options, options)
      const heard: unknown[] = []
      for (const connection of [alice, bob]) connection.on('data', message => heard.push(message))
      const arrived = Promise.all([once(alice, 'data'), once(bob, 'data')])
      alice.send({ round })
      bob.send({ round })
      await arrived
      await alice.close() // a simultaneous close would wait 1 s for the other's
      await bob.close()
      expect(heard).toEqual([{ round }, { round }])
      expect(connects).toEqual({ alice: 1, bob: 1 })
      expect(signals.filter(signal => 'type' in signal && signal.type === 'answer')).toHaveLength(1)
    }
  })
})

/** Carries every signal of one process to the other, until one of them ends. */
async function relay(from: Child, to: Child): Promise<void> {
  for (let count = 1; ; count++) {
    await from.nth('signal', count, 60_000)
    to.tell('signal', { data: from.all('signal')[count - 1]?.['data'] })
  }
}

describe.concurrent('two processes, with the test as their signalling', () => {
  for (const [title, a, b] of [
    ['node-datachannel, trickling', {}, {}],
    ['node-datachannel, complete, as Peers', { as: 'Peer', trickle: false, initiator: true }, { as: 'Peer', trickle: false }],
    ['@roamhq/wrtc offers to node-datachannel', { wrtc: 'roamhq', initiator: true }, { initiator: false }],
  ] as const)
    it(`connect, talk, and end by themselves: ${title} [A7] [A8]`, async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const [alice, bob] = await Promise.all([processes.start('standalone'), processes.start('standalone')])
      for (const [from, to] of [
        [alice, bob],
        [bob, alice],
      ] as const)
        relay(from, to).catch(() => {}) // ends with the processes
      await bob.ask('open', { localPeerId: 'bob', remotePeerId: 'alice', ...b })
      await alice.ask('open', { localPeerId: 'alice', remotePeerId: 'bob', ...a })
      await Promise.all([alice.next('connect'), bob.next('connect')])
      await alice.ask('send', { message: { from: 'alice' } })
      expect(await bob.next('data')).toMatchObject({ data: { from: 'alice' } })
      expect(await bob.ask('request', { message: 'who?' })).toEqual({ answer: 'who?' })
      if ('trickle' in a) expect(alice.all('signal').map(({ data }) => data.type)).toEqual(['offer'])

      const ending = alice.end()
      await bob.next('close')
      expect(await ending).toMatchObject({ code: 0, signal: null })
      expect(await bob.end()).toMatchObject({ code: 0, signal: null })
      expect([...alice.all('error'), ...bob.all('error')]).toEqual([])
    })

  it('end by themselves when their connections were closed at any moment [Law 5] [A8]', async ({ onTestFinished }) => {
    const child = await new Processes(onTestFinished).start('standalone')
    await child.ask('closeAtOnce', { localPeerId: 'alice', remotePeerId: 'bob', initiator: true })
    await child.ask('closeAtOnce', { localPeerId: 'alice', remotePeerId: 'bob', initiator: false })
    expect(child.all('close').length).toBe(14)
    expect(await child.end()).toMatchObject({ code: 0, signal: null })
    expect(child.all('error')).toEqual([])
  })
})

const chromium = await requireChromium()

/** What standalone-page.js offers. */
interface Driver {
  open(options: object): Promise<void>
  connected(): Promise<boolean>
  heard(): unknown[]
  signal(data: string): void
  send(message: unknown): void
  close(): Promise<void>
}

describe.skipIf(chromium === undefined)('Node and Chromium', () => {
  let browser: Browser
  let page: Page
  let local: DataConnection | undefined

  beforeAll(async () => {
    const files = new Map([
      ['/', '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>'],
      ['/page.js', await readFile(here('fixtures/standalone-page.js'), 'utf8')],
      ...(await bundle()),
    ])
    browser = await launchChromium()
    page = await browser.newPage()
    await page.route('http://localhost/**', async route => {
      const { pathname } = new URL(route.request().url())
      const body = files.get(pathname)
      const contentType = pathname === '/' ? 'text/html' : 'text/javascript'
      await route.fulfill(body === undefined ? { status: 404 } : { body, contentType })
    })
    await page.exposeFunction('signalled', (data: string) => local?.signal(JSON.parse(data)))
    await page.goto('http://localhost/')
    await page.waitForFunction(() => 'driver' in globalThis)
  }, 60_000)
  afterAll(async () => {
    await local?.close()
    await browser?.close()
  })

  async function ask<Name extends keyof Driver>(name: Name, ...args: Parameters<Driver[Name]>): Promise<unknown> {
    return await page.evaluate(
      ([method, values]) => {
        const { driver } = globalThis as unknown as { driver: Record<string, (...values: unknown[]) => unknown> } // set by the page
        return driver[method]?.(...values)
      },
      [name, args] as [string, unknown[]],
    )
  }

  async function connect(trickle: boolean, calls: 'page' | 'node'): Promise<DataConnection> {
    const connection = new DataConnection({
      localPeerId: 'node',
      remotePeerId: 'page',
      iceServers: [],
      trickle,
      initiator: calls === 'node',
    })
    local = connection
    const opening = ask('open', { localPeerId: 'page', remotePeerId: 'node', trickle, initiator: calls === 'page' })
    connection.on('signal', data => void opening.then(() => ask('signal', JSON.stringify(data))))
    await new Promise<void>((resolve, reject) => {
      connection.on('connect', resolve)
      connection.on('close', error => reject(new Error('they did not connect', { cause: error })))
    })
    return connection
  }

  for (const trickle of [true, false])
    for (const calls of ['page', 'node'] as const)
      it(`connect, talk and close (${calls} offers, trickle: ${trickle}) [A7] [A8]`, { timeout: PATIENCE }, async () => {
        const connection = await connect(trickle, calls)
        expect(await ask('connected')).toBe(true)
        const heard = once(connection, 'data')
        await ask('send', { from: 'the page', text: 'grüße' })
        expect(await heard).toEqual([{ from: 'the page', text: 'grüße' }])
        connection.send({ from: 'node' })
        await expect.poll(() => ask('heard')).toEqual([{ from: 'node' }])
        const closed = once(connection, 'close')
        await ask('close')
        expect(await closed).toEqual([undefined])
      })
})
