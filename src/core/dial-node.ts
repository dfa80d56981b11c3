/** Dials with `ws` in Node: Node 20 has no global WebSocket, and `ws` has limits for what a server may send. */
import { WebSocket } from 'ws'
import type { Dial, Timer } from './env.js'
import { openTextSocket } from './text-socket.js'

/** Limits for what a server may send; beyond one of them the socket closes. */
const BOUNDS = {
  /** In bytes. A longer message closes the socket before it is in memory. The codec drops messages above 64 KiB. */
  maxPayload: 1024 * 1024,
  /** Frames of one message, and chunks that one frame arrives in. */
  maxFragments: 1_024,
  maxBufferedChunks: 4_096,
  /** Pongs that the server has not read yet; `ws` < 8.23 has no limit. */
  maxPendingAutoPongs: 16,
}
const HANDSHAKE_TIMEOUT = 10_000

// Async, because the constructor throws for an invalid URL.
export const dial: Dial = async (url, signal) =>
  openTextSocket(
    new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_TIMEOUT, ...BOUNDS }),
    signal,
    socket => socket.terminate(),
  )

/** A raw WebSocket for a library that brings its own protocol and limits (nats-core). */
export function openSocket(url: string): globalThis.WebSocket {
  const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_TIMEOUT })
  socket.on('error', () => {}) // without a listener an error would be an uncaught exception
  return socket as unknown as globalThis.WebSocket // the two differ only in the classes of their events, which no caller uses
}

/** Closes the socket at once, without a closing handshake. */
export function terminateSocket(socket: globalThis.WebSocket): void {
  ;(socket as unknown as WebSocket).terminate() // `openSocket` made it
}

/** The longest interval of a timer, in milliseconds: 24.8 days. */
const KEEP_ALIVE_INTERVAL = 2 ** 31 - 1

/** Keeps the process alive, as an open socket does. */
export const keepAlive: (() => Timer) | undefined = () => {
  const handle = setInterval(() => {}, KEEP_ALIVE_INTERVAL)
  return { cancel: () => clearInterval(handle) }
}
