/** Finds delivered posts that a node still keeps, for an application that subscribes late. A pure function over the feeds. */
import type { DeliveredPost } from '../effects.js'
import type { Feed } from './feed.js'
import type { Post } from '../wire/messages.js'

/** Of each of the feeds the last posts, at most so many, in their order. `payloadOf` has the payloads of large posts. */
export function keptPosts(
  feeds: Iterable<Feed>,
  most: number,
  payloadOf: (feed: Feed, post: Post) => Uint8Array | undefined,
): DeliveredPost[] {
  const posts: DeliveredPost[] = []
  for (const feed of feeds) {
    const { sender: from, key, topic, kept, next = 0 } = feed
    // Not through all numbers below `next`: a sender may begin with any.
    const sequences = [...kept.keys()].filter(sequence => sequence < next && sequence >= next - most)
    for (const sequence of sequences.toSorted((a, b) => a - b)) {
      const post = kept.get(sequence)
      const payload = post?.large === true ? payloadOf(feed, post) : post?.payload
      if (payload !== undefined) posts.push({ from, key, topic, sequence, payload, hops: 0 })
    }
  }
  return posts
}
