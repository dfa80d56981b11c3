/**
 * The trees by which posts spread. Each tree has one source, so that the first copy always shows the best parent: the tree of a feed has its
 * sender, the tree of the island has the beacon's root. A second copy on an edge of a tree takes the edge out of it.
 *
 * Plumtree prunes one tree by the posts of all senders. Posts in flight at the same time then cut it in several places.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from './feed.js'
import type { Gossip, Post, Redundancy } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { Pacing } from './pacing.js'

/** How many parents a node keeps. */
const PARENTS: Record<Redundancy, number> = { tree: 1, 'two-parents': 2, flood: Number.POSITIVE_INFINITY }

/** A parent is replaced by a neighbour that is this many hops nearer to the sender. */
const SHORTER = 2

/**
 * The share of neighbours that get the first post of a feed, before its tree exists, by the size of the mesh: all up to 5 members, 80–90 % up
 * to 15, 60–70 % above. The others get an announcement.
 */
export function firstFanout(members: number): number {
  if (members <= 5) return 1
  return members <= 15 ? 0.85 : 0.65
}

export class FeedTrees {
  readonly pacing: Pacing
  readonly #context: MeshContext
  /** Takes an edge out of the island's tree, if the beacon does not use it. */
  readonly #cutBranch: (neighbour: Neighbour) => void

  constructor(context: MeshContext, cutBranch: (neighbour: Neighbour) => void) {
    this.#context = context
    this.pacing = new Pacing(context)
    this.#cutBranch = cutBranch
  }

  /** A post arrived for the first time: its sender is a parent. */
  adopt(feed: Feed, post: Post, parent: Neighbour, hops: number): void {
    feed.hops = hops
    if (!post.ownTree || feed.parents[0] === parent) return
    feed.parents = [parent, ...feed.parents.filter(other => other !== parent)].slice(0, Math.min(8, PARENTS[post.redundancy]))
  }

  /** Whether the neighbour gets the posts of this feed at once. */
  isEager(feed: Feed, post: Post, neighbour: Neighbour): boolean {
    if (neighbour.lagging) return false
    if (post.redundancy === 'flood') return true
    return post.ownTree ? this.#eager(feed).has(neighbour) : neighbour.branch
  }

  /** The neighbour was sent a post. With two parents each, two nodes may be parents of each other: only a tree tells of its end. */
  pushed(feed: Feed, { redundancy, sequence }: Post, to: Neighbour): void {
    if (redundancy === 'tree' && feed.eager?.has(to) === true) this.pacing.pushed(feed, to, sequence)
  }

  /** A post arrived again. */
  duplicate(feed: Feed, { post, way, alias, hops }: Gossip, from: Neighbour): void {
    if (way !== 'push' || post.redundancy === 'flood') return
    if (!post.ownTree) return this.#cutBranch(from)
    if (feed.sender === this.#context.id) return this.#prune(from, alias)
    if (feed.parents.includes(from)) return
    if (feed.parents.length < PARENTS[post.redundancy]) feed.parents.push(from)
    else if (hops <= feed.hops - SHORTER) this.#replaceParent(feed, from, hops)
    else this.#prune(from, alias)
  }

  /** The neighbour is nearer to the sender than the parent, whose copy came first over more but faster edges. */
  #replaceParent(feed: Feed, from: Neighbour, hops: number): void {
    const [parent] = feed.parents
    const alias = parent?.feeds.indexOf(feed) ?? -1
    if (parent !== undefined && alias >= 0) this.#prune(parent, alias)
    feed.parents = [from]
    feed.hops = hops
  }

  #prune(from: Neighbour, alias: number): void {
    this.#context.counts.prunes++
    this.#context.send(from, { type: 'prune', yourAlias: alias })
  }

  pruned(feed: Feed, from: Neighbour): void {
    feed.eager?.delete(from)
    feed.children?.delete(from)
  }

  /** The neighbour wants the posts of this feed. */
  grafted(feed: Feed, post: Post, from: Neighbour): void {
    if (post.ownTree) this.#eager(feed).add(from)
    else from.branch = true
  }

  #eager(feed: Feed): Set<Neighbour> {
    if (feed.eager !== undefined) return feed.eager
    const live = this.#context.live()
    const count = Math.ceil(firstFanout(Math.max(this.#context.size, live.length + 1)) * live.length)
    for (let i = 0; i < count; i++) {
      const other = i + this.#context.below(live.length - i)
      const [a, b] = [live[i], live[other]]
      if (a !== undefined && b !== undefined) [live[i], live[other]] = [b, a]
    }
    feed.eager = new Set(live.slice(0, count))
    return feed.eager
  }
}
