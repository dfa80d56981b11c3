// @ts-check
/**
 * Counts WebRTC connections where all of them pass, whoever opens them: in the addon of node-datachannel, on which every system
 * here stands. Two ways that know nothing of each other: the connections that are made, and the UDP sockets of the process.
 * Has to be there before the addon is loaded, so the harness hands it to `--import`.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** @typedef {import('../types.js').ConnectionCounts} ConnectionCounts */
/** @typedef {import('node-datachannel').PeerConnection} PeerConnection */

/** @type {Set<WeakRef<PeerConnection>>} nothing lives longer for being counted */
const live = new Set()
let [seen, made, begun] = [false, 0, 0]

// The addon's methods cannot be replaced, and the modules over it keep what they found there when they were loaded.
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
  // An offer begins with a data channel; whoever answers, or adds a channel, has a remote.
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
    return '' // the one that the list was read from
  }
}
