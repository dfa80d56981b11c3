// @ts-check
/** The compared systems, and whether they are installed. */
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

/** The compared systems for calls. The minimal page needs nothing. @type {{ name: string, label: string, needs: string }[]} */
export const callSystems = [
  { name: 'swarmlink', label: 'swarmlink', needs: 'swarmlink' },
  { name: 'bare', label: 'minimal page', needs: 'swarmlink' },
  { name: 'p2p', label: 'p2p', needs: 'p2p' },
  { name: 'peerjs', label: 'PeerJS', needs: 'peerjs' },
  { name: 'simple-peer', label: 'simple-peer', needs: 'simple-peer' },
]

/** Each engine and its package. */
export const engines = { 'node-datachannel': 'node-datachannel', roamhq: '@roamhq/wrtc' }

/** @param {Pick<System, 'needs'>} system */
export function isThere({ needs }) {
  try {
    return existsSync(fileURLToPath(import.meta.resolve(needs)))
  } catch {
    return false
  }
}

/** The label with the installed version. @param {Pick<System, 'label' | 'needs'>} system */
export function labelled({ label, needs }) {
  const root = fileURLToPath(import.meta.resolve(needs)).split(`/${needs}/`)[0]
  try {
    const { version } = JSON.parse(readFileSync(`${root}/${needs}/package.json`, 'utf8'))
    return `${label} ${version}`
  } catch {
    return label
  }
}
