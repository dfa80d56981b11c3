/** Round-trip times, and whether the other end still lives. Counts time; knows nothing of what travels. */
import { withDeadline, type Env, type Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'

/** Silence after which the other end is asked for a sign of life. ICE notices a lost path by itself, but not a page that hangs. */
const IDLE = 30_000
/**
 * So many times of silence, and nobody is believed to be there; a busy event loop gets over most of a minute. They are counted, not
 * measured: who slept or was busy has not listened either, and what came meanwhile is read after the timers.
 */
const DEAD = 3
const PING_TIMEOUT = 30_000
const MAX_PINGS = 16

export interface PulseHost {
  readonly env: Env
  ping(token: number): void
  /** Now and then, for whatever has to be looked at. */
  tick(): void
  dead(error: SwarmlinkError): void
}

interface Ping {
  at: number
  answered: (ms: number) => void
  failed: (error: SwarmlinkError) => void
}

export class Pulse {
  readonly #host: PulseHost
  /** By their tokens, which count up. */
  readonly #pings = new Map<number, Ping>()
  #timer: Timer | undefined
  /** Looks since the last word. */
  #silent = 0
  #token = 0
  #roundTripTime: number | undefined

  constructor(host: PulseHost) {
    this.#host = host
  }

  get roundTripTime(): number | undefined {
    return this.#roundTripTime
  }

  start(): void {
    this.#wait()
  }

  /** A message leaves: the first time, a ping goes with it. A connection that nobody uses costs nothing. */
  used(): void {
    if (this.#token === 0) this.#ask({ answered: () => {}, failed: () => {} })
  }

  heard(): void {
    this.#silent = 0
  }

  async ping(): Promise<number> {
    if (this.#pings.size >= MAX_PINGS) throw new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_PINGS} pings wait for their answers`)
    const late = () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', `no answer to a ping within ${PING_TIMEOUT / 1_000} s`)
    const answer = new Promise<number>((answered, failed) => this.#ask({ answered, failed }))
    return await withDeadline(this.#host.env, answer, PING_TIMEOUT, late)
  }

  /** An answer, to this ping and to all before it: only the latest of several is answered. */
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

  #ask(ping: Omit<Ping, 'at'>): void {
    const token = ++this.#token
    this.#pings.set(token, { ...ping, at: this.#host.env.now() })
    this.#host.ping(token)
  }

  #wait(): void {
    this.#timer = this.#host.env.timer(IDLE, () => {
      if (this.#silent >= DEAD)
        return this.#host.dead(new SwarmlinkError('ERR_UNRESPONSIVE', `the peer said nothing for ${(DEAD * IDLE) / 1_000} s`))
      this.#host.tick()
      if (this.#silent++ > 0 && this.#pings.size < MAX_PINGS) this.#ask({ answered: () => {}, failed: () => {} })
      this.#wait()
    })
  }
}
