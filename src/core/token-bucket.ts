/** A token bucket, the rate limit of this library: a burst, then a rate per second. Pure arithmetic. */

export interface RateLimit {
  /** Tokens that are refilled per second. */
  rate: number
  /** Tokens of a full bucket. */
  burst: number
}

export class TokenBucket {
  readonly #allowance: RateLimit
  #left: number
  #at = 0

  /** Full at first, so it needs no time yet. */
  constructor(allowance: RateLimit) {
    this.#allowance = allowance
    this.#left = allowance.burst
  }

  /** Tokens that are left; below zero while a {@link charge} is not refilled. */
  left(now: number): number {
    const { rate, burst } = this.#allowance
    this.#left = Math.min(this.#left + ((now - this.#at) * rate) / 1_000, burst)
    this.#at = now
    return this.#left
  }

  /** Takes the tokens; false, and takes none, if there are too few. */
  take(amount: number, now: number): boolean {
    if (amount > this.left(now)) return false
    this.#left -= amount
    return true
  }

  /** Takes the tokens even if there are too few: the bucket goes below zero, and is refilled at the rate. */
  charge(amount: number, now: number): void {
    this.#left = this.left(now) - amount
  }

  /** Milliseconds until one token can be taken. */
  wait(now: number): number {
    return Math.max(((1 - this.left(now)) * 1_000) / this.#allowance.rate, 0)
  }

  isFull(now: number): boolean {
    return this.left(now) >= this.#allowance.burst
  }
}
