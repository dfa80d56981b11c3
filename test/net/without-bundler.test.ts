import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { serveFiles } from '../support/browsers/pages.js'
import { Processes } from '../support/processes.js'
import { scriptPage } from '../support/browsers/script-page.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')
const chromium = await requireChromium()
/** A name that leads to this machine, and that browsers do not trust as they trust `localhost`. */
const INSECURE = 'insecure.example'

/** What the pages of this test set. */
interface InPage {
  told: Promise<unknown>
}

/** Starts a manager that requires identities, a torrent and a room. What they say is text of the page. */
const INSECURE_PAGE = `<!doctype html><script type="module">
  import WebTorrent from '/webtorrent.min.js'
  import { ConnectionManager, P2PT } from '/swarmlink.min.js'
  const { tracker, magnet } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)))
  const show = text => document.body.append(text, document.createElement('br'))
  const client = new WebTorrent()
  const manager = new ConnectionManager(client, { trackers: [tracker], iceServers: [], requireIdentity: true })
  manager.on('warning', ({ code, message }) => show(code + ' ' + message))
  client.add(magnet)
  const room = new P2PT([tracker], 'a room', { iceServers: [] })
  room.on('msg', (peer, message) => show('room: ' + message))
  room.on('peerconnect', peer => peer.send('from an insecure page'))
  await room.start()
</script>`
/** Starts a room in a worker. */
const WORKER_PAGE = `<!doctype html><script type="module">
  const worker = new Worker('/worker.js', { type: 'module' })
  globalThis.told = new Promise(resolve => (worker.onmessage = ({ data }) => resolve(data)))
</script>`
const WORKER = `import { P2PT } from '/swarmlink.min.js'
const room = new P2PT(['ws://127.0.0.1:9'], 'a room')
room.start().catch(({ code, message }) => postMessage({ code, message }))`

describe.skipIf(chromium === undefined)('a page without a bundler', () => {
  let browser: Browser
  let site: Awaited<ReturnType<typeof serveFiles>>
  let processes: Processes
  const closers: Array<() => Promise<void>> = []
  let tracker: string

  beforeAll(async () => {
    processes = new Processes(close => closers.push(close))
    tracker = (await processes.tracker()).url
    const [library, webtorrent] = [
      await read('dist/swarmlink.min.js'),
      await read('node_modules/webtorrent/dist/webtorrent.min.js'),
    ]
    site = await serveFiles([
      ...(await scriptPage(
        path => read(path.replace(/^swarmlink/, '.').replace(/^webtorrent/, 'node_modules/webtorrent')),
        tracker,
      )),
      ['/insecure.html', INSECURE_PAGE],
      ['/worker.html', WORKER_PAGE],
      ['/worker.js', WORKER],
      ['/swarmlink.min.js', library],
      ['/webtorrent.min.js', webtorrent],
    ])
    browser = await launchChromium(`--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    site?.close()
    for (const close of closers) await close()
  })

  async function seed(): Promise<{ seeder: Awaited<ReturnType<Processes['client']>>; magnet: string }> {
    const seeder = await processes.client({ plugin: { trackers: [tracker], greeting: { from: 'the seeder' } } })
    const { magnet } = await seeder.ask('seed', { name: 'words.txt', size: 100_000 })
    return { seeder, magnet }
  }

  test('fetches a torrent and exchanges messages [X9]', async () => {
    const { seeder, magnet } = await seed()
    const page = await browser.newPage()
    const wrong: string[] = []
    page.on('pageerror', error => wrong.push(error.message))
    await page.goto(`${site.origin}/page.html#${magnet}`)
    await page.getByText('words.txt is here: 100000 bytes').waitFor()
    await page.getByText('{"from":"the seeder"}').waitFor()
    expect((await seeder.next('data')).data).toBe('hello from a page without a bundler')
    expect(wrong).toEqual([])
    await page.close()
    await seeder.kill()
  })

  test('talks in a room on an insecure origin, and says why torrents and `requireIdentity` do not work there [X9]', async () => {
    const { seeder, magnet } = await seed()
    await seeder.ask('enter', { room: 'a room', trackers: [tracker] })
    const page = await browser.newPage()
    const hash = String(new URLSearchParams({ tracker, magnet }))
    await page.goto(`${site.origin.replace('127.0.0.1', INSECURE)}/insecure.html#${hash}`)
    expect(await page.evaluate(() => isSecureContext)).toBe(false)
    await page.getByText(/^ERR_INSECURE_CONTEXT WebTorrent cannot check pieces on this page/).waitFor()
    await page.getByText(/ERR_INSECURE_CONTEXT `requireIdentity` refuses every peer/).waitFor()
    expect(await seeder.next('msg')).toMatchObject({ message: 'from an insecure page' })
    await seeder.ask('say', { room: 'a room', message: 'to an insecure page' })
    await page.getByText('room: to an insecure page').waitFor()
    await page.close()
    await seeder.kill()
  })

  test('is told in a worker to use the page, instead of a package to install [X9]', async () => {
    const page = await browser.newPage()
    await page.goto(`${site.origin}/worker.html`)
    expect(await page.evaluate(() => (globalThis as unknown as InPage).told)).toEqual({
      code: 'ERR_NO_WEBRTC',
      message: expect.stringMatching(/^a worker has no WebRTC: use swarmlink in the page/),
    })
    await page.close()
  })
})
