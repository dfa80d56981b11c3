/**
 * Finds what was missed, by comparing with neighbours: first a digest that comes with each ping, then vectors of what each side has, then the
 * posts themselves. Serves a node that was frozen or late, two islands that met, and gaps.
 */
import { CatchingUp } from './catching-up.js'
import type { MeshContext } from '../mesh-context.js'
import type { Dissemination } from '../posts/dissemination.js'
import { type Feed, MAX_AHEAD } from '../posts/feed.js'
import type { FeedTable } from '../posts/feed-table.js'
import { FirstPosts } from '../posts/first-posts.js'
import { Gaps } from './gaps.js'
import { MAX_NUMBERS } from '../wire/wire-format.js'
import type { Vector, Want } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import type { Pacing } from '../posts/pacing.js'
import { RequestBudgets } from './request-budgets.js'

/** A node starts at most one comparison in this time, because digests differ while posts travel. In ms. */
const COMPARE_EVERY = 10_000
/** After an edge opened, or a neighbour answered again, at least this time lies between two comparisons with it. */
const COMPARE_SOON = 1_000
/** Two digests that were compared are compared again after this time: some differences are in posts that no node keeps any more. */
const COMPARE_AGAIN = 120_000
/** So few posts of a feed may be on their way by its tree. They count as announced, so that they are asked for only if they do not come. */
const FEW = 16
/** Posts that one `want` asks for. */
const MAX_WANTED = 256
/** Posts that a neighbour sends on request may take this time to arrive before another one is asked. In ms. */
const MAX_WAIT = 60_000

export interface ReconciliationHost {
  /** Sends the chunks of a large post. */
  serve: (feed: Feed, sequence: number, to: Neighbour) => void
  /** Sends a ping, unless one is not answered yet. */
  ping: (neighbour: Neighbour) => void
}

/** What a neighbour was asked for: the first post of each feed. */
interface Awaited {
  firsts: Map<Feed, number>
  at: number
  /** The neighbour has more than it was asked for. */
  hasMore: boolean
  /** It sent one of the posts, or said that it keeps the first one no more. */
  isKept: boolean
}

export class Reconciliation {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #host: ReconciliationHost
  readonly gaps: Gaps
  #comparedAt = Number.NEGATIVE_INFINITY
  readonly budgets: RequestBudgets
  readonly #dissemination: Dissemination
  readonly #pacing: Pacing
  readonly #awaited = new Map<Neighbour, Awaited>()
  readonly #firstPosts: FirstPosts
  readonly #catchingUp: CatchingUp

