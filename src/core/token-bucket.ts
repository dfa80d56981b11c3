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

  /** What could be taken; below zero while {@link charge} is not paid. */
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

  /** Takes the amount in any case; the part that is not there is a debt, which comes back at the rate. */
  charge(amount: number, now: number): void {
    this.#left = this.left(now) - amount
  }

  /** Milliseconds until one can be taken. */
  wait(now: number): number {
    return Math.max(((1 - this.left(now)) * 1_000) / this.#allowance.rate, 0)
  }

  isFull(now: number): boolean {
    return this.left(now) >= this.#allowance.burst
  }
}
