import { readFile } from 'node:fs/promises'
import { createServer, type Server as WebServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Server } from 'bittorrent-tracker'
import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { DataConnection } from '../../src/channel/messages/data-connection.js'
import { topicOf } from '../../src/core/id.js'
import { TrackerClient } from '../../src/tracker-client/tracker-client.js'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { once } from '../support/once.js'

const PATIENCE = 30_000
const PEER_ID = '-AN0001-a plain page'
const chromium = await requireChromium()

interface Report {
  event: string
  text?: string
  bytes?: number[]
}

/** What plain-page.js offers. */
interface Driver {
  reports: Report[]
  join(options: { url: string; infoHash: string; peerId: string; offers: number }): void
  send(text: string): void
  sendBytes(bytes: number[]): void
}

describe.skipIf(chromium === undefined)('a TrackerClient and a page that implements the ActionNet protocol itself', () => {
  let browser: Browser
  let site: WebServer
  let page: Page
  let server: Server
  let sockets: Set<{ terminate(): void }>
  let client: TrackerClient

  beforeAll(async () => {
    const script = await readFile(fileURLToPath(new URL('../net/fixtures/plain-page.js', import.meta.url)), 'utf8')
    // A real HTTP server: Chromium lets no page of another origin talk to a tracker on this machine.
    site = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(`<!doctype html><meta charset="utf-8"><script>${script}</script>`)
    })
    await new Promise<void>(resolve => site.listen(0, '127.0.0.1', resolve))
    browser = await launchChromium()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    site?.close()
  })

  beforeEach(async () => {
    server = new Server({ udp: false, http: false, ws: true, stats: false })
    sockets = new Set()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    server.ws.on('connection', socket => sockets.add(socket))
    page = await (await browser.newContext()).newPage()
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}`) // of a TCP server
    client = new TrackerClient(url(), topicOf('a plain application'), undefined, { iceServers: [] })
  })
  afterEach(async () => {
    await client.disconnect()
    await page.context().close()
    for (const socket of sockets) socket.terminate() // `close` leaves the sockets of its clients open
    await new Promise<void>(resolve => server.close(resolve))
  })

  const url = () => `ws://127.0.0.1:${server.ws.address().port}`

  async function ask<Name extends Exclude<keyof Driver, 'reports'>>(
    name: Name,
    ...args: Parameters<Driver[Name]>
  ): Promise<void> {
    await page.evaluate(
      ([method, values]) => {
        const { driver } = globalThis as unknown as { driver: Record<string, (...values: unknown[]) => void> } // set by the page
        driver[method]?.(...values)
      },
      [name, args] as [string, unknown[]],
    )
  }

  /** Resolves with the reports of this event once there are `count` of them. */
  async function reports(event: string, count: number): Promise<Report[]> {
    let found: Report[] = []
    await expect
      .poll(
        async () => {
          const all = await page.evaluate(() => (globalThis as unknown as { driver: Driver }).driver.reports) // set by the page
          found = all.filter(report => report.event === event)
          return found.length
        },
        { timeout: PATIENCE },
      )
      .toBeGreaterThanOrEqual(count)
    return found
  }

  /** Both announce, and `caller` is the one whose offer the other answers. */
  async function meet(caller: 'page' | 'node'): Promise<DataConnection> {
    const join = () => ask('join', { url: url(), infoHash: client.infoHash, peerId: PEER_ID, offers: caller === 'page' ? 1 : 0 })
    const met = new Promise<DataConnection>(resolve => {
      client.on('connection', connection => connection.on('connect', () => resolve(connection)))
    })
    if (caller === 'node') {
      await join()
      await reports('update', 1)
      await client.connect()
    } else {
      const announced = once(client, 'update')
      await client.connect()
      await announced
      await join()
    }
    const connection = await met
    await reports('connect', 1)
    return connection
  }

  for (const caller of ['page', 'node'] as const)
    it(`exchange plain JSON over the only channel (the ${caller} offers) [A5] [A8]`, { timeout: PATIENCE }, async () => {
      const failures: unknown[] = []
      client.on('error', error => failures.push(error))
      const met = once(client, 'peer')
      const connection = await meet(caller)
      const [{ id, peer, source }] = await met
      expect([id, source, peer.connection]).toEqual([Buffer.from(PEER_ID, 'latin1').toString('hex'), 'tracker', connection])
      expect(connection).toMatchObject({ localPeerId: client.announceId, remotePeerId: id, verified: false })

      const heard: unknown[] = []
      connection.on('data', message => heard.push(message))
      const errors: string[] = []
      connection.on('error', error => errors.push(error.code))
      connection.send({ type: 'handshake', peerId: connection.localPeerId, version: '1.0' })
      peer.send(['grüße', null])
      connection.send(Uint8Array.of(1, 2, 3))
      const [handshake, greeting, bytes] = await reports('message', 3)
      expect(JSON.parse(handshake?.text ?? '')).toEqual({ type: 'handshake', peerId: client.announceId, version: '1.0' })
      expect([greeting?.text, bytes?.bytes]).toEqual(['["grüße",null]', [1, 2, 3]])

      await ask('send', JSON.stringify({ type: 'handshake', version: '1.0' }))
      await ask('send', 'this is no JSON')
      await ask('sendBytes', [4, 5])
      await ask('send', '"grüße ✓"')
      await expect.poll(() => heard).toEqual([{ type: 'handshake', version: '1.0' }, Uint8Array.of(4, 5), 'grüße ✓'])
      expect(errors).toEqual(['ERR_BAD_FRAME'])
      await expect(connection.request('hello?')).rejects.toMatchObject({ code: 'ERR_REFUSED' })
      expect((await reports('channel', 0)).length).toBe(caller === 'node' ? 1 : 0)

      const gone = once(client, 'peer-disconnected')
      for (let i = 0; i < 50; i++) connection.send(i)
      await peer.destroy()
      await reports('close', 1)
      expect((await reports('message', 53)).slice(3).map(({ text }) => text)).toEqual(
        Array.from({ length: 50 }, (_, i) => String(i)),
      )
      expect((await gone)[0]).toEqual({ id, announceId: id })
      expect([client.peers, failures, await reports('uncaught', 0)]).toEqual([[], [], []])
    })
})
