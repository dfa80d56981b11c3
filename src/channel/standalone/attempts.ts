/** Limits the connection attempts of one handshake: their number, their common deadline, and which failures may be retried. */
import type { Env, Timer } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'

/**
 * Milliseconds from the moment that both descriptions are known here until the channel is open. The signalling may be slow, and
 * the answer has to arrive first; a browser gives up an unanswered connection after half of this time.
 */
export const CALL_TIMEOUT = 30_000
/**
 * In milliseconds. A connection that fails earlier after both descriptions are applied did not lack a path: that takes an engine 10 s and
 * more. On one machine libdatachannel 0.24 loses a race now and then: it verifies the remote certificate before it has stored the
 * fingerprint of the answer. Beside four busy processes that is 1 answer of a browser in 30; on a busier machine, as its log suggests, it was three in a row.
 */
const EARLY_FAILURE = 3_000
/** Attempts within {@link CALL_TIMEOUT}. */
const MAX_ATTEMPTS = 6

export class Attempts {
  readonly #env: Env
  /** Attempts with both descriptions known. */
  #count = 0
  /** When the engine had both descriptions of the current attempt. */
  #appliedAt: number | undefined
  #deadline = Number.POSITIVE_INFINITY
  /** Runs between two attempts. */
  #giveUp: Timer | undefined

  constructor(env: Env) {
    this.#env = env
  }

  /** Begins an attempt; returns the milliseconds that are left for it. */
  begin(): number {
    this.#giveUp?.cancel()
    this.#appliedAt = undefined
    const now = this.#env.now()
    if (this.#count++ === 0) this.#deadline = now + CALL_TIMEOUT
    return this.#deadline - now
  }

  /** The engine has both descriptions of the current attempt: the search for a path begins. */
  applied(): void {
    this.#appliedAt = this.#env.now()
  }

  get exhausted(): boolean {
    return this.#count >= MAX_ATTEMPTS
  }

  /** Whether another attempt may follow this failure of the current one. */
  mayFollow(error: SwarmlinkError | undefined): boolean {
    const isEarly = this.#appliedAt === undefined || this.#env.now() - this.#appliedAt < EARLY_FAILURE
    return error?.code === 'ERR_ICE_FAILED' && isEarly && !this.exhausted
  }

  /** Calls back at the deadline, unless another attempt begins before. */
  awaitNext(late: (error: SwarmlinkError) => void): void {
    this.#giveUp = this.#env.timer(this.#deadline - this.#env.now(), () =>
      late(new SwarmlinkError('ERR_CONNECT_TIMEOUT', 'the connection did not open in time: make a new one')),
    )
  }

  /** The engine refused the offer of the current attempt: the next one has its place. */
  withdraw(late: (error: SwarmlinkError) => void): void {
    if (--this.#count === 0) this.#deadline = Number.POSITIVE_INFINITY
    else this.awaitNext(late)
  }

  stop(): void {
    this.#giveUp?.cancel()
  }
}
