/** The back-off between dials of one server. Pure arithmetic. */
import { backoff, jittered } from '../core/backoff.js'

/** 1, 2, 4 … 60 seconds. */
const RETRY = { first: 1_000, factor: 2, max: 60_000 }
/** Spreads the dials of clients that lost their server in the same moment. */
const JITTER = 0.25
/**
 * A server that worked a moment ago is probably being restarted, and signalling stands still until it is dialled again. Within this time
 * after the loss of a good connection no wait is longer than {@link RESTART_WAIT}.
 */
export const RESTART_GRACE = 60_000
/** 2.5 s with jitter, which leaves half a second for the dial: clients are connected within 3 s of the server's return. */
const RESTART_WAIT = { ...RETRY, max: 2_000 }

/** Counts the failed dials since the last good connection. */
export class Retry {
  #attempt = 0
  #lostAt: number | undefined

  /** A good connection was lost: starts over, with the short waits of a restart. */
  lost(now: number): void {
    this.#attempt = 0
    this.#lostAt = now
  }

  /** The network came back: forgets the failures. */
  reset(): void {
    this.#attempt = 0
  }

  /** The wait before the next dial, in milliseconds. */
  next(now: number, random: number): number {
    const restarting = this.#lostAt !== undefined && now - this.#lostAt < RESTART_GRACE
    const curve = restarting ? RESTART_WAIT : RETRY
    const wait = Math.min(jittered(backoff(curve, this.#attempt), JITTER, random), RETRY.max)
    // Within RESTART_GRACE the count stays at 1, so that doubling begins when it ends.
    this.#attempt = restarting ? 1 : this.#attempt + 1
    return wait
  }
}
