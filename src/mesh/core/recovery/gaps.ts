/**
 * Posts below a verified one that do not come. A node goes on behind such a gap at last, because order would hold up the feed for ever. What it
 * goes on at is always a post with a valid signature, and a neighbour can only delay that a gap is given up, not cause it: all neighbours are
 * asked, and the node waits for each of them, for what it has and for the posts themselves.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from '../posts/feed.js'
import type { Gossip } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'

/** After this time all neighbours are asked what they have, and have the same time to answer; most gaps close before. In ms. */
const ASK_ALL = 5_000
/** Between two such questions. */
const ASK_EVERY = 10_000
/** A gap that no neighbour could close is given up after this time, and after the longer one even when a neighbour delays its answer. */
const GIVE_UP = 30_000
const LATEST = 120_000
/**
 * Earlier posts of a feed that is new to this node have this time to arrive. A newcomer goes on without them. A node that has caught up asks all
 * neighbours, and goes on when none of them has these posts, at the latest after the longer time: deep in an island that met another one, the posts of
 * the other one come later than those that are sent meanwhile.
 */
const START = 1_000
const LATEST_START = 10_000

interface Gap {
  /** The post that is missing. */
  next: number
  since: number
  isStart: boolean
  /** Neighbours that say they have it, and when they were asked for it. */
  asked: Map<Neighbour, number>
  /** Neighbours that have later posts and not this one. */
  without: Set<Neighbour>
  /** The lowest verified post that is too far ahead to be taken. */
  landing: { gossip: Gossip; from: Neighbour } | undefined
}

export interface GapsHost {
  askAll(): void
  /** Sends a ping, unless one is not answered yet. */
  ping(neighbour: Neighbour): void
  isVerifying(feed: Feed, sequence: number): boolean
  /** A neighbour was asked for the posts from this one on, and its answer is on its way. */
  isAwaited(feed: Feed, sequence: number): boolean
  /** The feed goes on at this post. */
  goOn(feed: Feed, next: number): void
  take(feed: Feed, gossip: Gossip, from: Neighbour): void
}

export class Gaps {
  readonly #context: MeshContext
  readonly #host: GapsHost
  readonly #gaps = new Map<Feed, Gap>()
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(context: MeshContext, host: GapsHost) {
    this.#context = context
    this.#host = host
  }

  /** The feed's next post is missing, and a later one exists. */
  open(feed: Feed, isStart: boolean): void {
    if (feed.next === undefined || this.#gaps.get(feed)?.next === feed.next) return
    const landing = this.#gaps.get(feed)?.landing
    this.#gaps.set(feed, { next: feed.next, since: this.#context.now, isStart, asked: new Map(), without: new Set(), landing })
  }

  /** The neighbour says that it has the next post, and was asked for it. */
  asked(feed: Feed, neighbour: Neighbour): void {
    this.#gaps.get(feed)?.asked.set(neighbour, this.#context.now)
  }

  /** The neighbour says that it does not have the next post, but later ones. */
  lacks(feed: Feed, neighbour: Neighbour): void {
    this.#gaps.get(feed)?.without.add(neighbour)
  }

  land(feed: Feed, gossip: Gossip, from: Neighbour): void {
    this.open(feed, false)
    const gap = this.#gaps.get(feed)
    if (gap !== undefined && gossip.post.sequence < (gap.landing?.gossip.post.sequence ?? Number.POSITIVE_INFINITY))
      gap.landing = { gossip, from }
  }

  tick(): void {
    const { now } = this.#context
    if (this.#gaps.size === 0 || this.#context.live().length === 0) return
    let isOld = false
    for (const [feed, gap] of this.#gaps) {
      if (feed.state !== 'proven') this.#gaps.delete(feed)
      else if (feed.next !== gap.next) this.#moved(feed, gap)
      else if (this.#isHopeless(feed, gap)) this.#giveUp(feed, gap)
      else if (now - gap.since >= (gap.isStart ? START : ASK_ALL)) isOld = true
    }
    if (!isOld || now - this.#askedAt < ASK_EVERY) return
    this.#askedAt = now
    this.#host.askAll()
  }

  /** The post came, and the next one may be missing. */
  #moved(feed: Feed, { landing }: Gap): void {
    const sequence = landing?.gossip.post.sequence
    if (landing !== undefined && sequence !== undefined && !feed.has(sequence) && feed.takes(sequence)) {
      this.#gaps.delete(feed)
      this.#host.take(feed, landing.gossip, landing.from)
    }
    if (feed.ahead.size > 0 || (sequence !== undefined && !feed.has(sequence))) this.open(feed, false)
    else this.#gaps.delete(feed)
  }

  #isHopeless(feed: Feed, gap: Gap): boolean {
    const { now } = this.#context
    if (this.#host.isVerifying(feed, gap.next)) return false
    const age = now - gap.since
    if (gap.isStart && !this.#host.isAwaited(feed, gap.next))
      return age >= (this.#isWorthWaiting(feed, gap) ? LATEST_START : START)
    return age >= LATEST || (age >= GIVE_UP && now - this.#askedAt >= ASK_ALL && !this.#isComing(gap))
  }

  /**
   * Channels are ordered: a neighbour that has answered a ping since it was asked has sent what it has. A silent one is not waited for.
   */
  #isComing({ asked }: Gap): boolean {
    for (const neighbour of this.#context.neighbours.values()) {
      if (neighbour.state === 'suspect') continue
      const at = Math.max(this.#askedAt, asked.get(neighbour) ?? 0)
      if (neighbour.isLive && neighbour.openedAt < this.#askedAt && neighbour.answeredPing >= at) continue
      if (neighbour.isLive) this.#host.ping(neighbour)
      return true
    }
    return false
  }

  /** Earlier posts are owed to this node, or wanted, and one of its neighbours may have them. */
  #isWorthWaiting({ topic }: Feed, { without }: Gap): boolean {
    const { isCaughtUp, history } = this.#context
    return (isCaughtUp || history.has(topic)) && !this.#context.live().every(neighbour => without.has(neighbour))
  }

  #giveUp(feed: Feed, { landing }: Gap): void {
    this.#gaps.delete(feed)
    const next = Math.min(...feed.ahead.keys(), landing?.gossip.post.sequence ?? Number.POSITIVE_INFINITY)
    if (next === Number.POSITIVE_INFINITY) return
    this.#context.counts.gaps++
    this.#host.goOn(feed, next)
    if (landing?.gossip.post.sequence === next) this.#host.take(feed, landing.gossip, landing.from)
    if (feed.ahead.size > 0) this.open(feed, false)
  }
}
