/** How long to wait before the next try. Pure arithmetic. */

export interface Backoff {
  first: number
  factor: number
  max: number
}

/** The wait before try number `attempt` (0 is the first wait), without jitter. */
export function backoff({ first, factor, max }: Backoff, attempt: number): number {
  // After a thousand tries the power is infinite, which is fine; of zero it would be no number at all.
  return first === 0 ? 0 : Math.min(first * factor ** attempt, max)
}

/** Spreads a wait so that a crowd does not come back in step: up to `share` longer, never shorter. */
export function jittered(ms: number, share: number, random: number): number {
  return ms * (1 + share * random)
}
