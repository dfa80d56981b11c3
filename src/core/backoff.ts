/** Back-off: the wait before the next retry. Pure arithmetic. */

export interface Backoff {
  first: number
  factor: number
  max: number
}

/** The wait before retry number `attempt` (0 is the first one), in milliseconds, without jitter. */
export function backoff({ first, factor, max }: Backoff, attempt: number): number {
  // After about a thousand retries the power is Infinity, and `max` applies; but 0 * Infinity is NaN.
  return first === 0 ? 0 : Math.min(first * factor ** attempt, max)
}

/** Adds jitter, so that many clients do not retry at the same moment: up to `share` longer, never shorter. */
export function jittered(ms: number, share: number, random: number): number {
  return ms * (1 + share * random)
}
