/** Spreads posts: takes each once, verifies it, forwards it by the trees, announces it to the other neighbours, and delivers it. */
import { TokenBucket } from '../../../core/token-bucket.js'
import { Announcements, MAX_WAITING } from './announcements.js'
import { PostDelivery } from './post-delivery.js'
import type { MeshContext } from '../mesh-context.js'
import { MAX_AHEAD, MAX_SEQUENCE, type Feed } from './feed.js'
import type { FeedTable } from './feed-table.js'
import { FeedTrees } from './feed-trees.js'
import type { Announce, Gossip, Graft, Post, Prune } from '../wire/messages.js'
import { MissingPosts, type MissingPost } from './missing-posts.js'
import type { Neighbour } from '../neighbour.js'
import { PostStore } from './post-store.js'
import type { Reconciliation } from '../recovery/reconciliation.js'
import { MAX_UNVERIFIED, Verdicts } from './verdicts.js'

/** What other parts of the core do when a post is taken. */
export interface DisseminationHost {
  /** Takes an edge out of the island's tree, if the beacon does not use it. */
  cutBranch(neighbour: Neighbour): void
  /** A post is new here and went to these neighbours; `from` is undefined for an own one. */
  taken(feed: Feed, post: Post, from: Neighbour | undefined, children: readonly Neighbour[]): void
  /** The payload of a large post; `undefined` until it is complete. */
  payloadOf(feed: Feed, post: Post): Uint8Array | undefined
  /** The neighbour asked for a post that was large, and gets its chunks too. */
  serve(feed: Feed, sequence: number, to: Neighbour): void
  /** The neighbour gets this feed by another edge. */
  stop(to: Neighbour, feed: Feed): void
  reconciliation(): Reconciliation
}

/** A gap below an arrived post of at most this size is asked for post by post. */
const SMALL_GAP = 64
/** After an edge between two islands opened, what comes over it is news to this side for this time. In ms. */
const NEWS = 60_000
/** A node that lacks more posts than this catches up; a damaged tree shows in the first few. */
const MANY_MISSING = 16
/** Changes of the trees of a node: a new edge brings copies until its circle is cut. */
const GRAFTS = { rate: 0.5, burst: 8 }
/** Posts that a node sends to all neighbours because its tree is damaged. Under load a late post looks the same. */
const URGENT = { rate: 0.5, burst: 4 }
/** A neighbour that was heard in this time and did not send what it announced breaks a promise; a silent one is found by a ping. In ms. */
const PROMISE = 200

export class Dissemination {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #host: DisseminationHost
  readonly #announcements: Announcements
  readonly #missing: MissingPosts
  readonly verdicts: Verdicts
  readonly trees: FeedTrees
  readonly delivery: PostDelivery
  readonly #store: PostStore
  readonly #urgent: TokenBucket
  readonly #grafts: TokenBucket

  constructor(context: MeshContext, feeds: FeedTable, host: DisseminationHost) {
    this.#context = context
    this.#feeds = feeds
    this.#host = host
    this.#announcements = new Announcements(context, feeds)
    this.#missing = new MissingPosts(context, ({ neighbour, alias }, missing) => this.#graft(neighbour, alias, missing))
    this.verdicts = new Verdicts(context, ({ feed, gossip, from }) =>
      this.#missing.announced(from, gossip.alias, feed, gossip.post.sequence),
    )
    this.trees = new FeedTrees(context, neighbour => host.cutBranch(neighbour))
    this.delivery = new PostDelivery(context, feeds, {
      payloadOf: (feed, post) => host.payloadOf(feed, post),
      advanced: feed => this.trees.pacing.tell(feed),
    })
    this.#store = new PostStore(context.options)
    this.#grafts = new TokenBucket(GRAFTS)
    this.#urgent = new TokenBucket(URGENT)
  }

