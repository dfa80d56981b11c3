/** WebSockets where the platform has them. */
import type { Dial, Timer } from './env.js'
import { connectLink } from './link.js'

// Async, because the constructor throws: at an insecure URL on a secure page, for one.
export const dial: Dial = async (url, signal) => connectLink(new WebSocket(url), signal, socket => socket.close())

/** For a library that speaks a protocol of its own on it. */
export function openSocket(url: string): WebSocket {
  return new WebSocket(url)
}

/** At once where that is possible; a browser takes its time. */
export function terminateSocket(socket: WebSocket): void {
  socket.close()
}

/** A page lives as long as its user likes. */
export const keepAlive: (() => Timer) | undefined = undefined
