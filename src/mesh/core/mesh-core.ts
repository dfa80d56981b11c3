/**
 * The protocol of a mesh: events and time in, effects out. It has no clock, no chance, no socket and no promise of its own, so that a simulation
 * of 10 000 nodes and the product run the same code.
 *
 * The code around it calls a method for each event with the time, and `wake` no later than `wakeAt`. See `effects.ts` for what comes back.
 */
import type { Id } from '../../core/id.js'
import { ChunkTransfers } from './recovery/chunk-transfers.js'
import { MeshContext, type MeshCounts } from './mesh-context.js'
import { type CoreParts, dispatch } from './dispatch.js'
import { Dissemination } from './posts/dissemination.js'
import { Edges } from './membership/edges.js'
import type { DeliveredPost, MeshCoreOptions, MeshEffects } from './effects.js'
import type { Feed } from './posts/feed.js'
import { FeedTable } from './posts/feed-table.js'
import { keptPosts } from './posts/kept-posts.js'
import { IslandTree } from './island/island-tree.js'
import { Liveness } from './membership/liveness.js'
import { Membership } from './membership/membership.js'
import type { EdgeRequest, EdgeRole, Island, KnockAnswer, LossReason, MeshMessage, Post } from './wire/messages.js'
import type { Neighbour } from './neighbour.js'
import { OwnPosts, type PublishOptions, type UnsignedPost } from './posts/own-posts.js'
import { Receipts } from './recovery/receipts.js'
import { Reconciliation } from './recovery/reconciliation.js'

/** How often edges, pings and beacons are looked at. In ms. */
const TICK = 1_000
/** After a change the next look comes this soon, so that a newcomer does not wait for its next edge. */
const HURRY = 20

export class MeshCore {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #dissemination: Dissemination
  readonly #chunks: ChunkTransfers
  readonly #receipts: Receipts
  readonly #own: OwnPosts
  readonly #reconciliation: Reconciliation
  readonly #edges: Edges
  readonly #parts: CoreParts
  readonly #island: IslandTree
  readonly #liveness: Liveness
  readonly #membership: Membership
  #tickAt: number
  #mergedAt = Number.NEGATIVE_INFINITY

