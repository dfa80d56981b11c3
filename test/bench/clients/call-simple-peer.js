// @ts-check
/** simple-peer, over the bus of the minimal page. */
import { openBus } from './call-bare.js'

/** @typedef {import('../types.js').CallSide} CallSide */
/** @typedef {import('../types.js').CallSenderOptions} CallSenderOptions */
/** @typedef {import('../types.js').CallReceiverOptions} CallReceiverOptions */

/** Imports by a name that no bundler follows. @param {string} url @returns {Promise<any>} */
const load = url => import(url)
await load('/simple-peer.js')
const { SimplePeer } = /** @type {any} */ (globalThis)
const CONFIG = { iceServers: [] }

/** @param {CallSenderOptions} options @returns {CallSide} */
export function createSender({ room, stream }) {
  /** @type {Map<string, any>} */
  const peers = new Map()
  const bus = openBus(room, 'sender', ({ type, from, data }) => {
    if (type === 'signal') return peers.get(from)?.signal(data)
    const peer = connect({ initiator: true, stream }, signal => bus.post({ type: 'signal', to: from, data: signal }))
    peers.set(from, peer)
  })
  return sideOf(peers, bus, 'here')
}

/** @param {CallReceiverOptions} options @returns {CallSide} */
export function createReceiver({ room, streamed }) {
  /** @type {Map<string, any>} */
  const peers = new Map()
  const bus = openBus(room, 'receiver', ({ type, from, data }) => {
    if (type === 'here') return bus.post({ type: 'join', to: from })
    let peer = peers.get(from)
    if (peer === undefined) {
      peer = connect({ initiator: false }, signal => bus.post({ type: 'signal', to: from, data: signal }))
      peer.on('stream', (/** @type {MediaStream} */ stream) => streamed(from, stream))
      peers.set(from, peer)
    }
    peer.signal(data)
  })
  return sideOf(peers, bus, 'join')
}

/** @param {object} options @param {(signal: unknown) => void} signalled */
function connect(options, signalled) {
  const peer = new SimplePeer({ ...options, trickle: true, config: CONFIG })
  peer.on('signal', signalled)
  peer.on('error', () => {}) // of the other end, which was destroyed first
  return peer
}

/** @param {Map<string, any>} peers @param {ReturnType<typeof openBus>} bus @param {string} greeting @returns {CallSide} */
function sideOf(peers, bus, greeting) {
  return {
    start() {
      bus.open()
      bus.post({ type: greeting })
    },
    peers: () => [],
    stop() {
      for (const peer of peers.values()) peer.destroy()
      bus.close()
    },
  }
}
