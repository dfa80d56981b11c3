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

  /** False, and nothing taken, when so much is not there. */
  take(amount: number, now: number): boolean {
    const { rate, burst } = this.#allowance
    this.#left = Math.min(this.#left + ((now - this.#at) * rate) / 1_000, burst)
    this.#at = now
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }
}
