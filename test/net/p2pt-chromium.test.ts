import { createServer, type Server } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium, requireChromium } from '../support/chromium.js'
import { Processes, type Report } from '../support/processes.js'

const read = (path: string) => readFile(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
const PATIENCE = 40_000

const chromium = await requireChromium()
let browser: Browser
let server: Server
let origin: string

beforeAll(async () => {
  if (chromium === undefined) return
  const files = new Map([
    ['/', '<!doctype html><meta charset="utf-8"><script src="/p2pt.js"></script><script src="/page.js"></script>'],
    ['/p2pt.js', await read('../../node_modules/p2pt/dist/p2pt.iife.js')],
    ['/page.js', await read('fixtures/p2pt-page.js')],
  ])
  server = createServer((request, response) => {
    const body = files.get(request.url ?? '')
    const type = request.url === '/' ? 'text/html' : 'text/javascript'
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // of a TCP server
  browser = await launchChromium()
}, 60_000)
afterAll(async () => {
  await browser?.close()
  server?.close()
})

describe.skipIf(chromium === undefined)('E5 a page that runs the published p2pt', () => {
  it('E2 E3 E4 E5 meets a room of ours in Node, and they talk', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const ours = await processes.start('p2pt-room')
    await ours.ask('start', { room: 'a page', trackers: [url] })

    const page = await (await browser.newContext()).newPage()
    onTestFinished(() => page.context().close())
    await page.goto(origin)
    const reports = () => page.evaluate(() => (globalThis as unknown as { driver: { reports: Report[] } }).driver.reports) // set by p2pt-page.js
    const start = `driver.start(${JSON.stringify({ trackers: [url], room: 'a page' })})`
    await page.evaluate(start)
    const { id } = await ours.next('started')

    expect(await ours.next('peerconnect', () => true, PATIENCE)).toMatchObject({ ours: false })
    await ours.next('answer', ({ message }) => message.count === 1)
    expect(await ours.ask('ask', { text: 1_000_000 })).toMatchObject({ answer: { text: 1_000_000 }, same: true })
    await ours.ask('say', { message: 0 })
    await expect.poll(reports, { timeout: PATIENCE }).toEqual([
      { event: 'peerconnect', id },
      { event: 'answer', message: { count: 4, from: 'a page' } },
      { event: 'answer', message: { count: 2, from: 'a page' } },
      { event: 'answer', message: { count: 0, from: 'a page' } },
      { event: 'msg', message: 1_000_000 },
      { event: 'msg', message: 0 },
    ])

    await page.evaluate('driver.end()')
    await ours.next('peerclose', () => true, PATIENCE)
    expect(await ours.end()).toMatchObject({ code: 0 })
    expect(ours.errors).toBe('')
  })
})
