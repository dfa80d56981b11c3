/** A real Chromium and the pages that it opens, for tests that run in Node. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright'
import { bundle } from '../bundle.js'
import { launchChromium } from './chromium.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Contents by URL. */
export type Files = Iterable<[string, string]>

export interface Pages {
  readonly browser: Browser
  /** The origin of the files, without a trailing slash. */
  readonly origin: string
  close(): Promise<void>
}

/** Serves the files on loopback and starts a browser for them. */
export async function openPages(files: Files): Promise<Pages> {
  const site = await serveFiles(files)
  const browser = await launchChromium()
  return {
    browser,
    origin: site.origin,
    close: async () => {
      await browser.close()
      site.close()
    },
  }
}

/** Serves the files on loopback, for pages of any browser. */
export async function serveFiles(files: Files): Promise<{ readonly origin: string; close(): void }> {
  const texts = new Map(files)
  const server = createServer(({ url = '' }, response) => {
    const text = texts.get(url)
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html'
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': type }).end(text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // of a TCP server
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() }
}

/** A page with WebTorrent and swarmlink, driven by `fixtures/page.js`. */
export async function clientPage(): Promise<Array<[string, string]>> {
  return [
    ['/', '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>'],
    ['/page.js', await readFromRoot('test/net/fixtures/page.js')],
    ['/webtorrent.js', await readFromRoot('node_modules/webtorrent/dist/webtorrent.min.js')],
    ...(await bundle()),
  ]
}

/** A page with the member of `fixtures/member.js`. */
export async function memberPage(): Promise<Array<[string, string]>> {
  return [
    ['/', '<!doctype html><meta charset="utf-8"><script type="module" src="/member-page.js"></script>'],
    ['/member-page.js', await readFromRoot('test/net/fixtures/member-page.js')],
    ['/member.js', await readFromRoot('test/net/fixtures/member.js')],
    ['/webtorrent.js', await readFromRoot('node_modules/webtorrent/dist/webtorrent.min.js')],
    ...(await bundle()),
  ]
}

/** Reads a file by its path from the project's root. */
export function readFromRoot(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8')
}
