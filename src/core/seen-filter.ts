/** Remembers recently seen ids in bounded memory, in two rotating bloom filters. Knows nothing of what the ids mean. */
import { BloomFilter } from './bloom-filter.js'
import type { Env } from './env.js'
import { misuse } from './errors.js'

export interface SeenFilterOptions {
  /** The last `capacity` different ids are remembered, unless `rotateAfter` passes first. */
  capacity: number
  /** The largest share of new ids for which `has` returns true (false positives). */
  errorRate: number
  /** Milliseconds: an id is remembered for this time, unless `capacity` others follow, and for at most twice this time. */
  rotateAfter: number
}

/**
 * Remembers an id for one to two rotations, never shorter. A false positive lasts for at most one rotation.
 *
 * `add` writes to both filters, `has` reads the older one only. A rotation drops the older filter; the newer one, which has
 * another random seed and all ids since the rotation before, takes its place. The other seed ends a false positive.
 *
 * @example
 * const seen = new SeenFilter(env, { capacity: 1000, errorRate: 0.01, rotateAfter: 120_000 })
 * if (!seen.has(announceId)) seen.add(announceId)
 */
export class SeenFilter {
  readonly #env: Env
  readonly #options: SeenFilterOptions
  #older: BloomFilter
  #newer: BloomFilter
  /** Insertions into the newer filter; `rate()` of bloom-filters 3.0.4 is wrong. */
  #count = 0
  #rotatedAt: number

  constructor(env: Env, options: SeenFilterOptions) {
    const { capacity, errorRate, rotateAfter } = options
    if (!(Number.isSafeInteger(capacity) && capacity >= 1 && errorRate > 0 && errorRate < 1 && rotateAfter > 0))
      throw misuse('a seen filter takes capacity >= 1, 0 < errorRate < 1 and rotateAfter > 0')
    this.#env = env
    this.#options = options
    this.#older = this.#create()
    this.#newer = this.#create()
    this.#rotatedAt = env.now()
  }

  add(id: string): void {
    this.#rotateIfDue()
    if (!this.#newer.has(id)) {
      if (this.#count === this.#options.capacity) {
        this.#rotate()
        this.#rotatedAt = this.#env.now()
      }
      this.#newer.add(id)
      this.#count++
    }
    this.#older.add(id)
  }

  has(id: string): boolean {
    this.#rotateIfDue()
    return this.#older.has(id)
  }

  /** Runs on use instead of in a timer, so that a filter needs no `close()`. */
  #rotateIfDue(): void {
    const { rotateAfter } = this.#options
    const due = Math.floor((this.#env.now() - this.#rotatedAt) / rotateAfter)
    if (due < 1) return
    this.#rotate()
    if (due > 1) this.#rotate()
    this.#rotatedAt += due * rotateAfter
  }

  #rotate(): void {
    this.#older = this.#newer
    this.#newer = this.#create()
    this.#count = 0
  }

  #create(): BloomFilter {
    // Twice the capacity, because a filter holds the ids of two rotations when it is dropped.
    const filter = BloomFilter.create(2 * this.#options.capacity, this.#options.errorRate)
    // The library's default seed is a constant: an attacker could choose ids that collide. Its hash reads 32 bits.
    filter.seed = this.#env.randomBytes(4).reduce((seed, byte) => seed * 256 + byte, 0)
    return filter
  }
}
