// @ts-check
/** Who is compared with whom, and whether it is there. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @typedef {import('./types.js').System} System */

/** @type {System[]} */
export const systems = [
  { name: 'swarmlink', label: 'swarmlink', needs: 'swarmlink', slow: false, torrents: true },
  { name: 'webtorrent', label: 'WebTorrent', needs: 'webtorrent', slow: true, torrents: true },
  { name: 'p2pt', label: 'P2PT', needs: 'p2pt', slow: true, torrents: false },
  { name: 'trystero', label: 'Trystero (torrent)', needs: '@trystero-p2p/torrent', slow: false, torrents: false },
]

/** Each engine and the package that it comes in. */
export const engines = { 'node-datachannel': 'node-datachannel', roamhq: '@roamhq/wrtc' }

/** @param {Pick<System, 'needs'>} system */
export function isThere({ needs }) {
  try {
    return existsSync(fileURLToPath(import.meta.resolve(needs)))
  } catch {
    return false
  }
}

/** The label with the version that is installed. @param {System} system */
export function labelled({ label, needs }) {
  const root = fileURLToPath(import.meta.resolve(needs)).split(`/${needs}/`)[0]
  try {
    const { version } = JSON.parse(readFileSync(`${root}/${needs}/package.json`, 'utf8'))
    return `${label} ${version}`
  } catch {
    return label
  }
}
