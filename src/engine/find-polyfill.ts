/** Finds the copies of webrtc-polyfill that share this library's node-datachannel. Reads the disk; loads nothing. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

interface Manifest {
  exports?: { node?: { import?: string } }
}

/** Chains of dependencies that lead to the polyfill: simple-peer has it, bittorrent-tracker and webtorrent have simple-peer. */
const DEPENDENCY_PATHS = [
  [],
  ['@thaunknown/simple-peer'],
  ['webtorrent'],
  ['webtorrent', '@thaunknown/simple-peer'],
  ['webtorrent', 'bittorrent-tracker', '@thaunknown/simple-peer'],
  ['bittorrent-tracker', '@thaunknown/simple-peer'],
]

const HERE = dirname(fileURLToPath(import.meta.url))

/**
 * URLs to import, the same ones under which simple-peer imports them. `here` is the folder from which this library resolves
 * node-datachannel; `places` are folders where the application may have WebTorrent, which differ with `npm link`.
 */
export function findPolyfills(here = HERE, places = [HERE, process.cwd(), dirname(process.argv[1] ?? HERE)]): string[] {
  const own = packageRoot('node-datachannel', here)
  const urls = new Set<string>()
  for (const place of new Set(places)) {
    for (const dependencies of DEPENDENCY_PATHS) {
      const root = [...dependencies, 'webrtc-polyfill'].reduce<string | undefined>(
        (from, name) => from && packageRoot(name, from),
        place,
      )
      if (root === undefined || own === undefined || packageRoot('node-datachannel', root) !== own) continue
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

/** The entry of `exports` for an import in Node, or `index.js` without one. */
function entryOf(root: string): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest // npm could parse it
  return manifest.exports?.node?.import ?? 'index.js'
}
