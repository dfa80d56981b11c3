/** Runs the fragments of the documents: the blocks without a name, which use objects that they do not make. Named blocks: test/net/readme.test.ts. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright'
import { createServer, transformWithOxc, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTracker } from '../../demo/support/tracker.js'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { install } from '../support/consumer.js'
import { blocksOf, changed, readDocuments } from '../support/checks/documents.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const chromium = await requireChromium()
/** Milliseconds after the last fragment in which its errors would show. */
const REST = 1_000

const fragments = blocksOf(await readDocuments())
  .filter(({ file, language }) => file === undefined && /^(js|ts|diff)$/.test(language))
  .map(({ document, language, code }) => ({ document, code: language === 'diff' ? changed(code) : code }))
const inPages = fragments.filter(({ code }) => /localCredentials|swarmlink\/media|location\./.test(code))
const inNode = fragments.filter(fragment => !inPages.includes(fragment))

/** What every fragment may use. `Socket` answers nothing; `renew()` makes a client for the next fragment. */
const GIVEN = `
class Socket extends EventTarget { send() {} }
const stored = new Map()
Object.assign(globalThis, {
  magnet: 'magnet:?xt=urn:btih:' + '8'.repeat(40),
  me: 'alice',
  you: 'bob',
  socket: new Socket(),
  iceServers: [],
  friends: new Set(),
  database: { get: async name => stored.get(name), set: async (name, value) => void stored.set(name, value) },
  bus: { subscribe() {}, unsubscribe() {}, publish() {} },
})`

let consumer: string
let tracker: { url: string; close: () => Promise<void> }
let signal: SignalServer

beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'swarmlink-fragments-'))
  await install(consumer)
  await symlink(join(root, 'node_modules', '@roamhq'), join(consumer, 'node_modules', '@roamhq'))
  tracker = await startTracker()
  signal = await SignalServer.listen()
})
afterAll(async () => {
  await signal.close()
  await tracker.close()
  await rm(consumer, { recursive: true })
})

/** Writes the fragments as modules, with the servers of this test in place of their own, and a program that runs one after the other. */
async function write(kind: string, list: typeof fragments, given: string): Promise<string> {
  const names = list.map((_fragment, i) => `${kind}-${i}.js`)
  for (const [i, { code }] of list.entries()) {
    const { code: script } = await transformWithOxc(code, 'fragment.ts')
    const local = script
      .replaceAll('wss://tracker.example', tracker.url)
      .replaceAll('wss://signal.example', signal.url)
      .replaceAll(/(stun|turn):\w+\.example/g, '$1:127.0.0.1')
      .replace('100_000', '100')
      .replace('new WebTorrent()', 'globalThis.client')
    await writeFile(join(consumer, names[i]!), local)
  }
  const program = `${given}\n${names.map((name, i) => `renew(); await import('./${name}'); console.log('ran ${i}')`).join('\n')}`
  await writeFile(join(consumer, `${kind}.js`), `${program}\nsetTimeout(() => console.log('all ran'), ${REST})\n`)
  return `${kind}.js`
}

describe('the fragments of the documents', () => {
  // One program after the other: 24 s on a slow machine that has nothing else to do.
  it('run in Node, without an error or a warning', { timeout: 240_000 }, async () => {
    expect(inNode.length).toBeGreaterThan(15)
    const given = `${GIVEN}
import WebTorrent from 'webtorrent'
import { createMesh } from 'swarmlink/mesh'
Object.assign(globalThis, {
  renew: () => (globalThis.client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false })),
  mesh: await createMesh({ transport: '${tracker.url}', name: 'given', iceServers: [] }),
})
await mesh.join()`
    const child = spawn(process.execPath, [await write('node', inNode, given)], { cwd: consumer })
    let [out, err] = ['', '']
    child.stdout.on('data', data => {
      out += String(data)
      if (out.includes('all ran')) child.kill()
    })
    child.stderr.on('data', data => (err += String(data)))
    await new Promise(resolve => child.once('close', resolve))
    expect(err).toBe('')
    expect(out.match(/^ran \d+$/gm)).toHaveLength(inNode.length)
    expect(out).toContain('all ran')
  })

  describe.skipIf(chromium === undefined)('in a page', () => {
    let browser: Browser
    let site: ViteDevServer
    beforeAll(async () => {
      site = await createServer({ root: consumer, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } })
      await site.listen()
      browser = await launchChromium('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream')
    })
    afterAll(async () => {
      await browser?.close()
      await site?.close()
    })

    it('run without an error', { timeout: 150_000 }, async () => {
      expect(inPages.length).toBeGreaterThan(4)
      const given = `${GIVEN}
import { MemoryDriver } from 'swarmlink/signaling'
import WebTorrent from 'webtorrent/dist/webtorrent.min.js'
Object.assign(globalThis, { driver: new MemoryDriver(), renew: () => (globalThis.client = new WebTorrent({ dht: false })) })`
      const program = await write('page', inPages, given)
      await writeFile(join(consumer, 'index.html'), `<script type="module" src="/${program}"></script>`)
      const page = await browser.newPage()
      const said: string[] = []
      page.on('console', message => said.push(message.text()))
      page.on('pageerror', error => said.push(`error: ${error.message}`))
      await page.goto(site.resolvedUrls?.local[0] ?? '')
      await expect.poll(() => said.find(text => /^all ran|^error/.test(text)), { timeout: 120_000 }).toBe('all ran')
      expect(new Set(said.filter(text => text.startsWith('ran '))).size).toBe(inPages.length) // vite may load a page twice
    })
  })
})
