// @ts-check
/** A seeder or leecher as a process of its own, with a channel to the process that started it. It ends without that channel. */
import { Peer } from './peer.js'
import { messageOf } from './program.js'

/** @typedef {{ role: 'seeder', path: string } | { role: 'leecher', magnet: string, folder: string }} Role */
/** @typedef {Role & { trackers: string[], wrtc?: string }} Task */
/**
 * @typedef {(
 *   | { type: 'seeding', magnet: string }
 *   | { type: 'joined', peerId: string, verified: boolean }
 *   | { type: 'heard', text: string }
 *   | { type: 'wired', ms: number }
 *   | { type: 'progress', bytes: number, rate: number }
 *   | { type: 'complete', ms: number }
 *   | { type: 'warned', text: string }
 *   | { type: 'stopped', stats: import('swarmlink').ManagerStats }
 *   | { type: 'failed', message: string }
 * )} Told
 */

const PROGRESS_INTERVAL = 50

const stop = new AbortController()
process.on('disconnect', () => process.exit(1))
if (!process.connected) process.exit(1) // the parent process went while this one was loaded
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {}) // the parent process decides

/** @type {Task} */
const task = JSON.parse(process.argv[2] ?? '')
const { trackers, wrtc } = task
let addedAt = 0
let wiredAt = 0

/** The channel may break while sending. Then this process is about to end anyway. @param {Told} told */
const tell = told => process.connected && process.send?.(told, undefined, undefined, () => {})

try {
  const peer = await Peer.open(
    { trackers, ...(wrtc !== undefined && { wrtc }) },
    {
      warn: text => tell({ type: 'warned', text }),
      joined: ({ remotePeerId, verified }) => tell({ type: 'joined', peerId: remotePeerId, verified }),
      left: () => {},
      heard: (_peerId, text) => tell({ type: 'heard', text }),
      wired: () => {
        if (wiredAt !== 0) return
        wiredAt = performance.now()
        tell({ type: 'wired', ms: wiredAt - addedAt })
      },
    },
    stop.signal,
  )
  process.on('message', (/** @type {{ say?: string, stop?: boolean }} */ order) => {
    if (order.say !== undefined) peer.say(order.say)
    if (order.stop === true) void finish(peer)
  })
  if (task.role === 'seeder') await seed(peer, task)
  else await leech(peer, task)
} catch (error) {
  tell({ type: 'failed', message: messageOf(error) })
}

/**
 * @param {Peer} peer
 * @param {Extract<Task, { role: 'seeder' }>} how
 */
async function seed(peer, { path }) {
  const torrent = await peer.seed(path, trackers, stop.signal)
  torrent.on(
    'upload',
    throttled(() => tell({ type: 'progress', bytes: torrent.uploaded, rate: torrent.uploadSpeed })),
  )
  tell({ type: 'seeding', magnet: torrent.magnetURI })
}

/**
 * @param {Peer} peer
 * @param {Extract<Task, { role: 'leecher' }>} how
 */
async function leech(peer, { magnet, folder }) {
  addedAt = performance.now()
  const torrent = await peer.leech(magnet, folder, stop.signal)
  torrent.on(
    'download',
    throttled(() => tell({ type: 'progress', bytes: torrent.downloaded, rate: torrent.downloadSpeed })),
  )
  await peer.until(stop.signal, torrent, 'done')
  tell({ type: 'progress', bytes: torrent.downloaded, rate: torrent.downloadSpeed })
  tell({ type: 'complete', ms: performance.now() - wiredAt })
}

/** @param {Peer} peer */
async function finish(peer) {
  const stats = peer.stats()
  await peer.close()
  tell({ type: 'stopped', stats })
  process.disconnect()
}

/** @param {() => void} call */
function throttled(call) {
  let last = 0
  return () => {
    if (performance.now() - last < PROGRESS_INTERVAL) return
    last = performance.now()
    call()
  }
}
