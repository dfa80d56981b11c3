/** Which ids were seen lately, in bounded space: two bloom filters that take turns. Knows nothing of what the ids name. */
import bloomFilterModule from 'bloom-filters/dist/bloom/bloom-filter.js'
import type { Env } from './env.js'
import { SwarmlinkError } from './errors.js'

// A deep import, because the package's main entry needs `Buffer`. The file is CommonJS: Node hands over its `exports`, some
// bundlers the class itself.
const BloomFilter = 'default' in bloomFilterModule ? bloomFilterModule.default : bloomFilterModule
type BloomFilter = InstanceType<typeof BloomFilter>

export interface SeenFilterOptions {
  /** How many different ids are remembered at least, unless time runs out first. */
  capacity: number
  /** The share of ids never seen that `has` takes for seen, at most. */
  errorRate: number
  /** Milliseconds that an id is remembered at least, unless `capacity` others follow; it is forgotten after twice that at most. */
  rotateAfter: number
}

/**
 * Remembers ids for one to two rotations. It never forgets one earlier; it may take a new one for seen, and then for one rotation
 * at most.
 *
 * Every id goes into both filters, and only the elder is asked. On a rotation the elder is dropped and the younger, which
 * has another random seed, takes its place with all that came since the rotation before. So an id that the elder mistook
 * for another is looked at afresh after one rotation, and the elder alone says everything that we know.
 *
 * @example
 * const seen = new SeenFilter(env, { capacity: 1000, errorRate: 0.01, rotateAfter: 120_000 })
 * if (!seen.has(announceId)) seen.add(announceId)
 */
export class SeenFilter {
  readonly #env: Env
  readonly #options: SeenFilterOptions
  #elder: BloomFilter
  #younger: BloomFilter
  /** Insertions into the younger: the library's own estimate is wrong. */
  #count = 0
  #rotatedAt: number

  constructor(env: Env, options: SeenFilterOptions) {
    const { capacity, errorRate, rotateAfter } = options
    if (!(Number.isSafeInteger(capacity) && capacity >= 1 && errorRate > 0 && errorRate < 1 && rotateAfter > 0))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'a seen filter takes capacity >= 1, 0 < errorRate < 1 and rotateAfter > 0')
    this.#env = env
    this.#options = options
    this.#elder = this.#create()
    this.#younger = this.#create()
    this.#rotatedAt = env.now()
  }

  add(id: string): void {
    this.#keepTime()
    if (!this.#younger.has(id)) {
      if (this.#count === this.#options.capacity) {
        this.#rotate()
        this.#rotatedAt = this.#env.now()
      }
      this.#younger.add(id)
      this.#count++
    }
    this.#elder.add(id)
  }

  has(id: string): boolean {
    this.#keepTime()
    return this.#elder.has(id)
  }

  clear(): void {
    this.#rotate()
    this.#rotate()
    this.#rotatedAt = this.#env.now()
  }

  /** Done on use instead of by a timer, so that a filter needs no end. */
  #keepTime(): void {
    const { rotateAfter } = this.#options
    const due = Math.floor((this.#env.now() - this.#rotatedAt) / rotateAfter)
    if (due < 1) return
    this.#rotate()
    if (due > 1) this.#rotate()
    this.#rotatedAt += due * rotateAfter
  }

  #rotate(): void {
    this.#elder = this.#younger
    this.#younger = this.#create()
    this.#count = 0
  }

  #create(): BloomFilter {
    // By the time the elder is dropped it holds what came in two rotations.
    const filter = BloomFilter.create(2 * this.#options.capacity, this.#options.errorRate)
    // The library's default is a constant, and nobody shall be able to choose ids that look seen. Its hash reads 32 bits.
    filter.seed = this.#env.randomBytes(4).reduce((seed, byte) => seed * 256 + byte, 0)
    return filter
  }
}
