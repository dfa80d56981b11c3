/** One WebSocket URL, one connection at a time, dialled again until it is closed. Moves frames; a {@link SocketProtocol} decodes them. */
import { utf8 } from '../core/bytes.js'
import { Emitter } from '../core/emitter.js'
import { withDeadline, type Env, type TextSocket } from '../core/env.js'
import { asError, type ErrorCode, type SwarmlinkError } from '../core/errors.js'
import type { Log } from '../core/log.js'
import { urlName } from '../core/secrets.js'
import { WakeableSleep } from '../core/wakeable-sleep.js'
import { Retry } from './retry.js'
import { Watchdog, type SocketTimeouts } from './watchdog.js'

/** A WebSocket over TLS needs four round trips; a host that swallows packets would take minutes. */
const DIAL_TIMEOUT = 10_000
/** Half a minute of a slow connection: a frame that waited longer would arrive stale. */
const MAX_BUFFERED = 1024 * 1024

/** `waiting` is the pause before the next dial. */
export type SocketState = 'idle' | 'dialing' | 'open' | 'waiting' | 'closed'

type State = { name: Exclude<SocketState, 'open'> } | { name: 'open'; socket: TextSocket; watchdog: Watchdog }

/** The protocol of one kind of server, and its deadlines. */
export interface SocketProtocol<Frame, Fault extends SwarmlinkError> {
  /** The kind of server in error messages. */
  readonly server: string
  /** The code of the warning when a dial failed or the connection was lost. */
  readonly code: ErrorCode
  readonly log: Log
  /** In bytes; a longer frame is not sent. */
  readonly maxFrame: number
  readonly patience: SocketTimeouts
  /** Keepalive, sent after `patience.silence`. Without it the connection is closed then. */
  readonly ping?: string
  /** Throws only a fault. */
  decode(text: string): Frame
  isFault(error: unknown): error is Fault
  /** Whether the frame proves the server healthy: a server that refuses and disconnects must not be dialled every second. */
  isGood(frame: Frame): boolean
}

export interface SocketEvents<Frame, Fault> {
  state: [SocketState]
  frame: [Frame]
  /** One frame was dropped; the connection stays. */
  dropped: [Fault]
  /** A dial failed or the connection was lost; the next dial follows. */
  warning: [SwarmlinkError]
}

/** Totals over all connections to one URL. */
export interface Traffic {
  framesIn: number
  framesOut: number
  bytesIn: number
  bytesOut: number
  /** Dials after the first one. */
  reconnects: number
}

export function noTraffic(): Traffic {
  return { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, reconnects: 0 }
}

export class ReconnectingSocket<Frame, Fault extends SwarmlinkError> extends Emitter<SocketEvents<Frame, Fault>> {
  /** The name of the URL in errors and logs, without secrets. */
  readonly name: string
  readonly traffic: Traffic
  readonly #url: string
  readonly #env: Env
  readonly #protocol: SocketProtocol<Frame, Fault>
  readonly #stop = new AbortController()
  readonly #retry = new Retry()
  readonly #pause: WakeableSleep
  #state: State = { name: 'idle' }
  #running: Promise<void> | undefined

  /** `traffic` counts on from an earlier socket. */
  constructor(url: string, protocol: SocketProtocol<Frame, Fault>, env: Env, traffic = noTraffic()) {
    super()
    this.traffic = traffic
    this.#url = url
    this.name = urlName(url)
    this.#protocol = protocol
    this.#env = env
    this.#pause = new WakeableSleep(env, this.#stop.signal)
  }

  get state(): SocketState {
    return this.#state.name
  }

