// @ts-check
/** A demo's page, bundled like an application's and served on the loopback interface. */
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure, messageOf } from './program.js'

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }

/**
 * @param {string} folder below `demo`
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function servePage(folder) {
  const files = await bundle(fileURLToPath(new URL(`../${folder}`, import.meta.url)))
  const server = createServer((request, response) => {
    // Not parsed as a URL: a client may send an invalid one, and `//` would name a host.
    const [path = ''] = (request.url ?? '/').split(/[?#]/, 1)
    const name = path === '/' ? 'index.html' : path.slice(1)
    const content = files.get(name)
    if (content === undefined) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' }).end(content)
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(undefined))
  })
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** @param {string} root @returns {Promise<Map<string, string | Uint8Array>>} */
async function bundle(root) {
  try {
    const { build } = await import('vite')
    const result = await build({
      root,
      configFile: false,
      logLevel: 'error',
      build: { write: false, target: 'esnext', modulePreload: { polyfill: false } },
    })
    const outputs = [result].flat().flatMap(part => ('output' in part ? part.output : []))
    return new Map(outputs.map(part => [part.fileName, part.type === 'chunk' ? part.code : part.source]))
  } catch (error) {
    throw new Failure(`the page could not be bundled: ${messageOf(error)}`)
  }
}
