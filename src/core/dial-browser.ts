/** Dials with the browser's `WebSocket`. */
import type { Dial, Timer } from './env.js'
import { openTextSocket } from './text-socket.js'

// Async, because the constructor can throw, for instance for a ws: URL on an https: page.
export const dial: Dial = async (url, signal) => openTextSocket(new WebSocket(url), signal, socket => socket.close())

/** A raw WebSocket for a library that brings its own protocol (nats-core). */
export function openSocket(url: string): WebSocket {
  return new WebSocket(url)
}

/** Closes the socket. A browser cannot terminate it at once: its closing handshake goes on. */
export function terminateSocket(socket: WebSocket): void {
  socket.close()
}

/** Absent: a page needs nothing to stay alive. */
export const keepAlive: (() => Timer) | undefined = undefined
