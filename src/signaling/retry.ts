/** When to dial a server again. Pure arithmetic. */
import { backoff, jittered } from '../core/backoff.js'

/** 1, 2, 4 … 60 seconds. */
const RETRY = { first: 1_000, factor: 2, max: 60_000 }
/** A crowd that lost its server together comes back spread out. */
const JITTER = 0.25
/**
 * A server that worked a moment ago is being restarted, most likely, and signalling stands still until it is dialled
 * again. For this long after the loss of a good link no wait is longer than {@link RESTART_WAIT}.
 */
export const RESTART_GRACE = 60_000
/** With its jitter 2.5 s, which leaves half a second to dial: it is spoken to within 3 s of its return. */
const RESTART_WAIT = { ...RETRY, max: 2_000 }

/** Counts the failures since a link was last good. */
export class Retry {
  #attempt = 0
  #lostAt: number | undefined

  /** A good link was lost: start over, and expect it back soon. */
  lost(now: number): void {
    this.#attempt = 0
    this.#lostAt = now
  }

  /** The network came back: whatever failed before says nothing. */
  reset(): void {
    this.#attempt = 0
  }

  /** The wait before the next dial, in milliseconds. */
  next(now: number, random: number): number {
    const restarting = this.#lostAt !== undefined && now - this.#lostAt < RESTART_GRACE
    const curve = restarting ? RESTART_WAIT : RETRY
    const wait = Math.min(jittered(backoff(curve, this.#attempt), JITTER, random), RETRY.max)
    // In its grace the count stays where the curve is flat, so that doubling begins when the grace ends.
    this.#attempt = restarting ? 1 : this.#attempt + 1
    return wait
  }
}
