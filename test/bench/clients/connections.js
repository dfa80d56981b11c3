// @ts-check
/**
 * Counts WebRTC connections in the addon of node-datachannel, which all systems here use. Two independent counts: the connections made, and
 * the UDP sockets of the process. Must be loaded before the addon, so the harness passes it to `--import`.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** @typedef {import('../types.js').ConnectionCounts} ConnectionCounts */
/** @typedef {import('node-datachannel').PeerConnection} PeerConnection */

/** @type {Set<WeakRef<PeerConnection>>} weak, so that counting keeps no connection alive */
const live = new Set()
let [seen, made, begun] = [false, 0, 0]

// The addon's methods cannot be replaced, and the modules above it keep the exports of load time.
const dlopen = process.dlopen.bind(process)
process.dlopen = (module, ...args) => {
  dlopen(module, ...args)
  const { exports } = /** @type {{ exports?: { PeerConnection?: any } }} */ (module)
  if (typeof exports?.PeerConnection !== 'function') return
  seen = true
  exports.PeerConnection = new Proxy(exports.PeerConnection, {
    construct: (target, parameters) => watch(Reflect.construct(target, parameters)),
  })
}

/** @param {PeerConnection} connection */
function watch(connection) {
  live.add(new WeakRef(connection))
  made++
  const createDataChannel = connection.createDataChannel.bind(connection)
  let first = true
  // An offerer begins with a data channel. An answerer, or a connection that adds a channel, has a remote.
  /** @param {Parameters<typeof createDataChannel>} args */
  const value = (...args) => {
    if (first && connection.remoteDescription() === null) begun++
    first = false
    return createDataChannel(...args)
  }
  return Object.defineProperty(connection, 'createDataChannel', { value, writable: true, configurable: true })
}

/** @returns {ConnectionCounts} */
export function connectionCounts() {
  const sockets = udpSockets()
  if (!seen) return { begun: NaN, made: NaN, connected: NaN, sockets }
  let connected = 0
  for (const reference of live) {
    const state = reference.deref()?.state()
    if (state === 'connected') connected++
    else if (state === undefined || state === 'closed') live.delete(reference)
  }
  return { begun, made, connected, sockets }
}

/** Each live connection holds one, and nothing else in these processes does: DHT, uTP and the like are off. */
function udpSockets() {
  try {
    const sockets = new Set()
    for (const file of ['udp', 'udp6'])
      for (const line of readFileSync(`/proc/self/net/${file}`, 'utf8').trim().split('\n').slice(1))
        sockets.add(`socket:[${line.trim().split(/\s+/)[9]}]`)
    return readdirSync('/proc/self/fd').filter(fd => sockets.has(targetOf(fd))).length
  } catch {
    return NaN // not Linux
  }
}

/** @param {string} fd */
function targetOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // the descriptor of the list itself
  }
}
