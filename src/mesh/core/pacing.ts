/**
 * Slows a sender down to what the mesh takes. Each node tells the neighbour that a feed comes from how far it is, and how far all nodes behind it are;
 * the sender does not get further ahead of any of them than its neighbours keep posts for. A node that stands still is not waited for.
 */
import type { Feed } from './feed.js'
import type { MeshContext } from './mesh-context.js'
import type { Taken } from './messages.js'
import type { Neighbour } from './neighbour.js'
import { POST_COST } from './post-store.js'

/** A node tells its progress each time it has taken so many posts. */
const TELL_EVERY = 16
/** Feeds of fewer posts are not paced: nothing is lost that is within the first posts which each node keeps. */
const UNPACED = 64
/** Posts that a sender may be ahead of the last node, and the share of what is kept. */
const MAX_AHEAD = 1_024
const SHARE = 1 / 4
/** A child that took fewer than this number of posts in this time is not waited for, while it has more to take. In ms. */
const LEAST = 64
const PATIENCE = 2_000
/** A feed without a post for this time is not looked at any more. In ms. */
const QUIET = 10_000
/** Children find those behind them that stand still, and go on without them. A child that does not is not waited for after this time. In ms. */
const LONGEST = 6_000

/** What is known of a child in the tree of a feed. */
export interface ChildProgress {
  /** The next post that it gets. */
  sent: number
  /** All posts below are taken by the child, and by all nodes behind it. */
  next: number
  behind: number
  /** When both of them had last moved far enough, and where they were. */
  movedAt: number
  mark: number
  behindMovedAt: number
  behindMark: number
}

export class Pacing {
  readonly #context: MeshContext
  /** Feeds whose children are waited for. */
  readonly #paced = new Set<Feed>()

  constructor(context: MeshContext) {
    this.#context = context
  }

  /** A post goes to a child in the tree of its feed. */
  pushed(feed: Feed, to: Neighbour, sequence: number): void {
    if (sequence < UNPACED) return
    feed.children ??= new Map()
    this.#paced.add(feed)
    const child = feed.children.get(to)
    if (child !== undefined) child.sent = Math.max(child.sent, sequence + 1)
    else {
      const at = { movedAt: this.#context.now, behindMovedAt: this.#context.now }
      feed.children.set(to, { sent: sequence + 1, next: sequence, behind: sequence, mark: sequence, behindMark: sequence, ...at })
    }
  }

  /** A child tells how far it is. */
  taken(feed: Feed, from: Neighbour, { next, behind }: Taken): void {
    const child = feed.children?.get(from)
    if (child === undefined) return
    const { now } = this.#context
    child.next = next
    child.behind = Math.min(behind, next)
    if (next >= child.sent || next >= child.mark + LEAST) [child.mark, child.movedAt] = [next, now]
    if (child.behind >= next || child.behind >= child.behindMark + LEAST)
      [child.behindMark, child.behindMovedAt] = [child.behind, now]
    this.tell(feed)
  }

  /** Tells the parents of this node how far it is, if that is worth a message. */
  tell(feed: Feed): void {
    const { next = 0, parents } = feed
    if (next < UNPACED || parents.length === 0) return
    const behind = Math.min(next, this.#least(feed))
    if (next < feed.toldNext + TELL_EVERY && behind < feed.toldBehind + TELL_EVERY) return
    feed.toldNext = next
    feed.toldBehind = behind
    for (const parent of parents) {
      const yourAlias = parent.feeds.indexOf(feed)
      if (yourAlias >= 0 && parent.isLive) this.#context.send(parent, { type: 'taken', yourAlias, next, behind })
    }
  }

  /** A child that stands still is not waited for any more, which no message tells. */
  tick(): void {
    for (const feed of this.#paced) {
      if (this.#context.now - feed.activeAt > QUIET || feed.state !== 'proven') this.#paced.delete(feed)
      else this.tell(feed)
    }
  }

  /** All posts below are taken by the nodes that are waited for. */
  #least(feed: Feed): number {
    let least = Number.POSITIVE_INFINITY
    const { now } = this.#context
    for (const [neighbour, child] of feed.children ?? []) {
      if (!neighbour.isLive || neighbour.lagging) continue
      if (child.next < child.sent && now - child.movedAt > PATIENCE) continue
      const isStuck = child.behind < child.next && now - child.behindMovedAt > LONGEST
      least = Math.min(least, isStuck ? child.next : child.behind)
    }
    return least
  }

  /** Whether the sender of the feed has to wait before its next post of so many bytes. */
  isAhead(feed: Feed, bytes: number): boolean {
    const { keepPosts, keepBytes } = this.#context.options
    const most = Math.min(MAX_AHEAD, keepPosts * SHARE, (keepBytes * SHARE) / (POST_COST + bytes))
    return (feed.next ?? 0) - this.#least(feed) >= Math.max(2 * TELL_EVERY, most)
  }
}