  constructor(context: MeshContext, feeds: FeedTable, dissemination: Dissemination, host: ReconciliationHost) {
    this.#context = context
    this.#feeds = feeds
    this.#host = host
    this.budgets = new RequestBudgets(context)
    this.#firstPosts = new FirstPosts(context)
    this.#dissemination = dissemination
    this.#pacing = dissemination.trees.pacing
    this.#catchingUp = new CatchingUp(context, {
      compare: neighbour => this.#compare(neighbour, COMPARE_SOON),
      ping: host.ping,
      isProving: neighbour => this.#firstPosts.isAskedOf(neighbour),
    })
    this.gaps = new Gaps(context, {
      askAll: () => this.#askAll(),
      ping: host.ping,
      isVerifying: (feed, sequence) => dissemination.verdicts.has(feed, sequence),
      isAwaited: (feed, sequence) => [...this.#awaited.values()].some(({ firsts }) => firsts.get(feed) === sequence),
      goOn: (feed, next) => {
        feeds.advance(feed, next)
        dissemination.delivery.deliver(feed)
      },
      take: (feed, gossip, from) => dissemination.take(feed, gossip, from),
    })
  }

  /** An edge opened, or a silent neighbour answered. */
  met(neighbour: Neighbour, digest: number): void {
    const isEqual = digest === this.#feeds.digest
    if (!isEqual) this.#compare(neighbour, COMPARE_SOON)
    this.#catchingUp.heard(neighbour, isEqual)
  }

  /** A ping or its answer arrived. */
  heard(neighbour: Neighbour, theirs: number): void {
    this.answered(neighbour)
    const mine = this.#feeds.digest
    this.#catchingUp.heard(neighbour, theirs === mine)
    if (theirs === mine) return
    const last = neighbour.compared
    if (last?.mine === mine && last.theirs === theirs && this.#context.now - last.at < COMPARE_AGAIN) return
    if (this.#compare(neighbour, COMPARE_EVERY)) neighbour.compared = { mine, theirs, at: this.#context.now }
  }

  /** The neighbour has posts that this node did not hear of. */
  behind(neighbour: Neighbour): void {
    this.#compare(neighbour, COMPARE_SOON)
  }

  /** Returns whether it was time for it. */
  #compare(neighbour: Neighbour, gap: number): boolean {
    if (!this.#context.options.mechanisms.repair || this.#context.now - this.#comparedAt < gap) return false
    if (this.#awaited.size > 0) return false // posts are on their way
    this.#comparedAt = this.#context.now
    this.#sendVector(neighbour, false)
    return true
  }

  #askAll(): void {
    for (const neighbour of this.#context.live()) {
      this.#sendVector(neighbour, false)
      this.#host.ping(neighbour)
    }
  }

  #sendVector(to: Neighbour, reply: boolean): void {
    let entries: number[] = []
    for (const feed of this.#feeds.all) {
      if (feed.next === undefined || feed.next === 0) continue
      this.#feeds.introduce(feed, to)
      entries.push(feed.index, feed.oldest, feed.next)
      if (entries.length < MAX_NUMBERS) continue
      this.#context.send(to, { type: 'vector', reply, entries })
      entries = []
    }
    this.#context.send(to, { type: 'vector', reply, entries })
  }

  vector(from: Neighbour, { reply, entries }: Vector): void {
    if (!reply) {
      if (!this.budgets.mayAskVector(from)) return
      this.#sendVector(from, true)
    }
    for (let i = 0; i < entries.length; i += 3) {
      const [alias = 0, oldest = 0, next = 0] = entries.slice(i, i + 3)
      const feed = this.#feeds.meant(from, alias)
      if (feed === undefined) return this.#context.penalise(from, 'malformed')
      if (feed.state !== 'refused' && oldest < next) this.#compareFeed(from, feed, alias, oldest, next)
    }
    if (entries.length < MAX_NUMBERS) this.#catchingUp.compared(from) // it was the last part
  }

  /** The neighbour has the posts from `oldest` on, up to `next`. */
  #compareFeed(from: Neighbour, feed: Feed, alias: number, oldest: number, next: number): void {
    if (feed.past >= next) return
    const awaited = this.#awaited.get(from)
    const asked = awaited?.firsts.get(feed)
    if (awaited !== undefined && asked !== undefined) {
      if (asked < oldest) awaited.isKept = true // it made room for later ones
      awaited.hasMore = true // the answer to what it was asked for comes first
      return
    }
    if (feed.next === undefined && this.#firstPosts.isAsked(feed)) return
    const history = this.#historyOf(feed)
    if (feed.next === undefined && history === 0) return this.#askForProof(from, feed, alias, next - 1)
    let mine = feed.next ?? Math.max(feed.past, oldest, next - history)
    while (feed.ahead.has(mine)) mine++ // large posts, whose chunks are on their way
    const { isCaughtUp } = this.#context
    if (feed.next === undefined) this.#firstPosts.asked(feed, from, isCaughtUp ? 'owed' : 'wanted')
    if (mine >= next) return
    if (this.#mayBeOnTheirWay(feed, oldest, mine, next))
      return this.#dissemination.announced(from, { type: 'announce', ranges: [alias, mine, next - mine] })
    if (mine >= oldest) this.gaps.asked(feed, from)
    else this.gaps.lacks(feed, from)
    const first = Math.max(mine, oldest)
    const count = Math.min(MAX_WANTED, next - first)
    this.#context.send(from, { type: 'want', yourAlias: alias, first, count, chunk: 0 })
    this.#await(from, feed, first, first + count < next)
  }

  /** Whether these posts are the last ones of a feed that this node follows. */
  #mayBeOnTheirWay(feed: Feed, oldest: number, mine: number, next: number): boolean {
    if (!this.#context.isCaughtUp || feed.next === undefined || mine < oldest) return false
    return next - mine <= FEW && mine === feed.next + feed.ahead.size // without a gap
  }

  /** Earlier posts of a new feed that this node wants: all of a feed that is news, and of one that is the past what the application asked for. */
  #historyOf({ topic }: Feed): number {
    return this.#context.isCaughtUp ? Number.POSITIVE_INFINITY : (this.#context.history.get(topic) ?? 0)
  }

  #await(from: Neighbour, feed: Feed, first: number, hasMore: boolean): void {
    let awaited = this.#awaited.get(from)
    if (awaited === undefined) {
      awaited = { firsts: new Map<Feed, number>(), at: this.#context.now, hasMore: false, isKept: false }
      this.#awaited.set(from, awaited)
      this.#host.ping(from)
    }
    awaited.firsts.set(feed, first)
    if (hasMore) awaited.hasMore = true
  }

  #askForProof(from: Neighbour, feed: Feed, alias: number, sequence: number): void {
    this.#firstPosts.asked(feed, from, sequence)
    this.#context.send(from, { type: 'want', yourAlias: alias, first: sequence, count: 1, chunk: 0 })
  }

  /** A post came. Whether the neighbour was asked for it as the first one of the feed that this node lacks. */
  arrived(from: Neighbour, feed: Feed, sequence: number): boolean {
    const awaited = this.#awaited.get(from)
    const first = awaited?.firsts.get(feed)
    if (awaited === undefined || first === undefined) return false
    if (sequence >= first && sequence < first + MAX_WANTED) awaited.isKept = true
    return sequence === first
  }

  /**
   * The lowest post that may come of a feed of which this one is the first verified post: one that a neighbour was asked for, the first one of a feed
   * that is news, or of the past the earliest that the application wants. Neighbours may send later ones before it, because verdicts on signatures
   * come in any order.
   */
  lowestComing(feed: Feed, sequence: number): number {
    // A newcomer that was asked may have the last posts only, and others all of them.
    const isOwed = this.#firstPosts.isUnasked(feed) || (this.#firstPosts.isOwed(feed) && sequence < MAX_AHEAD)
    let lowest = isOwed ? Math.max(feed.past, sequence - this.#historyOf(feed)) : sequence
    for (const { firsts } of this.#awaited.values()) lowest = Math.min(lowest, firsts.get(feed) ?? lowest)
    return lowest
  }

  /** Whether the neighbour was asked for this post only to prove a feed that is older than this node's membership. */
  isPast(from: Neighbour, feed: Feed, sequence: number): boolean {
    return this.#firstPosts.isProof(from, feed, sequence)
  }

  /** That post has come. */
  proved(feed: Feed): void {
    this.#firstPosts.came(feed)
  }

  /**
   * Channels are ordered: when a ping that left after a `want` is answered, the posts have arrived, or do not come. A neighbour that withholds
   * them is not one to rely on: all others are asked, too.
   */
  tick(): void {
    const { now } = this.#context
    for (const [neighbour, { at }] of this.#awaited) {
      if (neighbour.answeredPing >= at) this.#settle(neighbour)
      else if (now - at > MAX_WAIT) this.#awaited.delete(neighbour)
      else if (neighbour.pingedAt === undefined) this.#host.ping(neighbour)
    }
    this.#firstPosts.tick()
    this.gaps.tick()
    this.#catchingUp.tick()
  }

  /** The neighbour may have sent all that it was asked for: what comes next is asked for at once. */
  answered(neighbour: Neighbour): void {
    const awaited = this.#awaited.get(neighbour)
    if (awaited?.hasMore === true && neighbour.unverified === 0 && neighbour.answeredPing >= awaited.at) this.#settle(neighbour)
  }

  #settle(neighbour: Neighbour): void {
    const awaited = this.#awaited.get(neighbour)
    if (awaited === undefined) return
    const { firsts, hasMore, isKept } = awaited
    this.#awaited.delete(neighbour)
    if (isKept || [...firsts].some(([feed, first]) => feed.state === 'refused' || feed.has(first))) {
      if (hasMore) this.#sendVector(neighbour, false)
      return
    }
    this.#context.penalise(neighbour, 'withheld')
    this.#askAll()
  }

  forget(neighbour: Neighbour): void {
    this.#catchingUp.forget(neighbour)
    this.#awaited.delete(neighbour)
  }

  wanted(from: Neighbour, want: Want): void {
    const { yourAlias, first, count } = want
    const feed = this.#feeds.at(yourAlias)
    if (feed === undefined || count > MAX_WANTED) return this.#context.penalise(from, 'malformed')
    this.#feeds.introduce(feed, from)
    this.#pacing.asked(feed, from, want)
    let isServed = false
    for (let sequence = first; sequence < first + count; sequence++) {
      const post = feed.kept.get(sequence)
      if (post === undefined) continue
      isServed = true
      if (!this.budgets.mayHave(from, post)) return
      this.#context.send(from, { type: 'gossip', alias: feed.index, hops: 1, way: 'repair', post })
      if (post.large) this.#host.serve(feed, sequence, from)
    }
    // They made room for later ones.
    if (!isServed && this.budgets.mayAskVector(from)) this.#sendVector(from, true)
  }
}
