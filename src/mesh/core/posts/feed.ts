/**
 * One feed: the posts of one sender on one topic in one epoch. Knows which posts a node has, by a number and a bounded set above it: replay is
 * refused for ever, and the state does not grow with the number of posts.
 */
import type { Id } from '../../../core/id.js'
import type { OpenFeed, Post } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import type { ChildProgress } from './pacing.js'

/** Posts that may wait for an earlier one. A sequence further ahead is not taken: the vectors of neighbours tell what to ask for. */
export const MAX_AHEAD = 1_024
/** Sequences are 32-bit numbers, so that feed and sequence fit one key. A sender starts a new epoch before. */
export const MAX_SEQUENCE = 2 ** 32 - 1

/** A post that waits for its turn. */
export interface WaitingPost {
  post: Post
  hops: number
}

/** The last post of the past, and when it came. */
export interface PastProof {
  readonly sequence: number
  readonly at: number
  /** Posts up to that one which other neighbours sent as new ones; they are in `kept`. */
  readonly overtaken: Set<number>
  /** Neighbours and the posts that each was asked for because it announced them as new ones. */
  readonly asked: Set<string>
}

export class Feed {
  readonly sender: Id
  readonly key: Uint8Array
  readonly epoch: number
  readonly topic: string
  /**
   * `claimed`: a neighbour names the feed, and no post with a valid signature has arrived. `proven`: one has. `refused`: a later epoch is
   * proven, or the feed is this node's own one of another epoch.
   */
  state: 'claimed' | 'proven' | 'refused' = 'claimed'
  /** Aliases of neighbours that mean this feed. */
  claims = 0
  /** The number of a proven feed on this node, and its alias on every edge; −1 of any other. */
  index = -1
  /** All posts below are delivered, or given up. `undefined` until the feed is proven: the first verified post shows where this node comes in. */
  next: number | undefined
  /** All posts below were delivered before the feed lost its place to another one: they stay refused. */
  past = 0
  /** Of a feed of which nothing is delivered yet: how a neighbour proved that it is older than this node's membership. */
  proof: PastProof | undefined
  /** Posts above `next`. */
  readonly ahead = new Map<number, WaitingPost>()
  /** Posts that are kept for neighbours, in the order of arrival. */
  readonly kept = new Map<number, Post>()

  /** Neighbours that send the posts of this feed. */
  parents: Neighbour[] = []
  /** Hops that its last post had made. */
  hops = 0
  /** Neighbours that get its posts at once; `undefined` before its own tree exists. */
  eager: Set<Neighbour> | undefined
  activeAt = 0
  /** Written by `Pacing`: the children in the tree, and what was told to the parents. */
  children: Map<Neighbour, ChildProgress> | undefined
  toldNext = 0
  toldBehind = 0
  /** Of an own feed: a post that left, and when. */
  readonly floor = { next: 0, at: 0 }

  constructor({ sender, key, epoch, topic }: Omit<OpenFeed, 'type' | 'alias'>) {
    this.sender = sender
    this.key = key
    this.epoch = epoch
    this.topic = topic
  }

  has(sequence: number): boolean {
    return sequence < (this.next ?? this.past) || this.ahead.has(sequence)
  }

  /** Whether the post may be taken now. */
  takes(sequence: number): boolean {
    return this.next === undefined || (sequence >= this.next && sequence < this.next + MAX_AHEAD)
  }

  /** The oldest post from which on a neighbour can get all; `next` when there is none. */
  get oldest(): number {
    let oldest = this.next ?? 0
    while (this.kept.has(oldest - 1)) oldest--
    return oldest
  }

  /** Forgets all posts. */
  clear(): void {
    this.index = -1
    this.next = undefined
    this.proof = undefined
    this.ahead.clear()
    this.kept.clear()
    this.parents = []
    this.eager = undefined
    this.children = undefined
    this.toldNext = 0
    this.toldBehind = 0
  }

  /** Takes the neighbour out of the feed's tree. */
  forget(neighbour: Neighbour): void {
    this.eager?.delete(neighbour)
    this.children?.delete(neighbour)
    if (this.parents.includes(neighbour)) this.parents = this.parents.filter(parent => parent !== neighbour)
  }
}
