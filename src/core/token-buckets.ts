/** One token bucket per key, such as an address. Pure arithmetic. */
import { BoundedMap } from './bounded-map.js'
import { TokenBucket, type RateLimit } from './token-bucket.js'

/** A full bucket is deleted, because a new bucket is the same: a client that reconnects gains nothing. */
export class TokenBuckets {
  readonly #allowance: RateLimit
  readonly #buckets: BoundedMap<string, TokenBucket>
  /** Milliseconds in which an empty bucket becomes full. */
  readonly #refill: number
  #sweptAt = 0

  /** Beyond `maxKeys` the oldest bucket is evicted. */
  constructor(allowance: RateLimit, maxKeys: number) {
    this.#allowance = allowance
    this.#buckets = new BoundedMap(maxKeys)
    this.#refill = (1_000 * allowance.burst) / allowance.rate
  }

  get size(): number {
    return this.#buckets.size
  }

  /** The bucket of the key. Do not keep it: it is deleted once it is full. */
  of(key: string, now: number): TokenBucket {
    if (now - this.#sweptAt >= this.#refill) this.#sweep(now)
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    const bucket = new TokenBucket(this.#allowance)
    this.#buckets.set(key, bucket)
    return bucket
  }

  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key)
  }
}