  get dueAt(): number {
    return Math.min(this.#announcements.dueAt, this.#missing.dueAt, this.verdicts.dueAt)
  }

  wake(): void {
    const { now } = this.#context
    if (this.#announcements.dueAt <= now) this.#announcements.flush()
    if (this.#missing.dueAt <= now) this.#missing.wake()
    if (this.verdicts.dueAt <= now) this.verdicts.wake()
  }

  /** Sends a post of this node. */
  send(feed: Feed, post: Post): void {
    this.#store.keep(feed, post)
    this.#forward(feed, post, 1, undefined, 'push', undefined)
  }

  /** Announces a post to all neighbours, those too that were sent it. */
  remind(feed: Feed, sequence: number): void {
    const neighbours = feed.kept.has(sequence) ? this.#context.live() : []
    for (const neighbour of neighbours) this.#announcements.add(neighbour, feed, sequence, true)
  }

  gossip(from: Neighbour, message: Gossip): void {
    const { post, alias } = message
    const { sequence } = post
    const feed = this.#feeds.meant(from, alias)
    if (feed === undefined || sequence > MAX_SEQUENCE) return this.#context.penalise(from, 'malformed')
    if (feed.state === 'refused') return
    this.#announcements.settle(from, feed, sequence)
    const isOvertaken = this.#isOvertaken(feed, message)
    const isAwaited = this.#host.reconciliation().arrived(from, feed, sequence)
    if (feed.has(sequence) && !isOvertaken) return this.#duplicate(feed, message, from)
    this.#missing.sent(feed, sequence, from)
    if (!isAwaited && !isOvertaken && !feed.takes(sequence)) return this.#host.reconciliation().behind(from)
    if (!this.#feeds.mayProve(feed, from)) return
    if (this.verdicts.has(feed, sequence) || from.unverified >= MAX_UNVERIFIED) {
      this.#missing.announced(from, alias, feed, sequence) // a source that is asked, should the first copy be forged or the budget be used up
      return
    }
    const verdict = this.#context.effects.verify(feed, post)
    if (verdict === undefined) this.verdicts.await(feed, message, from)
    else this.#judge(feed, message, from, verdict)
  }

  /** The verdict that `MeshEffects.verify` did not have. */
  verified(post: Post, valid: boolean): void {
    const unverified = this.verdicts.settle(post)
    if (unverified === undefined) return
    const { feed, gossip, from } = unverified
    if (!feed.has(post.sequence) || this.#isOvertaken(feed, gossip)) this.#judge(feed, gossip, from, valid)
    this.#host.reconciliation().answered(from)
  }

  #duplicate(feed: Feed, message: Gossip, from: Neighbour): void {
    this.#context.counts.duplicates++
    if (feed.state === 'proven') this.trees.duplicate(feed, message, from)
  }

  #judge(feed: Feed, message: Gossip, from: Neighbour, valid: boolean): void {
    if (!valid) return this.#context.penalise(from, 'forged')
    if (!this.#feeds.prove(feed, from)) return
    const { post } = message
    const reconciliation = this.#host.reconciliation()
    if (this.#isOvertaken(feed, message)) {
      this.#store.keep(feed, post)
      for (const each of this.delivery.collect(feed, post.sequence)) this.take(feed, { ...message, post: each }, from)
      return
    }
    if (feed.next === undefined && message.way === 'repair' && reconciliation.isPast(from, feed, post.sequence)) {
      reconciliation.proved(feed)
      return this.#takeAsPast(feed, post)
    }
    if (feed.next === undefined) this.#start(feed, post.sequence, from)
    if (feed.takes(post.sequence)) this.take(feed, message, from)
    else reconciliation.gaps.land(feed, message, from)
  }

  #isOvertaken(feed: Feed, { way, post }: Gossip): boolean {
    return way !== 'repair' && this.delivery.isOvertaken(feed, post.sequence)
  }

  #takeAsPast(feed: Feed, post: Post): void {
    this.#store.keep(feed, post)
    this.delivery.begin(feed, post.sequence)
    for (const { sequence, sources } of this.#missing.of(feed))
      for (const { neighbour, alias } of sources) this.#graftOvertaken(neighbour, alias, feed, sequence, 1)
  }

  /** Asks for announced posts that another neighbour proved as the past. */
  #graftOvertaken(to: Neighbour, yourAlias: number, feed: Feed, first: number, count: number): void {
    for (const sequence of this.delivery.overtakenBy(to, feed, first, count))
      this.#context.send(to, { type: 'graft', yourAlias, sequence })
  }

  /** The first verified post of a feed: this node comes in there, or at an earlier post that is on its way. */
  #start(feed: Feed, sequence: number, from: Neighbour): void {
    const reconciliation = this.#host.reconciliation()
    const coming = Math.min(this.#missing.lowest(feed), this.verdicts.lowest(feed), reconciliation.lowestComing(feed, sequence))
    this.#feeds.advance(feed, Math.min(coming, sequence))
    if (coming < sequence) reconciliation.gaps.open(feed, true)
    if (!feed.takes(sequence)) reconciliation.behind(from)
  }

  /** A verified post of a proven feed. */
  take(feed: Feed, { post, hops, way, alias }: Gossip, from: Neighbour): void {
    const { sequence } = post
    const missing = this.#missing.arrived(feed, sequence, post.ownTree)
    const next = feed.next ?? 0
    feed.activeAt = this.#context.now
    feed.ahead.set(sequence, { post, hops })
    this.#store.keep(feed, post)
    if (way === 'repair' || way === 'news') this.#context.counts.repaired++
    else this.trees.adopt(feed, post, from, hops)
    this.#forward(feed, post, hops + 1, from, this.#wayOn(way, from, missing), missing)
    if (sequence > next) this.#askForGap(feed, next, sequence, alias, from)
    this.delivery.arrived(feed, post, hops)
  }

  /** How a post goes on from here. */
  #wayOn(way: Gossip['way'], from: Neighbour, missing: MissingPost | undefined): Gossip['way'] {
    const { options, isCaughtUp, now } = this.#context
    if (way === 'repair') return isCaughtUp && from.wasOtherIsland && now - from.openedAt < NEWS ? 'news' : 'repair'
    if (way === 'news') return way
    const wasGrafted = missing !== undefined && missing.asked > 0 && this.#missing.size < MANY_MISSING
    if (!options.mechanisms.urgent || (way === 'push' && !wasGrafted)) return 'push'
    return this.#urgent.take(1, this.#context.now) ? 'urgent' : 'push'
  }

  /** Posts below this one have not arrived: the neighbour has them, because it sends in order unless it lacks them too. */
  #askForGap(feed: Feed, next: number, sequence: number, alias: number, from: Neighbour): void {
    this.#host.reconciliation().gaps.open(feed, false)
    if (sequence - next > SMALL_GAP) return this.#host.reconciliation().behind(from)
    for (let gap = next; gap < sequence; gap++) if (!feed.has(gap)) this.#missing.announced(from, alias, feed, gap)
  }

