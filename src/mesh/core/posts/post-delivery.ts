/** Hands posts to the application, in the order of their feed unless the topic is unordered, and knows where a feed begins for a newcomer. */
import type { Feed } from './feed.js'
import type { FeedTable } from './feed-table.js'
import type { MeshContext } from '../mesh-context.js'
import type { Post } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'

/** A post that one neighbour proves as the past may come from another one as a new post within this time. In ms. */
const OVERTAKEN = 10_000
/** Of the past, this many posts may prove to be new. */
const MAX_OVERTAKEN = 64

export interface PostDeliveryHost {
  /** The payload of a large post; `undefined` until it is complete. */
  payloadOf(feed: Feed, post: Post): Uint8Array | undefined
  /** Posts of the feed were delivered. */
  advanced(feed: Feed): void
}

export class PostDelivery {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #host: PostDeliveryHost
  readonly #unordered = new Set<string>()

  constructor(context: MeshContext, feeds: FeedTable, host: PostDeliveryHost) {
    this.#context = context
    this.#feeds = feeds
    this.#host = host
  }

  /** Posts of the topic are delivered as they arrive from now on, and so are those that wait for an earlier one. */
  setUnordered(topic: string): void {
    if (this.#unordered.has(topic)) return
    this.#unordered.add(topic)
    for (const feed of this.#feeds.all.filter(each => each.topic === topic))
      for (const { post, hops } of feed.ahead.values()) if (!post.large) this.#hand(feed, post, hops, post.payload)
  }

  /** A neighbour proved that the feed was there before this node, up to this post: the next one is the first to be delivered. */
  begin(feed: Feed, sequence: number): void {
    this.#feeds.advance(feed, sequence + 1)
    feed.proof = { sequence, at: this.#context.now, overtaken: new Set<number>(), asked: new Set<string>() }
  }

  /**
   * Whether a neighbour that pushes or announces this post may know better than the one that proved it as the past: it does so with what it took after
   * the edge opened (or, for `confirm`, with its own post of a moment ago). Nothing is overtaken once a post was delivered: an earlier one would break
   * the order.
   */
  isOvertaken({ proof, past }: Feed, sequence: number): boolean {
    if (proof === undefined || this.#context.now - proof.at > OVERTAKEN) return false
    if (sequence > proof.sequence || sequence < Math.max(past, proof.sequence - MAX_OVERTAKEN + 1)) return false
    return !proof.overtaken.has(sequence)
  }

  /**
   * Those of the announced posts that are to be asked for because they are overtaken: each once of each neighbour, so that a hostile one cannot use up
   * the requests to others.
   */
  overtakenBy(from: Neighbour, feed: Feed, first: number, count: number): number[] {
    const { proof } = feed
    if (proof === undefined) return []
    const sequences: number[] = []
    const end = Math.min(first + count, proof.sequence + 1)
    for (let sequence = Math.max(first, proof.sequence - MAX_OVERTAKEN + 1); sequence < end; sequence++)
      if (this.isOvertaken(feed, sequence) && !proof.asked.has(`${from.id} ${sequence}`)) sequences.push(sequence)
    for (const sequence of sequences) proof.asked.add(`${from.id} ${sequence}`)
    return sequences
  }

  /**
   * An overtaken post came, has a valid signature and is kept. Returns the posts to be taken now: those up to the last one of the past, without a gap,
   * as soon as that one is there. So a hostile neighbour can neither hold up the feed nor open a gap in it.
   */
  collect(feed: Feed, sequence: number): Post[] {
    const { proof, kept } = feed
    if (proof === undefined) return []
    proof.overtaken.add(sequence)
    const posts: Post[] = []
    for (let last = proof.sequence; proof.overtaken.has(last); last--) {
      const post = kept.get(last)
      if (post === undefined) break // it made room for later ones
      posts.unshift(post)
    }
    const [first] = posts
    if (first === undefined) return []
    feed.proof = undefined // the feed begins here
    this.#feeds.advance(feed, first.sequence)
    return posts
  }

  /** A post was taken; it waits in `feed.ahead`. */
  arrived(feed: Feed, post: Post, hops: number): void {
    if (this.#unordered.has(feed.topic) && !post.large) this.#hand(feed, post, hops, post.payload)
    this.deliver(feed)
  }

  /** Hands over the posts whose turn it is and whose payload is complete. */
  deliver(feed: Feed): void {
    const inOrder = !this.#unordered.has(feed.topic)
    let next = feed.next ?? 0
    for (let waiting = feed.ahead.get(next); waiting !== undefined; waiting = feed.ahead.get(next)) {
      const { post, hops } = waiting
      const payload = post.large ? this.#host.payloadOf(feed, post) : post.payload
      if (payload === undefined) break
      feed.ahead.delete(next)
      if (post.large && payload.length === 0) this.#context.counts.gaps++
      else if (inOrder || post.large) this.#hand(feed, post, hops, payload)
      next++
    }
    if (next === feed.next) return
    feed.proof = undefined
    this.#feeds.advance(feed, next)
    this.#host.advanced(feed)
  }

  #hand({ sender, key, topic }: Feed, { sequence }: Post, hops: number, payload: Uint8Array): void {
    this.#context.counts.delivered++
    this.#context.effects.deliver({ from: sender, key, topic, sequence, payload, hops })
  }
}
