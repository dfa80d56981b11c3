/** What each neighbour may still ask for: vectors, and bytes of posts. */
import { TokenBucket } from '../../../core/token-bucket.js'
import type { MeshContext } from '../mesh-context.js'
import type { Post } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { POST_COST } from '../posts/post-store.js'

/** Vectors of this node that a neighbour may ask for. A correct one asks once a second at most. */
const VECTORS = { rate: 2, burst: 32 }
/** A neighbour may ask for all that is kept here four times at once, and four times more in this time. In seconds. */
const KEPT_AGAIN = 10

interface Budget {
  vectors: TokenBucket
  posts: TokenBucket
}

export class RequestBudgets {
  readonly #context: MeshContext
  readonly #budgets = new WeakMap<Neighbour, Budget>()

  constructor(context: MeshContext) {
    this.#context = context
  }

  #of(neighbour: Neighbour): Budget {
    let budget = this.#budgets.get(neighbour)
    if (budget === undefined) {
      const burst = 4 * (this.#context.options.keepBytes + POST_COST * this.#context.options.keepPosts)
      budget = { vectors: new TokenBucket(VECTORS), posts: new TokenBucket({ rate: burst / KEPT_AGAIN, burst }) }
      this.#budgets.set(neighbour, budget)
    }
    return budget
  }

  /** Whether the neighbour may ask for a vector: takes it from what it may still ask for. */
  mayAskVector(from: Neighbour): boolean {
    return this.#of(from).vectors.take(1, this.#context.now)
  }

  /** Whether the neighbour may ask for this post: takes it from what it may still ask for. */
  mayHave(from: Neighbour, { payload }: Post): boolean {
    return this.#of(from).posts.take(POST_COST + payload.length, this.#context.now)
  }
}
