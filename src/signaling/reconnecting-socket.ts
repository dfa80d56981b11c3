/** One URL, one link at a time, dialled again for as long as it is wanted. Moves frames; a protocol says what they are. */
import { utf8 } from '../core/bytes.js'
import { Emitter } from '../core/emitter.js'
import { sleep, withDeadline, type Env, type Link } from '../core/env.js'
import { asError, type ErrorCode, type SwarmlinkError } from '../core/errors.js'
import type { Log } from '../core/log.js'
import { urlName } from '../core/secrets.js'
import { Retry } from './retry.js'
import { Watchdog, type Patience } from './watchdog.js'

/** A WebSocket over TLS needs four round trips; a host that swallows packets would take minutes. */
const DIAL_TIMEOUT = 10_000
/** Half a minute of a slow line. What would wait longer is stale when it arrives. */
const MAX_BUFFERED = 1024 * 1024

/** `waiting` is the pause before the next dial. */
export type SocketState = 'idle' | 'dialing' | 'open' | 'waiting' | 'closed'

type State =
  | { name: 'idle' | 'dialing' | 'closed' }
  | { name: 'open'; link: Link; watchdog: Watchdog }
  | { name: 'waiting'; wake: AbortController }

/** What a kind of server speaks, and what may be expected of it. */
export interface SocketProtocol<Frame, Fault extends SwarmlinkError> {
  /** What the server is, in messages. */
  readonly server: string
  /** Of the warning about a link that could not be made or was lost. */
  readonly code: ErrorCode
  readonly log: Log
  /** In bytes: what is longer does not leave. */
  readonly maxFrame: number
  readonly patience: Patience
  /** Asks for an answer when nothing came for long; a protocol without one gives the link up then. */
  readonly ping?: string
  /** Throws nothing but a fault. */
  decode(text: string): Frame
  isFault(error: unknown): error is Fault
  /** Whether the frame speaks for the server's health: one that refuses and hangs up must not be dialled every second. */
  isGood(frame: Frame): boolean
}

export interface SocketEvents<Frame, Fault> {
  state: [SocketState]
  frame: [Frame]
  /** One frame could not be used, and cost nothing but itself. */
  dropped: [Fault]
  /** A link could not be made or was lost; the next one is on its way. */
  warning: [SwarmlinkError]
}

/** What went through, over all links. */
export interface Traffic {
  framesIn: number
  framesOut: number
  bytesIn: number
  bytesOut: number
  /** Dials after the first one. */
  reconnects: number
}

export class ReconnectingSocket<Frame, Fault extends SwarmlinkError>
  extends Emitter<SocketEvents<Frame, Fault>>
  implements AsyncDisposable
{
  /** The URL as errors and logs have it. */
  readonly name: string
  readonly traffic: Traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, reconnects: 0 }
  readonly #url: string
  readonly #env: Env
  readonly #protocol: SocketProtocol<Frame, Fault>
  readonly #stop = new AbortController()
  readonly #retry = new Retry()
  #state: State = { name: 'idle' }
  #running: Promise<void> | undefined

  constructor(url: string, protocol: SocketProtocol<Frame, Fault>, env: Env) {
    super()
    this.#url = url
    this.name = urlName(url)
    this.#protocol = protocol
    this.#env = env
  }

  get state(): SocketState {
    return this.#state.name
  }

  start(): void {
    if (this.#state.name === 'idle') this.#running = this.#run(this.#stop.signal)
  }

  /**
   * From now on nothing is taken or given. Says goodbye politely, so that what was sent just before still leaves, and
   * returns when the socket is gone.
   */
  async close(): Promise<void> {
    if (this.#state.name !== 'closed') {
      this.#enter({ name: 'closed' })
      this.#stop.abort()
    }
    await this.#running
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The network is back: dials at once instead of waiting on. */
  wake(): void {
    if (this.#state.name === 'waiting') this.#state.wake.abort()
  }

  /**
   * Never queues: what was said before a drop is stale, so callers say it again when the state is `open`.
   * False when the frame did not leave. A frame that is `answered` must be, or the link is given up.
   */
  send(frame: string, { answered }: { answered: boolean }): boolean {
    if (this.#state.name !== 'open') return false
    const { link, watchdog } = this.#state
    const size = utf8.encode(frame).length
    if (size > this.#protocol.maxFrame || link.bufferedAmount > MAX_BUFFERED) return false
    link.send(frame)
    this.traffic.framesOut++
    this.traffic.bytesOut += size
    if (answered) watchdog.expect()
    return true
  }

  /** Keeps the process alive from here to the end: between two dials there is no socket that would. */
  async #run(stop: AbortSignal): Promise<void> {
    const alive = this.#env.keepAlive?.()
    for (let dials = 0; !stop.aborted; dials++) {
      if (dials > 0) this.traffic.reconnects++
      const good = await this.#connect(stop)
      if (stop.aborted) break
      if (good) this.#retry.lost(this.#env.now())
      await this.#pause(stop)
    }
    alive?.cancel()
  }

  /** One link from its dial to its end. True when it was good: a frame, not a handshake, proves a server healthy. */
  async #connect(stop: AbortSignal): Promise<boolean> {
    const abort = new AbortController()
    const cancel = () => abort.abort(stop.reason)
    stop.addEventListener('abort', cancel)
    let watchdog: Watchdog | undefined
    let good = false
    this.#enter({ name: 'dialing' })
    try {
      const link = await withDeadline(
        this.#env,
        this.#env.dial(this.#url, abort.signal),
        DIAL_TIMEOUT,
        () => new Error('no answer to the dial'),
      )
      const { patience, ping } = this.#protocol
      watchdog = new Watchdog(this.#env, patience, {
        dead: ms => abort.abort(new Error(`it said nothing for ${ms / 1_000} s`)),
        ask: ping === undefined ? undefined : () => this.send(ping, { answered: true }),
      })
      if (!stop.aborted) this.#enter({ name: 'open', link, watchdog })
      for await (const text of link) {
        if (abort.signal.aborted) break
        if (this.#receive(text, watchdog)) good = true
      }
      throw abort.signal.aborted ? abort.signal.reason : new Error('the connection ended')
    } catch (cause) {
      if (!stop.aborted) this.#warn(abort.signal.aborted ? abort.signal.reason : cause)
    } finally {
      stop.removeEventListener('abort', cancel)
      watchdog?.stop()
      abort.abort() // a dial that comes back after its deadline is closed by this
    }
    return good
  }

  /** True when the frame speaks for the server's health. */
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

  async #pause(stop: AbortSignal): Promise<void> {
    const wake = new AbortController()
    const cancel = () => wake.abort()
    stop.addEventListener('abort', cancel)
    const wait = this.#retry.next(this.#env.now(), this.#env.random())
    this.#protocol.log('%s: next dial in %d ms', this.name, Math.round(wait))
    this.#enter({ name: 'waiting', wake })
    if (!(await sleep(this.#env, wait, wake.signal))) this.#retry.reset()
    stop.removeEventListener('abort', cancel)
  }

  #warn(cause: unknown): void {
    const { code, server, log } = this.#protocol
    const error = asError(cause, code, `no link to ${server} ${this.name}`)
    log('%s', error.message)
    this.emit('warning', error)
  }

  #enter(state: State): void {
    this.#state = state
    this.emit('state', state.name)
  }
}
