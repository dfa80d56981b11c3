/** Feeds that are new to this node, and what a neighbour was asked for: the posts that are owed to it, those that it wants, or one that proves the past. */
import type { Feed } from './feed.js'
import type { MeshContext } from '../mesh-context.js'
import type { Neighbour } from '../neighbour.js'

/** Of one neighbour at a time the first post of a feed is awaited for this time. In ms. */
const MAX_WAIT = 5_000

/**
 * `owed`: the feed is news, so all of its posts are owed to this node. `wanted`: earlier posts that the application wants. A number: the post that
 * only proves a feed of the past.
 */
type Asked = 'owed' | 'wanted' | number

export class FirstPosts {
  readonly #context: MeshContext
  readonly #asked = new Map<Feed, { from: Neighbour; what: Asked; at: number }>()

  constructor(context: MeshContext) {
    this.#context = context
  }

  asked(feed: Feed, from: Neighbour, what: Asked): void {
    this.#asked.set(feed, { from, what, at: this.#context.now })
  }

  /** No neighbour was asked for posts of the feed. */
  isUnasked(feed: Feed): boolean {
    return !this.#asked.has(feed)
  }

  /** A neighbour was asked for posts of the feed, and has still time to send them. */
  isAsked(feed: Feed): boolean {
    return this.#context.now - (this.#asked.get(feed)?.at ?? Number.NEGATIVE_INFINITY) < MAX_WAIT
  }

  isAskedOf(neighbour: Neighbour): boolean {
    return [...this.#asked.values()].some(({ from }) => from === neighbour)
  }

  isOwed(feed: Feed): boolean {
    return this.#asked.get(feed)?.what === 'owed'
  }

  /** Whether the neighbour was asked for this post, which only proves the feed. */
  isProof(from: Neighbour, feed: Feed, sequence: number): boolean {
    const asked = this.#asked.get(feed)
    return asked?.from === from && asked.what === sequence
  }

  came(feed: Feed): void {
    this.#asked.delete(feed)
  }

  tick(): void {
    const { now } = this.#context
    for (const [feed, { at }] of this.#asked) if (now - at >= MAX_WAIT) this.#asked.delete(feed)
  }
}
