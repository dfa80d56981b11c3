/**
 * Notices between the two ends of a connection on one machine, beside the connection that they make: see same-host.ts. One UDP socket for the process,
 * on the loopback interface, which is open while an end waits.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { hrtime } from 'node:process'
import type { Env } from '../core/env.js'
import { randomId } from '../core/id.js'
import { logger } from '../core/log.js'
import { isPort, withLine } from '../core/sdp.js'
import { quietly } from './rtc.js'
import type { ExpectedNotice } from './same-host.js'

const log = logger('engine')

const LOOPBACK = '127.0.0.1'
/** Systems give such sockets no lower port, where services listen. */
const FIRST_PORT = 1024
const MILLISECOND = 1_000_000n
/** In nanoseconds. The answerer begins its checks in this first part of a millisecond. */
const EARLY = 200_000n
/** In nanoseconds: libjuice is connected this long after its first check, if both ends have a core. */
const SOON = 300_000n
/** Waits beyond which this process makes so many connections that the event loop must not stand still for one of them. */
const MANY_WAITS = 8

/** Called with the function that answers the notice. */
type Listener = (reply: (notice: string) => void) => void

export class LoopbackNotices {
  readonly #listeners = new Map<string, Listener>()
  #socket: Promise<Socket | undefined> | undefined
  /** False once this process was refused such a socket. */
  isAvailable = true

  /** Adds a line to the answer, and calls `applied` when the offerer says that it has applied it. */
  async expect(answer: string, env: Env, applied: (tellConnected: () => void) => void): Promise<ExpectedNotice> {
    const token = randomId(env)
    const cancel = this.#on(`applied ${token}`, reply => {
      if (!this.#isBusy) waitForMillisecond()
      applied(() => reply(`connected ${token}`))
    })
    const socket = await this.#open()
    if (socket !== undefined) return { answer: withLine(answer, `a=swarmlink-notices:${socket.address().port} ${token}`), cancel }
    cancel()
    return { answer, cancel }
  }

  /** Says that the answer is applied, and calls `connected` when the answerer says that. Returns the function that ends the wait. */
  tell(answer: string, connected: () => void): () => void {
    const { port, token } = noticesOf(answer) ?? { port: 0, token: '' }
    const cancel = this.#on(`connected ${token}`, connected)
    void this.#open().then(socket => send(socket, `applied ${token}`, port))
    return cancel
  }

  /** Whether the condition holds within a fraction of a millisecond, which is no time for the event loop. */
  soon(condition: () => boolean): boolean {
    const end = hrtime.bigint() + SOON
    while (!condition()) if (this.#isBusy || hrtime.bigint() > end) return false
    return true
  }

  get #isBusy(): boolean {
    return this.#listeners.size > MANY_WAITS
  }

  #on(notice: string, listener: Listener): () => void {
    this.#listeners.set(notice, listener)
    return () => {
      // Later, because what was sent leaves in the next tick.
      if (this.#listeners.delete(notice)) setImmediate(() => this.#closeIfUnused())
    }
  }

  #closeIfUnused(): void {
    if (this.#listeners.size > 0) return
    void this.#socket?.then(socket => socket?.close())
    this.#socket = undefined
  }

  /** Resolves to undefined where a process may have no such socket. */
  #open(): Promise<Socket | undefined> {
    return (this.#socket ??= this.#bind())
  }

  async #bind(): Promise<Socket | undefined> {
    let socket: Socket | undefined
    try {
      socket = createSocket({ type: 'udp4', lookup: asItIs }).unref()
      socket.on('error', error => log('no notices over the loopback interface: %o', error))
      socket.on('message', (packet, { port }) => {
        this.#listeners.get(packet.toString('latin1'))?.(notice => send(socket, notice, port))
      })
      const listening = once(socket, 'listening')
      // Without `exclusive` all workers of a cluster have one port, and a notice reaches any of them.
      socket.bind({ address: LOOPBACK, port: 0, exclusive: true })
      await listening
      return socket
    } catch (error) {
      log('no socket on the loopback interface: %o', error)
      quietly('closing the socket', () => socket?.close())
      this.isAvailable = false
      return undefined
    }
  }
}

/** The notices of this process. */
export const loopbackNotices = new LoopbackNotices()

/** Where the answerer expects them; undefined if it expects none. */
export function noticesOf(answer: string): { port: number; token: string } | undefined {
  const [, port = '', token = ''] = /^a=swarmlink-notices:(\d{1,5}) ([0-9a-f]{40})\r?$/m.exec(answer) ?? []
  return isPort(port) && Number(port) >= FIRST_PORT ? { port: Number(port), token } : undefined
}

function send(socket: Socket | undefined, notice: string, port: number): void {
  quietly('telling the other end', () => socket?.send(notice, port, LOOPBACK)) // the socket may be closed
}

/** Lets a packet leave before `send` returns: Node looks addresses up in the next tick. */
function asItIs(address: string, _family: unknown, found: (error: null, address: string, family: number) => void): void {
  found(null, address, 4)
}

/** Waits for the first part of a millisecond of the clock that libjuice reads, for 0.8 ms at most. */
function waitForMillisecond(): void {
  while (hrtime.bigint() % MILLISECOND > EARLY);
}
