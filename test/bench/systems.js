// @ts-check
/** The compared systems, and whether they are installed. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @typedef {import('./types.js').System} System */

const NO_TORRENTS = 'moves no torrents'
const NO_EXCHANGE = 'peers do not introduce peers'
const BY_HAND = 'the tracker client by hand neither reconnects nor asks again'
/** What a system without torrents cannot do. */
const messagesOnly = {
  throughput: NO_TORRENTS,
  shared: NO_TORRENTS,
  'small-files': NO_TORRENTS,
  outlive: NO_EXCHANGE,
  broadcast: 'has no mesh',
  burst: 'has no mesh',
  fairness: 'has one channel',
}

/** The last two have no discovery: a tracker client by hand carries their offers. The bare engine is the limit. @type {System[]} */
export const systems = [
  { name: 'swarmlink', label: 'swarmlink', needs: 'swarmlink', slow: false, torrents: true, cannot: {} },
  {
    name: 'webtorrent',
    label: 'WebTorrent',
    needs: 'webtorrent',
    slow: true,
    torrents: true,
    cannot: {
      outlive: NO_EXCHANGE,
      broadcast: 'has no mesh',
      burst: 'has no mesh',
      fairness: 'has one channel',
      messages: 'has no messages',
    },
  },
  { name: 'p2pt', label: 'P2PT', needs: 'p2pt', slow: true, torrents: false, cannot: messagesOnly },
  {
    name: 'trystero',
    label: 'Trystero (torrent)',
    needs: '@trystero-p2p/torrent',
    slow: false,
    torrents: false,
    cannot: { ...messagesOnly, peers: 'allows one client in a process' },
  },
  {
    name: 'simple-peer',
    label: 'simple-peer',
    needs: '@thaunknown/simple-peer',
    slow: true,
    torrents: false,
    cannot: { ...messagesOnly, reconnect: BY_HAND },
  },
  {
    name: 'bare',
    label: 'bare node-datachannel',
    needs: 'node-datachannel',
    slow: false,
    torrents: false,
    cannot: { ...messagesOnly, reconnect: BY_HAND },
  },
]

/** The same for pages, where the browser is the engine. @param {System} system */
export function labelledInPages(system) {
  return system.name === 'bare' ? 'minimal page' : labelled(system)
}

/** The systems that can do a scenario. @param {System[]} all @param {string} scenario */
export function able(all, scenario) {
  return all.filter(({ cannot }) => cannot[scenario] === undefined)
}

/** A row for each system that cannot do a scenario, with the reason. @param {System[]} all @param {string} scenario @param {number} columns */
export function rowsOfOthers(all, scenario, columns) {
  return all.flatMap(system => {
    const reason = system.cannot[scenario]
    return reason === undefined ? [] : [[labelled(system), reason, ...Array.from({ length: columns - 2 }, () => '')]]
  })
}

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
