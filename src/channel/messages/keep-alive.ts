/** Keepalive pings and round-trip times of a connection. Knows no channel. */
import { withDeadline, type Env, type Timer } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'

/** Milliseconds of silence after which a keepalive ping is sent. ICE detects a lost path on its own, but not a page that hangs. */
const IDLE = 30_000
/**
 * Silent intervals of `IDLE` after which the peer counts as unresponsive. Intervals are counted, because measured time is wrong if this
 * process slept or was busy: it then did not read either, and packets that arrived meanwhile are read after the timers.
 */
const DEAD = 3
const PING_TIMEOUT = 30_000
const MAX_PINGS = 16

export interface KeepAliveHost {
  readonly env: Env
  ping(token: number): void
  /** Called once per `IDLE`, for periodic checks. */
  tick(): void
  dead(error: SwarmlinkError): void
}

interface Ping {
  at: number
  answered: (ms: number) => void
  failed: (error: SwarmlinkError) => void
}

export class KeepAlive {
  readonly #host: KeepAliveHost
  /** By their tokens, which count up. */
  readonly #pings = new Map<number, Ping>()
  #timer: Timer | undefined
  /** Intervals since the last packet. */
  #silent = 0
  #token = 0
  #roundTripTime: number | undefined

  constructor(host: KeepAliveHost) {
    this.#host = host
  }

  get roundTripTime(): number | undefined {
    return this.#roundTripTime
  }

  start(): void {
    this.#timer = this.#host.env.timer(IDLE, () => {
      if (this.#silent >= DEAD)
        return this.#host.dead(new SwarmlinkError('ERR_UNRESPONSIVE', `timeout: no packet for ${(DEAD * IDLE) / 1_000} s`))
      this.#host.tick()
      if (this.#silent++ > 0 && this.#pings.size < MAX_PINGS) this.#ask()
      this.start()
    })
  }

  /** A message leaves: sends a ping with the first one. An unused connection sends no ping. */
  used(): void {
    if (this.#token === 0) this.#ask()
  }

  heard(): void {
    this.#silent = 0
  }

  async ping(): Promise<number> {
    if (this.#pings.size >= MAX_PINGS) throw new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_PINGS} pings are pending: await them`)
    const late = () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', `timeout: no answer to a ping within ${PING_TIMEOUT / 1_000} s`)
    const answer = new Promise<number>((answered, failed) => this.#ask(answered, failed))
    return await withDeadline(this.#host.env, answer, PING_TIMEOUT, late)
  }

  /** An answer to this ping and to all before it: a peer answers only the latest of several. */
  pong(token: number): void {
    if (!this.#pings.has(token)) return
    for (const [earlier, { at, answered }] of this.#pings) {
      if (earlier > token) break
      this.#pings.delete(earlier)
      this.#roundTripTime = this.#host.env.now() - at
      answered(this.#roundTripTime)
    }
  }

  stop(error: SwarmlinkError): void {
    this.#timer?.cancel()
    for (const { failed } of this.#pings.values()) failed(error)
    this.#pings.clear()
  }

  #ask(answered: Ping['answered'] = () => {}, failed: Ping['failed'] = () => {}): void {
    const token = ++this.#token
    this.#pings.set(token, { at: this.#host.env.now(), answered, failed })
    this.#host.ping(token)
  }
}
