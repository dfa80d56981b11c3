/**
 * Slows a sender down to what the mesh takes. Each node tells the neighbour that a feed comes from how far it is, and how far all nodes behind it are;
 * the sender does not get further ahead of any of them than its neighbours keep posts for. A node that stands still is not waited for.
 */
import type { Feed } from './feed.js'
import type { MeshContext } from '../mesh-context.js'
import type { Taken, Want } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
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
/** A child that has fallen further behind than a sender may be ahead, while it was frozen for example, is waited for at most this time. In ms. */
const CATCHING_UP = 10_000
/** Children find those behind them that stand still, and go on without them. A child that does not is not waited for after this time. In ms. */
const LONGEST = 6_000
/** A sender sends at least {@link LEAST} posts in this time, whatever its neighbours tell: their figures may be forged. In ms. */
const FLOOR = 10_000

/** What is known of a child in the tree of a feed, or of a neighbour that asks for earlier posts. */
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
  /** Since when it has been too far behind. */
  lostSince: number | undefined
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
    if (sequence >= UNPACED) this.#add(feed, to, sequence).sent = sequence + 1
  }

  /** A neighbour asks for posts from this one on: it is that far. */
  asked(feed: Feed, from: Neighbour, { first, count }: Want): void {
    if (count < TELL_EVERY || (feed.next ?? 0) < UNPACED) return
    this.#add(feed, from, first).sent = Math.max(first, feed.next ?? 0)
    this.taken(feed, from, { next: first, behind: first })
  }

  #add(feed: Feed, neighbour: Neighbour, next: number): ChildProgress {
    feed.children ??= new Map()
    this.#paced.add(feed)
    const known = feed.children.get(neighbour)
    if (known !== undefined) return known
    const { now } = this.#context
    const moved = { movedAt: now, mark: next, behindMovedAt: now, behindMark: next, lostSince: undefined }
    const child: ChildProgress = { sent: next, next, behind: next, ...moved }
    feed.children.set(neighbour, child)
    return child
  }

  /** A child tells how far it is. */
  taken(feed: Feed, from: Neighbour, { next, behind }: Pick<Taken, 'next' | 'behind'>): void {
    const child = feed.children?.get(from)
    if (child === undefined) return
    const { now } = this.#context
    child.next = next
    child.behind = Math.min(behind, next)
    if (next >= child.sent || next < child.mark || next >= child.mark + LEAST) [child.mark, child.movedAt] = [next, now]
    if (child.behind >= next || child.behind >= child.behindMark + LEAST)
      [child.behindMark, child.behindMovedAt] = [child.behind, now]
    this.tell(feed)
  }

  /** Tells the parent of this node how far it is, if that is worth a message. */
  tell(feed: Feed): void {
    const {
      next = 0,
      parents: [parent],
    } = feed
    if (next < UNPACED || parent === undefined) return
    const behind = Math.min(next, this.#least(feed))
    if (next < feed.toldNext + TELL_EVERY && behind < feed.toldBehind + TELL_EVERY) return
    feed.toldNext = next
    feed.toldBehind = behind
    const yourAlias = parent.feeds.indexOf(feed)
    if (yourAlias >= 0 && parent.isLive) this.#context.send(parent, { type: 'taken', yourAlias, next, behind })
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
      child.lostSince = (feed.next ?? 0) - child.next > MAX_AHEAD ? (child.lostSince ?? now) : undefined
      if (!neighbour.isLive || neighbour.lagging || now - (child.lostSince ?? now) > CATCHING_UP) continue
      const hasAll = child.next >= child.sent
      if (!hasAll && now - child.movedAt > PATIENCE) continue
      if (child.behind < child.next && now - child.behindMovedAt <= LONGEST) least = Math.min(least, child.behind)
      else if (!hasAll) least = Math.min(least, child.next)
    }
    return least
  }

  /** Whether the sender of the feed has to wait before its next post of so many bytes. */
  isAhead(feed: Feed, bytes: number): boolean {
    const { keepPosts, keepBytes } = this.#context.options
    const most = Math.min(MAX_AHEAD, keepPosts * SHARE, (keepBytes * SHARE) / (POST_COST + bytes))
    return (feed.next ?? 0) - this.#least(feed) >= Math.max(2 * TELL_EVERY, most) && this.#maySendNone(feed)
  }

  /** The sender has sent {@link LEAST} posts since {@link FLOOR} ago. */
  #maySendNone(feed: Feed): boolean {
    const { now } = this.#context
    const { next = 0, floor } = feed
    if (next >= floor.next + LEAST) [floor.next, floor.at] = [next, now]
    return now - floor.at <= FLOOR
  }
}
