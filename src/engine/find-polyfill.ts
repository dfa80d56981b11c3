/** Finds the copies of webrtc-polyfill that share our node-datachannel. Looks at the disk; loads nothing. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

interface Manifest {
  exports?: { node?: { import?: string } }
}

/** Who brings the polyfill: simple-peer, which bittorrent-tracker and webtorrent bring. */
const TRAILS = [
  [],
  ['@thaunknown/simple-peer'],
  ['webtorrent'],
  ['webtorrent', '@thaunknown/simple-peer'],
  ['webtorrent', 'bittorrent-tracker', '@thaunknown/simple-peer'],
  ['bittorrent-tracker', '@thaunknown/simple-peer'],
]

const HERE = dirname(fileURLToPath(import.meta.url))

/**
 * URLs to import, the same ones under which simple-peer has imported them. `here` is where our node-datachannel is
 * looked up; `places` are where an application may have its WebTorrent, which differ from it when we are linked.
 */
export function findPolyfills(here = HERE, places = [HERE, process.cwd(), dirname(process.argv[1] ?? HERE)]): string[] {
  const ours = packageRoot('node-datachannel', here)
  const urls = new Set<string>()
  for (const place of new Set(places)) {
    for (const trail of TRAILS) {
      const root = [...trail, 'webrtc-polyfill'].reduce<string | undefined>(
        (from, name) => from && packageRoot(name, from),
        place,
      )
      if (root === undefined || ours === undefined || packageRoot('node-datachannel', root) !== ours) continue
      urls.add(pathToFileURL(join(root, entryOf(root))).href)
    }
  }
  return [...urls]
}

/** Where Node would find a package when a module in `from` imports it. */
function packageRoot(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', name)
    if (existsSync(join(root, 'package.json'))) return realpathSync(root)
    if (folder === dirname(folder)) return undefined
  }
}

/** What `exports` says for an import in Node; a manifest that says nothing is of a kind that we have not met. */
function entryOf(root: string): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest // npm has read it before us
  return manifest.exports?.node?.import ?? 'index.js'
}
