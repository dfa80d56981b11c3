/** What a node knows of one neighbour. Other parts of the core read and write it; it decides nothing. */
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { BitSet } from './bit-set.js'
import type { Feed } from './posts/feed.js'
import type { EdgeRole, Gossip, Island } from './wire/messages.js'
import { positionOf } from './membership/position.js'
import { Score } from './score.js'

/** A node that a neighbour is connected to. */
export interface Contact {
  id: Id
  position: number
}

/** Feeds that a neighbour may make known in the long run, and when an edge opens: a newcomer learns a thousand at once, invented senders come slowly. */
const NEW_FEEDS = { rate: 2, burst: 2_048 }
/** Feeds that it may claim. A correct neighbour passes on what its own neighbours made known: at most ten times as many. */
const CLAIMS = { rate: 32, burst: 8_192 }
/**
 * Bytes of large payloads that it may ask for: all that a node keeps of them (16 MiB) four times at once, and four times more in 10 s. The tree
 * brings chunks besides.
 */
const LARGE = { rate: 6.4 * 1024 * 1024, burst: 64 * 1024 * 1024 }
/** Posts that wait for its hello, which mostly takes one round trip. */
const MAX_WAITING = 256
/** A first guess of the round trip, in ms. */
const GUESSED_RTT = 100

interface WaitingPost {
  feed: Feed
  gossip: Gossip
}

export class Neighbour {
  readonly id: Id
  readonly position: number
  readonly openedAt: number
  /** What the edge was made for, and whether this node asked for it. Ring edges are found by position instead: see `roles.ts`. */
  readonly role: EdgeRole
  readonly mine: boolean
  /** `opening`: its hello has not arrived. `suspect`: it did not answer a ping; it keeps its edge, and gets pings only. */
  state: 'opening' | 'open' | 'suspect' = 'opening'

  /** From its hello and later messages. */
  island: Island | undefined
  depth = 255
  isCaughtUp = false
  maxPeers = 255
  contacts: Contact[] = []

  heardAt: number
  /** When a ping left that is not answered yet. */
  pingedAt: number | undefined
  /** When the last ping left, and pings that are not answered. */
  lastPing = 0
  pingsInFlight = 0
  /** When the last ping left that is answered. */
  answeredPing = Number.NEGATIVE_INFINITY
  rtt = GUESSED_RTT
  /** The mean deviation of round trips: large while a machine is busy. */
  #deviation = 0

  /** It was in another island when the edge opened: what it has is news to all nodes on this side. */
  wasOtherIsland = false
  /** The edge is part of the island's tree. */
  branch = false
  /** The nodes behind this branch that got beacon `countedBeacon`. */
  counted = 0
  countedBeacon = -1

  /** Feeds by the alias that the neighbour gave them. */
  readonly feeds: Array<Feed | undefined> = []
  /** Its posts whose verdict is awaited, and the missing posts that it was the first to announce. */
  unverified = 0
  missing = 0
  /** The digests of this node and of the neighbour at the last comparison, and its time. */
  compared: { mine: number; theirs: number; at: number } | undefined
  /** Feeds, by their index, whose alias of this node the neighbour knows. */
  readonly opened = new BitSet()
  /** Keys of posts that the neighbour is not known to have, to be announced: see `post-key.ts`. */
  unannounced: number[] = []
  #waiting: WaitingPost[] = []
  /** Reads more slowly than this node sends: it gets announcements instead of posts. */
  lagging = false
  /** Gives this node's place to that newcomer once the newcomer is connected. */
  splicedFor: Id | undefined
  splicedAt = 0
  /** Its seeks, requests for edges and answers that count towards their bound: see `Membership`. */
  relayed = 0
  readonly score = new Score()
  #claims: TokenBucket | undefined
  #newFeeds: TokenBucket | undefined
  #large: TokenBucket | undefined

  constructor(id: Id, role: EdgeRole, mine: boolean, now: number) {
    this.id = id
    this.position = positionOf(id)
    this.role = role
    this.mine = mine
    this.openedAt = now
    this.heardAt = now
  }

  /** Feeds that it may still claim; most neighbours claim none that is unknown. */
  get claims(): TokenBucket {
    return (this.#claims ??= new TokenBucket(CLAIMS))
  }

  /** Feeds that it may still make known. */
  get newFeeds(): TokenBucket {
    return (this.#newFeeds ??= new TokenBucket(NEW_FEEDS))
  }

  /** Bytes of large payloads that it may still ask for. */
  get large(): TokenBucket {
    return (this.#large ??= new TokenBucket(LARGE))
  }

  /** Keeps a post until the neighbour's hello is here. The neighbour may know by the hello of this node that it is connected, so to it the post is no past. */
  wait(feed: Feed, gossip: Gossip): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ feed, gossip })
  }

  takeWaiting(): WaitingPost[] {
    return this.#waiting.splice(0)
  }

  get isLive(): boolean {
    return this.state === 'open'
  }

  /** Edges that it says it can still have. */
  get room(): number {
    return this.maxPeers - this.contacts.length
  }

  knows(id: Id): boolean {
    return this.contacts.some(contact => contact.id === id)
  }

  /** A round trip was measured: moving averages, as TCP has them. */
  measured(rtt: number): void {
    if (this.rtt !== GUESSED_RTT) this.#deviation = 0.75 * this.#deviation + 0.25 * Math.abs(rtt - this.rtt)
    this.rtt = this.rtt === GUESSED_RTT ? rtt : 0.875 * this.rtt + 0.125 * rtt
  }

  /** How long an answer may take before the neighbour counts as silent. */
  get patience(): number {
    return this.rtt + Math.max(this.rtt, 4 * this.#deviation) + 250
  }
}
