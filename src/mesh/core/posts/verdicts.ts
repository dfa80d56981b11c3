/**
 * Posts that wait for the verdict on their signature. Each neighbour has a budget of its own, and a verdict a time limit, so that neither a
 * neighbour nor a `verify` that never answers keeps the posts of others out.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from './feed.js'
import type { Gossip, Post } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'

/** Posts of one neighbour: what WebCrypto verifies in 50 ms, and at most 4 MiB. */
export const MAX_UNVERIFIED = 256
/** A post without a verdict is dropped after this time, and can be asked for again. In ms. */
export const VERDICT_TIMEOUT = 5_000

export interface Unverified {
  feed: Feed
  gossip: Gossip
  from: Neighbour
  at: number
}

export class Verdicts {
  readonly #context: MeshContext
  readonly #expired: (unverified: Unverified) => void
  /** In the order of arrival. */
  readonly #posts = new Map<Post, Unverified>()
  /** When the first verdict is late. */
  dueAt = Number.POSITIVE_INFINITY

  constructor(context: MeshContext, expired: (unverified: Unverified) => void) {
    this.#context = context
    this.#expired = expired
  }

  has(feed: Feed, sequence: number): boolean {
    for (const [post, unverified] of this.#posts) if (unverified.feed === feed && post.sequence === sequence) return true
    return false
  }

  /** The lowest sequence of the feed that waits; infinite when none does. */
  lowest(feed: Feed): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const [post, unverified] of this.#posts) if (unverified.feed === feed) lowest = Math.min(lowest, post.sequence)
    return lowest
  }

  await(feed: Feed, gossip: Gossip, from: Neighbour): void {
    from.unverified++
    this.#posts.set(gossip.post, { feed, gossip, from, at: this.#context.now })
    this.dueAt = Math.min(this.dueAt, this.#context.now + VERDICT_TIMEOUT)
  }

  /** The verdict on a post has come; `undefined` when it came too late. */
  settle(post: Post): Unverified | undefined {
    const unverified = this.#posts.get(post)
    if (unverified === undefined) return undefined
    this.#posts.delete(post)
    unverified.from.unverified--
    return unverified
  }

  wake(): void {
    this.dueAt = Number.POSITIVE_INFINITY
    for (const [post, unverified] of this.#posts) {
      if (unverified.at + VERDICT_TIMEOUT > this.#context.now) {
        this.dueAt = unverified.at + VERDICT_TIMEOUT
        return
      }
      this.settle(post)
      this.#expired(unverified)
    }
  }
}
