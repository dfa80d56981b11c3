import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireChromium } from '../support/browsers/chromium.js'
import { openPages, type Pages, readFromRoot } from '../support/browsers/pages.js'
import { Processes, type Report } from '../support/processes.js'

const PATIENCE = 40_000

const chromium = await requireChromium()
let pages: Pages

beforeAll(async () => {
  if (chromium === undefined) return
  pages = await openPages([
    ['/', '<!doctype html><meta charset="utf-8"><script src="/p2pt.js"></script><script src="/page.js"></script>'],
    ['/p2pt.js', await readFromRoot('node_modules/p2pt/dist/p2pt.iife.js')],
    ['/page.js', await readFromRoot('test/net/fixtures/p2pt-page.js')],
  ])
}, 60_000)
afterAll(() => pages?.close())

describe.skipIf(chromium === undefined)('a page that runs the published p2pt', () => {
  it('talks with a swarmlink room in Node [E2] [E3] [E4] [E5]', { timeout: 60_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url } = await processes.tracker()
    const ours = await processes.start('p2pt-room')
    await ours.ask('start', { room: 'a page', trackers: [url] })

    const page = await (await pages.browser.newContext()).newPage()
    onTestFinished(() => page.context().close())
    await page.goto(pages.origin)
    const reports = () => page.evaluate(() => (globalThis as unknown as { driver: { reports: Report[] } }).driver.reports) // set by p2pt-page.js
    const start = `driver.start(${JSON.stringify({ trackers: [url], room: 'a page' })})`
    await page.evaluate(start)
    const { id } = await ours.next('started')

    expect(await ours.next('peerconnect', () => true, PATIENCE)).toMatchObject({ isSwarmlink: false })
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
