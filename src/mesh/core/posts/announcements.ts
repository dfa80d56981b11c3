/**
 * Tells neighbours which posts this node has, for those that do not get them by a tree. An announcement waits a moment: one message then
 * holds several, and a neighbour whose own announcement arrives meanwhile needs none.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from './feed.js'
import type { FeedTable } from './feed-table.js'
import { MAX_NUMBERS } from '../wire/wire-format.js'
import type { Neighbour } from '../neighbour.js'
import { feedIndexOf, postKey, sequenceOf } from './post-key.js'

/** In ms. A longer one saves more bytes, and delays the repair of a damaged tree at each hop. */
const ANNOUNCE_DELAY = 50
/** Waiting announcements for one neighbour. Beyond it the digest of the next ping tells. */
export const MAX_WAITING = 4_096

export class Announcements {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  /** When the next announcements leave. */
  dueAt = Number.POSITIVE_INFINITY

  constructor(context: MeshContext, feeds: FeedTable) {
    this.#context = context
    this.#feeds = feeds
  }

  add(to: Neighbour, feed: Feed, sequence: number, soon: boolean): void {
    if (to.unannounced.length >= MAX_WAITING) return
    to.unannounced.push(postKey(feed.index, sequence))
    const { now, options } = this.#context
    const delay = soon || !options.mechanisms.batching ? 0 : ANNOUNCE_DELAY
    if (now + delay < this.dueAt) this.dueAt = now + delay
  }

  /** The neighbour has these posts. It may claim any number of them, so the waiting announcements are walked, not the posts. */
  settle(neighbour: Neighbour, feed: Feed, first: number, count = 1): void {
    if (neighbour.unannounced.length === 0) return
    const start = postKey(feed.index, first)
    neighbour.unannounced = neighbour.unannounced.filter(key => key < start || key >= start + count)
  }

  flush(): void {
    this.dueAt = Number.POSITIVE_INFINITY
    for (const neighbour of this.#context.neighbours.values()) if (neighbour.unannounced.length > 0) this.#announce(neighbour)
  }

  #announce(to: Neighbour): void {
    const keys = to.unannounced
    to.unannounced = []
    if (!to.isLive) return
    if (keys.length > 1) keys.sort((a, b) => a - b)
    let ranges: number[] = []
    let [start, count] = [keys[0] ?? 0, 0]
    for (const key of keys) {
      if (key === start + count) {
        count++
        continue
      }
      this.#range(ranges, to, start, count)
      if (ranges.length >= MAX_NUMBERS) {
        this.#context.send(to, { type: 'announce', ranges })
        ranges = []
      }
      start = key
      count = 1
    }
    this.#range(ranges, to, start, count)
    if (ranges.length > 0) this.#context.send(to, { type: 'announce', ranges })
  }

  #range(ranges: number[], to: Neighbour, start: number, count: number): void {
    const feed = this.#feeds.at(feedIndexOf(start))
    if (feed === undefined) return
    this.#feeds.introduce(feed, to)
    ranges.push(feed.index, sequenceOf(start), count)
  }
}
