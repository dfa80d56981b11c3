// @ts-check
/** Serves a page with one client of a system, and drives it. Knows nothing of what is measured. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { bundle } from '../support/bundle.js'
import { isThere, systems } from './systems.js'

/** Systems that come as a package to bundle. */
const BUNDLED = new Set(['p2pt', 'trystero', 'simple-peer'])

/** @param {string} url @param {string} file @returns {[string, string]} */
const entry = (url, file) => [url, readFileSync(new URL(file, import.meta.url), 'utf8')]

/** @param {import('./browsers.js').Page} page @param {string} method @param {unknown} [given] */
export function callPage(page, method, given) {
  return page.evaluate(
    (/** @type {any} */ [name, options]) => /** @type {any} */ (globalThis).bench[name](options),
    [method, given],
  )
}

/** A server of a page with each system. */
export async function servePages() {
  const texts = new Map([
    ['/', '<!doctype html><meta charset="utf-8"><script type="module" src="/page-torrent.js"></script>'],
    ...['page-torrent.js', 'tracker-by-hand.js', 'dial-bare.js', 'dial-simple-peer.js'].map(name =>
      entry(`/${name}`, `clients/${name}`),
    ),
    entry('/webtorrent.js', '../../node_modules/webtorrent/dist/webtorrent.min.js'),
    ...(await bundle()),
  ])
  const root = fileURLToPath(new URL('../../', import.meta.url))
  for (const system of systems.filter(({ name }) => BUNDLED.has(name)).filter(isThere)) {
    const file = fileURLToPath(import.meta.resolve(system.needs)).slice(root.length)
    for (const [url, text] of await bundle(file, system.name)) texts.set(url, text)
  }
  const server = createServer(({ url = '' }, response) => {
    const text = texts.get(url)
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html'
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': type }).end(text)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { origin: `http://127.0.0.1:${port}/`, close: () => server.close() }
}
