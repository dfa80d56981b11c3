/** WebSockets in Node, by `ws`: Node 20 has no global one, and `ws` lets us bound what a server may send. */
import { WebSocket } from 'ws'
import type { Dial, Timer } from './env.js'
import { connectLink } from './link.js'

/** What a server may send; beyond it the link ends. */
const BOUNDS = {
  /** Bytes: a longer message ends the link before it is in memory; the codec drops what is above 64 KiB much earlier. */
  maxPayload: 1024 * 1024,
  /** Frames of one message, and pieces of a frame as they come from the network. */
  maxFragments: 1_024,
  maxBufferedChunks: 4_096,
  /** Answers to pings that the server does not read; `ws` < 8.23 has no bound. */
  maxPendingAutoPongs: 16,
}
const HANDSHAKE_TIMEOUT = 10_000

// Async, because the constructor throws at a URL that it does not like.
export const dial: Dial = async (url, signal) =>
  connectLink(new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_TIMEOUT, ...BOUNDS }), signal, socket =>
    socket.terminate(),
  )

/** For a library that speaks a protocol of its own on it, and bounds what it takes. */
export function openSocket(url: string): globalThis.WebSocket {
  const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_TIMEOUT })
  socket.on('error', () => {}) // without a listener of its own it would be an uncaught exception
  return socket as unknown as globalThis.WebSocket // the two differ in what nobody uses here: the classes of their events
}

/** At once where that is possible; a browser takes its time. */
export function terminateSocket(socket: globalThis.WebSocket): void {
  ;(socket as unknown as WebSocket).terminate() // as it came from above
}

/** Once in three weeks, which is as rarely as a timer can. */
const BEAT = 2 ** 31 - 1

/** As an open socket does. */
export const keepAlive: (() => Timer) | undefined = () => {
  const handle = setInterval(() => {}, BEAT)
  return { cancel: () => clearInterval(handle) }
}
