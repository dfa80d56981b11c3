import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WatchedDriver } from '../../src/signaling/drivers/driver.js'
import { NatsDriver } from '../../src/signaling/drivers/nats-driver.js'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { WebSocketDriver } from '../../src/signaling/drivers/websocket-driver.js'
import { listen, ready } from '../contract/driver-suite.js'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { NatsServer, requireNats } from '../support/nats.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
/** How long a page may take on a busy machine. */
const PATIENCE = 30_000

const [chromium, nats] = [await requireChromium(), await requireNats()]
const missing = chromium === undefined || nats === undefined

describe.skipIf(missing)('drivers in Chromium', () => {
  let browser: Browser
  let site: Server
  let page: Page

  beforeAll(async () => {
    const code = await bundle()
    site = createServer((request, response) => {
      const script = request.url === '/page.js'
      response.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html' })
      response.end(script ? code : '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>')
    })
    await new Promise<void>(resolve => site.listen(0, '127.0.0.1', resolve))
    browser = await launchChromium()
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}`) // of a TCP server
    await page.waitForFunction(() => 'drivers' in globalThis)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    site?.close()
  })

  /** Publishes from the page's driver until both are connected, and receives its answer. */
  async function expectMeeting(
    kind: 'websocket' | 'nats',
    driver: WatchedDriver,
    restart: () => Promise<unknown>,
  ): Promise<void> {
    const said = async (count: number) => {
      await page.waitForFunction(
        // The page's own `drivers`, as the fixture sets it.
        ([name, times]) =>
          (globalThis as unknown as { drivers: { said(kind: string): string[] } }).drivers
            .said(name)
            .filter(word => word === 'open').length >= times,
        [kind, count] as const,
        { timeout: PATIENCE },
      )
      return page.evaluate(
        name => (globalThis as unknown as { drivers: { said(kind: string): string[] } }).drivers.said(name),
        kind,
      )
    }
    const ear = listen(driver, ['answer'])
    await said(1)
    await ready(driver)
    driver.emit(['question'], { text: 'grüße 👋🏽', number: 1 })
    expect(await ear.first(1)).toEqual([{ answer: { text: 'grüße 👋🏽', number: 1 } }])
    await restart()
    const words = await said(2)
    expect(words.filter(word => word !== 'ERR_SIGNALING_LINK')).toEqual(['open', 'close', 'open'])
    await ready(driver)
    driver.emit(['question'], 2)
    expect((await ear.first(2))[1]).toEqual({ answer: 2 })
    await page.evaluate(
      name => (globalThis as unknown as { drivers: { close(kind: string): Promise<void> } }).drivers.close(name),
      kind,
    )
    await driver.close()
  }

  const open = (kind: string, url: string) =>
    page.evaluate(
      ([name, target]) =>
        (globalThis as unknown as { drivers: { open(kind: string, url: string): void } }).drivers.open(name, target),
      [kind, url] as const,
    )

  it('connect a WebSocketDriver to one in Node at a real server, and again after its restart [B12]', async () => {
    let server = await SignalServer.listen()
    await open('websocket', server.url)
    await expectMeeting('websocket', new WebSocketDriver(server.url), async () => {
      await server.close()
      server = await SignalServer.listen({ port: Number(new URL(server.url).port) })
    })
    await expect.poll(() => server.stats().clients, { timeout: PATIENCE }).toBe(0)
    await server.close()
  })

  it('connect a NatsDriver to one in Node at a real nats-server, and again after its restart [B12]', async () => {
    let server = await NatsServer.start()
    await open('nats', server.url)
    await expectMeeting('nats', new NatsDriver({ servers: server.url }), async () => {
      await server.kill()
      server = await server.again()
    })
    await server.kill()
  })
})

/** Bundles the drivers as for a page. */
async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    root: here('../..'),
    logLevel: 'error',
    resolve: {
      alias: [
        { find: 'swarmlink/signaling/nats', replacement: here('../../dist/signaling/drivers/nats-driver.js') },
        { find: 'swarmlink/signaling', replacement: here('../../dist/signaling/index.js') },
      ],
    },
    build: {
      write: false,
      lib: { entry: here('../net/fixtures/driver-page.js'), formats: ['es'], fileName: 'page' },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })
  const [output] = [result].flat()
  if (output === undefined || !('output' in output)) throw new Error('vite built nothing')
  const [file, ...rest] = output.output
  if (rest.length > 0 || file === undefined) throw new Error(`vite built ${rest.length + 1} files instead of one`)
  return file.code
}
