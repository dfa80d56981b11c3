/** So much at once, so much a second. Pure arithmetic. */

export interface Allowance {
  /** What comes back in a second. */
  rate: number
  /** What may be taken at once after a rest. */
  burst: number
}

export class TokenBucket {
  readonly #allowance: Allowance
  #left: number
  #at: number

  constructor(allowance: Allowance, now: number) {
    this.#allowance = allowance
    this.#left = allowance.burst
    this.#at = now
  }

  /** What could be taken. */
  left(now: number): number {
    const { rate, burst } = this.#allowance
    this.#left = Math.min(this.#left + ((now - this.#at) * rate) / 1_000, burst)
    this.#at = now
    return this.#left
  }

  /** False, and nothing taken, when so much is not there. */
  take(amount: number, now: number): boolean {
    if (amount > this.left(now)) return false
    this.#left -= amount
    return true
  }
}