  #forward(
    feed: Feed,
    post: Post,
    hops: number,
    from: Neighbour | undefined,
    way: Gossip['way'],
    missing: MissingPost | undefined,
  ): void {
    if (hops > this.#context.options.maxHops) return
    const gossip: Gossip = { type: 'gossip', alias: feed.index, hops, way, post }
    const children: Neighbour[] = []
    const isPast = way === 'repair' && !this.#context.isCaughtUp // other newcomers may not want it
    for (const neighbour of this.#context.neighbours.values()) {
      if (neighbour.state === 'opening' && way !== 'repair') neighbour.wait(feed, gossip)
      if (neighbour === from || !neighbour.isLive || isPast) continue
      if (missing !== undefined && missing.sources.some(source => source.neighbour === neighbour)) continue
      if (this.#isPushed(neighbour, feed, post, way)) {
        this.#feeds.introduce(feed, neighbour)
        this.#context.send(neighbour, gossip)
        this.trees.pushed(feed, post, neighbour)
        children.push(neighbour)
      } else this.#announcements.add(neighbour, feed, post.sequence, way === 'urgent')
    }
    this.#host.taken(feed, post, from, children)
  }

  #isPushed(to: Neighbour, feed: Feed, post: Post, way: Gossip['way']): boolean {
    if (to.lagging || way === 'repair') return false
    if (way === 'push') return this.trees.isEager(feed, post, to)
    return way === 'urgent' || to.branch
  }

  announced(from: Neighbour, { ranges }: Announce): void {
    let left = MAX_WAITING // a message has no more posts: its ranges may name the same ones again and again
    for (let i = 0; i < ranges.length; i += 3) {
      const [alias = 0, first = 0, count = 0] = ranges.slice(i, i + 3)
      const feed = this.#feeds.meant(from, alias)
      if (feed === undefined || first + count > MAX_SEQUENCE + 1) return this.#context.penalise(from, 'malformed')
      if (feed.state === 'refused') continue
      this.#graftOvertaken(from, alias, feed, first, count)
      const end = first + Math.min(count, feed.next === undefined ? MAX_AHEAD : count)
      for (let sequence = Math.max(first, feed.next ?? 0); sequence < end && left > 0; sequence++, left--) {
        if (!feed.takes(sequence)) {
          this.#host.reconciliation().behind(from)
          break
        }
        if (!feed.has(sequence) && !this.#missing.announced(from, alias, feed, sequence)) break
      }
      this.#announcements.settle(from, feed, first, count)
    }
  }

  /** Asks for a post. A node that lacks many, or lacked some just before, does not change its trees for it. */
  #graft(to: Neighbour, yourAlias: number, { sequence, unkept }: MissingPost): void {
    if (unkept !== undefined && unkept.heardAt > this.#context.now - PROMISE) this.#context.penalise(unkept, 'brokenPromise')
    if (this.#missing.size >= MANY_MISSING || !this.#grafts.take(1, this.#context.now)) {
      this.#context.send(to, { type: 'want', yourAlias, first: sequence, count: 1, chunk: 0 })
      return
    }
    this.#context.counts.grafts++
    this.#context.send(to, { type: 'graft', yourAlias, sequence })
  }

  grafted(from: Neighbour, { yourAlias, sequence }: Graft): void {
    const feed = this.#feeds.at(yourAlias)
    const post = feed?.kept.get(sequence)
    if (feed === undefined || post === undefined || !this.#host.reconciliation().budgets.mayHave(from, post)) return
    this.trees.grafted(feed, post, from)
    this.#feeds.introduce(feed, from)
    this.#context.send(from, { type: 'gossip', alias: feed.index, hops: 1, way: 'push', post })
    if (post.large) this.#host.serve(feed, sequence, from)
  }

  pruned(from: Neighbour, { yourAlias }: Prune): void {
    const feed = this.#feeds.at(yourAlias)
    if (feed === undefined) return
    this.trees.pruned(feed, from)
    this.#host.stop(from, feed)
  }

  forget(neighbour: Neighbour): void {
    this.#missing.forget(neighbour)
    neighbour.unannounced = []
  }
}