  start(): void {
    if (this.#state.name === 'idle') this.#running = this.#run(this.#stop.signal)
  }

  /** Stops at once. Frames sent just before still leave, by a close handshake; resolves when the socket is gone. */
  async close(): Promise<void> {
    if (this.#state.name !== 'closed') {
      this.#enter({ name: 'closed' })
      this.#stop.abort()
    }
    await this.#running
  }

  /** The network is back: dials at once instead of waiting on. */
  wake(): void {
    this.#pause.wake()
  }

  /**
   * Never queues: frames from before a reconnect are stale, so callers send them again when the state is `open`.
   * False when the frame did not leave. `answered`: without a frame from the server within `patience.reply` the connection is closed.
   */
  send(frame: string, { answered }: { answered: boolean }): boolean {
    if (this.#state.name !== 'open') return false
    const { socket, watchdog } = this.#state
    const size = utf8.encode(frame).length
    if (size > this.#protocol.maxFrame || socket.bufferedAmount > MAX_BUFFERED) return false
    socket.send(frame)
    this.traffic.framesOut++
    this.traffic.bytesOut += size
    if (answered) watchdog.expect()
    return true
  }

  /** Holds a keep-alive handle until the end: between two dials no socket keeps the process alive. */
  async #run(stop: AbortSignal): Promise<void> {
    const alive = this.#env.keepAlive?.()
    for (let dials = 0; !stop.aborted; dials++) {
      if (dials > 0) this.traffic.reconnects++
      const good = await this.#connect(stop)
      if (stop.aborted) break
      if (good) this.#retry.lost(this.#env.now())
      const wait = this.#retry.next(this.#env.now(), this.#env.random())
      this.#protocol.log('%s: next dial in %d ms', this.name, Math.round(wait))
      const pause = this.#pause.sleep(wait) // begins before the event, whose listener may call `wake`
      this.#enter({ name: 'waiting' })
      if (!(await pause)) this.#retry.reset()
    }
    alive?.cancel()
  }

  /** One connection from its dial to its end. True when it was good: a frame, not a handshake, proves a server healthy. */
  async #connect(stop: AbortSignal): Promise<boolean> {
    const abort = new AbortController()
    const cancel = () => abort.abort(stop.reason)
    stop.addEventListener('abort', cancel)
    let watchdog: Watchdog | undefined
    let good = false
    this.#enter({ name: 'dialing' })
    try {
      const late = () => new Error(`the dial timed out after ${DIAL_TIMEOUT / 1_000} s`)
      const socket = await withDeadline(this.#env, this.#env.dial(this.#url, abort.signal), DIAL_TIMEOUT, late)
      const { patience, ping } = this.#protocol
      const ask = ping === undefined ? undefined : () => void this.send(ping, { answered: true })
      watchdog = new Watchdog(this.#env, patience, ms => abort.abort(new Error(`no frame for ${ms / 1_000} s`)), ask)
      if (!stop.aborted) this.#enter({ name: 'open', socket, watchdog })
      for await (const text of socket) {
        if (abort.signal.aborted) break
        if (this.#receive(text, watchdog)) good = true
      }
      throw abort.signal.aborted ? abort.signal.reason : new Error('the connection closed')
    } catch (cause) {
      if (!stop.aborted) this.#warn(abort.signal.aborted ? abort.signal.reason : cause)
    } finally {
      stop.removeEventListener('abort', cancel)
      watchdog?.stop()
      abort.abort() // closes a socket that opens after the deadline of its dial
    }
    return good
  }

  /** True when the frame proves the server healthy. */
  #receive(text: string, watchdog: Watchdog): boolean {
    this.traffic.framesIn++
    this.traffic.bytesIn += utf8.encode(text).length
    let frame: Frame
    try {
      frame = this.#protocol.decode(text)
    } catch (error) {
      if (!this.#protocol.isFault(error)) throw error
      this.emit('dropped', error)
      return false
    }
    watchdog.alive()
    this.emit('frame', frame)
    return this.#protocol.isGood(frame)
  }

  #warn(cause: unknown): void {
    const { code, server, log } = this.#protocol
    const error = asError(cause, code, `no connection to ${server} ${this.name}`)
    log('%s', error.message)
    this.emit('warning', error)
  }

  #enter(state: State): void {
    this.#state = state
    this.emit('state', state.name)
  }
}
