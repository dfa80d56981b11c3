/** Measures the round-trip time over the control channel, with one ping at a time. Sends through its host. */
import { withDeadline, type Env } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'
import type { RateLimit } from '../../core/token-bucket.js'

/** Rate limit for pongs. */
export const PONGS: RateLimit = { burst: 10, rate: 10 }
/** Milliseconds for which `measure()` returns the last result again, so that pings stay below the remote peer's rate limit. */
const PING_GAP = 1_000 / PONGS.rate
/** In milliseconds. The event loop of an honest peer may be blocked for 10 s. */
export const PING_DEADLINE = 15_000

export class ControlPing {
  readonly #env: Env
  readonly #send: (token: number) => boolean
  #pending: { at: number; promise: Promise<number> } | undefined
  #answered: (ms: number) => void = () => {}
  #failed: (error: SwarmlinkError) => void = () => {}
  #token = 0
  #lastPong = { at: Number.NEGATIVE_INFINITY, roundTripTime: 0 }

  /** `send` returns false if the ping cannot be sent. */
  constructor(env: Env, send: (token: number) => boolean) {
    this.#env = env
    this.#send = send
  }

  /** Rejects with `ERR_UNRESPONSIVE` after {@link PING_DEADLINE}, or at once with `ERR_QUEUE_FULL`. Calls during a pending ping share its result. */
  measure(): Promise<number> {
    if (this.#pending !== undefined) return this.#pending.promise
    const { at, roundTripTime } = this.#lastPong
    const now = this.#env.now()
    if (now - at < PING_GAP) return Promise.resolve(roundTripTime)
    if (!this.#send(++this.#token))
      return Promise.reject(new SwarmlinkError('ERR_QUEUE_FULL', 'the control queue to the peer is full: try again later'))
    const late = () =>
      new SwarmlinkError('ERR_UNRESPONSIVE', `timeout: the peer did not answer a ping within ${PING_DEADLINE / 1_000} s`)
    const answer = new Promise<number>((resolve, reject) => ([this.#answered, this.#failed] = [resolve, reject]))
    const promise = withDeadline(this.#env, answer, PING_DEADLINE, late).finally(() => (this.#pending = undefined))
    this.#pending = { at: now, promise }
    return promise
  }

  /** There is a new channel: the pending ping may be lost. */
  repeat(): void {
    if (this.#pending !== undefined) this.#send(this.#token)
  }

  pong(token: number): void {
    if (this.#pending === undefined || token !== this.#token) return // an outdated pong
    const now = this.#env.now()
    this.#lastPong = { at: now, roundTripTime: now - this.#pending.at }
    this.#answered(this.#lastPong.roundTripTime)
  }

  fail(error: SwarmlinkError): void {
    this.#failed(error)
  }
}
