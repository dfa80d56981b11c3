/** One token bucket per key, such as an address. Pure arithmetic. */
import { TokenBucket, type Allowance } from './token-bucket.js'

/** A bucket that is full again is forgotten, because a new bucket is the same: a client that reconnects gains nothing. */
export class TokenBuckets {
  readonly #allowance: Allowance
  readonly #maxKeys: number
  readonly #buckets = new Map<string, TokenBucket>()
  /** Milliseconds in which an empty bucket becomes full. */
  readonly #refill: number
  #sweptAt: number

  /** Beyond `maxKeys` the oldest bucket is evicted. */
  constructor(allowance: Allowance, maxKeys: number, now: number) {
    this.#allowance = allowance
    this.#maxKeys = maxKeys
    this.#refill = (1_000 * allowance.burst) / allowance.rate
    this.#sweptAt = now
  }

  get size(): number {
    return this.#buckets.size
  }

  /** The bucket of the key now; do not keep it, because it may be forgotten once it is full. */
  of(key: string, now: number): TokenBucket {
    if (now - this.#sweptAt >= this.#refill) this.#sweep(now)
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size >= this.#maxKeys && oldest !== undefined) this.#buckets.delete(oldest)
    const bucket = new TokenBucket(this.#allowance, now)
    this.#buckets.set(key, bucket)
    return bucket
  }

  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key)
  }
}