  constructor(options: MeshCoreOptions, effects: MeshEffects, now: number) {
    const context = new MeshContext(options, effects)
    context.now = now
    context.expel = neighbour => this.#edges.end(neighbour, 'misbehaved')
    this.#context = context
    this.#feeds = new FeedTable(context)
    this.#island = new IslandTree(context, neighbour => this.#liveness.suspect(neighbour))
    this.#dissemination = new Dissemination(context, this.#feeds, {
      cutBranch: neighbour => this.#island.prune(neighbour),
      taken: (feed, post, from, children) => this.#taken(feed, post, from, children),
      payloadOf: (feed, post) => this.#chunks.payload(feed, post),
      serve: (feed, sequence, to) => this.#chunks.serve(feed, sequence, to, 0),
      stop: (to, feed) => this.#chunks.stop(to, feed),
      reconciliation: () => this.#reconciliation,
    })
    this.#own = new OwnPosts(context, this.#feeds, (feed, post) => this.#dissemination.send(feed, post))
    this.#receipts = new Receipts(context, this.#feeds)
    this.#chunks = new ChunkTransfers(context, this.#feeds, this.#receipts, feed => this.#dissemination.delivery.deliver(feed))
    this.#reconciliation = new Reconciliation(context, this.#feeds, this.#dissemination, {
      serve: (feed, sequence, to) => this.#chunks.serve(feed, sequence, to, 0),
      ping: neighbour => this.#liveness.suspect(neighbour),
    })
    this.#liveness = new Liveness(context, {
      digest: () => this.#feeds.digest,
      depth: () => this.#island.depth,
      silent: neighbour => this.#edges.silent(neighbour),
      mute: neighbour => this.#edges.end(neighbour, 'misbehaved'),
      recovered: (neighbour, digest) => this.#reconciliation.met(neighbour, digest),
      heard: (neighbour, ping) => {
        this.#reconciliation.heard(neighbour, ping.digest)
        this.#island.heard(neighbour, ping)
      },
    })
    this.#membership = new Membership(
      context,
      neighbour => this.#edges.end(neighbour, 'evicted'),
      () => {
        this.#tickAt = Math.min(this.#tickAt, this.#context.now + HURRY)
      },
    )
    const parts = {
      feeds: this.#feeds,
      dissemination: this.#dissemination,
      reconciliation: this.#reconciliation,
      chunks: this.#chunks,
      island: this.#island,
      liveness: this.#liveness,
      membership: this.#membership,
    }
    this.#edges = new Edges(context, parts)
    this.#parts = { ...parts, receipts: this.#receipts, edges: this.#edges }
    this.#tickAt = now
  }

  /** When `wake` is to be called next. */
  get wakeAt(): number {
    const spreading = Math.min(this.#dissemination.dueAt, this.#chunks.dueAt, this.#receipts.dueAt)
    return Math.min(this.#tickAt, this.#liveness.dueAt, this.#island.dueAt, spreading)
  }

  get id(): Id {
    return this.#context.id
  }

  get neighbours(): ReadonlyMap<Id, Neighbour> {
    return this.#context.neighbours
  }

  /** The piece of the mesh that this node is in. */
  get island(): Readonly<Island> {
    return this.#context.island
  }

  /** Members of the island, as the last beacon counted them. */
  get size(): number {
    return this.#context.size
  }

  /** Edges to the root of the island. */
  get depth(): number {
    return this.#island.depth
  }

  /** Feeds that this node knows. */
  get feeds(): number {
    return this.#feeds.all.length
  }

  get counts(): Readonly<MeshCounts> {
    return this.#context.counts
  }

  wake(now: number): void {
    this.#context.now = now
    this.#dissemination.wake()
    if (this.#chunks.dueAt <= now) this.#chunks.wake()
    if (this.#receipts.dueAt <= now) this.#receipts.wake()
    if (this.#liveness.dueAt <= now) this.#liveness.wake()
    if (this.#island.dueAt <= now) this.#island.wake()
    if (this.#tickAt <= now) this.#tick()
  }

  #tick(): void {
    this.#tickAt = this.#context.now + TICK
    this.#liveness.tick()
    this.#island.tick()
    if (this.#island.mergedAt !== this.#mergedAt) {
      this.#mergedAt = this.#island.mergedAt
      this.#membership.merged()
    }
    this.#membership.tick()
    this.#receipts.tick()
    this.#dissemination.trees.pacing.tick()
    this.#reconciliation.tick()
  }

  /** The next post of this node on a topic, to be signed and then published, one at a time. */
  prepare(topic: string, payload: Uint8Array): UnsignedPost {
    return this.#own.prepare(topic, payload)
  }

  /** Whether the next post on the topic, of so many bytes, should wait, because this node is far ahead of others. */
  isAhead(now: number, topic: string, bytes: number): boolean {
    this.#context.now = now
    return this.#dissemination.trees.pacing.isAhead(this.#feeds.own(topic), bytes)
  }

  /** Broadcasts a post. */
  publish(now: number, post: UnsignedPost, signature: Uint8Array, options: PublishOptions = {}): void {
    this.#context.now = now
    this.#own.publish(post, signature, options)
  }

  /** Announces an own post to all neighbours again. */
  remind(now: number, topic: string, sequence: number): void {
    this.#context.now = now
    this.#dissemination.remind(this.#feeds.own(topic), sequence)
  }

  /** The verdict that `MeshEffects.verify` did not have, on the post that it was given. */
  verified(now: number, post: Post, valid: boolean): void {
    this.#context.now = now
    this.#dissemination.verified(post, valid)
  }

  /** Delivers the posts of a topic as they arrive, not in the order of their sender. */
  setUnordered(topic: string): void {
    this.#dissemination.delivery.setUnordered(topic)
  }

  /** Asks for so many earlier posts of each sender of a topic, when this node joins. */
  setHistory(topic: string, posts: number): void {
    this.#context.history.set(topic, Math.max(posts, this.#context.history.get(topic) ?? 0))
  }

  /** The last posts of a topic that are kept here and were delivered: of each sender at most so many, in its order. */
  kept(topic: string, most: number): DeliveredPost[] {
    const feeds = this.#feeds.all.filter(feed => feed.topic === topic && feed.sender !== this.id)
    return keptPosts(feeds, most, (feed, post) => this.#chunks.payload(feed, post))
  }

  /** Edges that this node still wants. */
  get room(): number {
    return this.#membership.admission.room
  }

  /** Whether an edge to this node was agreed on, which either end may open. */
  expects(id: Id): boolean {
    return this.#membership.expects(id)
  }

  /** What a member is asked that a tracker or driver shows to this node. */
  get request(): EdgeRequest {
    return this.#membership.requests.request('island')
  }

  /** A member that a tracker or driver introduced asks for an edge. */
  admits(now: number, request: EdgeRequest): KnockAnswer {
    this.#context.now = now
    const { origin } = request
    const purpose = 'island' // an outsider finds its ring neighbours later
    const { accepted, splice } = this.#membership.admission.decide({ ...request, purpose })
    return { type: 'knock-answer', origin, target: this.id, trail: [], accepted, purpose, splice }
  }

  /** Another member agreed to a request that `MeshEffects.rendezvous` showed it. */
  introduced(now: number, answer: KnockAnswer): void {
    this.#context.now = now
    this.#membership.requests.introduced(answer)
  }

  /** An edge was agreed on outside of the mesh, such as by an invitation. */
  agreed(id: Id, role: EdgeRole): void {
    this.#membership.requests.agreed(id, role)
  }

  /** A connection opened that this node dialled or agreed to. */
  opened(now: number, id: Id): void {
    this.#context.now = now
    this.#edges.opened(id)
  }

  dialFailed(now: number, id: Id): void {
    this.#context.now = now
    this.#membership.dialFailed(id)
  }

  /** A connection ended. */
  closed(now: number, id: Id, reason: LossReason): void {
    this.#context.now = now
    const neighbour = this.#context.neighbours.get(id)
    if (neighbour !== undefined) this.#edges.forget(neighbour, reason)
  }

  /** The neighbour reads more slowly than this node sends, or keeps up again. */
  lagging(now: number, id: Id, isLagging: boolean): void {
    this.#context.now = now
    const neighbour = this.#context.neighbours.get(id)
    if (neighbour !== undefined) neighbour.lagging = isLagging
    if (neighbour !== undefined && !isLagging) this.#reconciliation.behind(neighbour) // its waiting announcements were bounded
  }

  /** Leaves the mesh: all neighbours are told. */
  leave(now: number): void {
    this.#context.now = now
    for (const neighbour of [...this.#context.neighbours.values()]) this.#edges.end(neighbour, 'left')
  }

  /** A message from a neighbour. */
  receive(now: number, id: Id, message: MeshMessage): void {
    this.#context.now = now
    const from = this.#context.neighbours.get(id)
    if (from === undefined) return
    this.#liveness.heard(from)
    if (from.state === 'opening' && message.type !== 'hello' && message.type !== 'bye')
      return this.#context.penalise(from, 'malformed')
    dispatch(this.#parts, from, message)
  }

  /** Bytes from a neighbour that are no message. */
  receiveMalformed(now: number, id: Id): void {
    this.#context.now = now
    const from = this.#context.neighbours.get(id)
    if (from !== undefined) this.#context.penalise(from, 'malformed')
  }

  /** A post is new here, and went to these neighbours. */
  #taken(feed: Feed, post: Post, from: Neighbour | undefined, children: readonly Neighbour[]): void {
    this.#receipts.taken(feed, post, from, children.length > 0)
    if (post.large) this.#chunks.begin(feed, post, children, from === undefined ? this.#own.payloadOf(post) : undefined)
  }
}
