/** One connected peer as a relay: its rate limits, the routes through it, and its dial credit. Bookkeeping; knows no listener. */
import { BoundedMap } from '../../core/bounded-map.js'
import type { Id } from '../../core/id.js'
import type { Sdp } from '../../core/sdp.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { encode, type ExchangeFrame } from './codec.js'

/** Queries that this client answers per relay: a client with twenty torrents in common sends one for each at once, then a few. */
const QUERIES_IN = { burst: 20, rate: 2 }
/** Queries that this client sends per relay: below {@link QUERIES_IN}, because a stalled connection delivers several at once. */
const QUERIES_OUT = { burst: 15, rate: 1.5 }
/** Payloads forwarded for one sender: a newcomer that dials, or answers, fifty peers at once, with a few late candidates each. */
const FORWARDS = { burst: 250, rate: 25 }
/**
 * KiB, rounded up per payload, that one sender may have forwarded to one receiver: an offer and its candidates, twice. That is a quarter of
 * what a connection buffers, in payloads as in bytes, so that a flooding sender leaves room for the others.
 */
const SHARE = { burst: 60, rate: 6 }
/** Offers, answers and dial requests taken from one relay: fifty peers at once. Each description may cost a signature check. */
const PAYLOADS_IN = { burst: 100, rate: 10 }
/** Repair payloads per relay, forwarded or for this client: a machine that changes its network loses a few connections at once. */
const REPAIRS = { burst: 10, rate: 1 }
/**
 * Dials that may fail through one relay: a relay that invents members wastes 32 offers, and then one per 2 s. Each dial that its member
 * answers or refuses earns two, so an honest relay never runs out, and one that just lost half of its members without noticing can still
 * be used for all of them.
 */
const CREDIT = { first: 32, max: 64, gain: 2 }
const CREDIT_RETURNS = 2_000
/** Routes remembered per relay and direction: those of offers that may still be answered, or be found forged. */
const MAX_ROUTES = 256

/** A connected swarmlink peer that may forward frames. Made by the owner of the connection: peer exchange knows nothing else about it. */
export interface RelayPort {
  /** The announce id of the peer. */
  readonly remote: Id
  /** Whether the peer takes part in peer exchange; undefined until it has said so. */
  readonly exchanges: boolean | undefined
  /** False when the message did not leave: the connection is closed, or its buffer is full. */
  send(message: Uint8Array): boolean
}

/** The route of one offer, which left or arrived through a relay. */
export interface Route {
  readonly topic: Id
  /** The peer at the other end. */
  readonly member: Id
  readonly offerId: Id
  /** An answer to our offer arrived by this route. */
  answered: boolean
  /** Candidates that arrived after it. */
  candidates: number
}

export class RelayPeer {
  readonly port: RelayPort
  /** Topics in common with this relay, subscribed or not. */
  readonly topics = new Set<Id>()
  /** Outstanding replies by topic: on a slow connection the next query leaves before the reply is here. */
  readonly repliesDue = new Map<Id, number>()
  readonly queriesIn = new TokenBucket(QUERIES_IN)
  readonly queriesOut = new TokenBucket(QUERIES_OUT)
  readonly forwards = new TokenBucket(FORWARDS)
  readonly payloadsIn = new TokenBucket(PAYLOADS_IN)
  readonly repairs = new TokenBucket(REPAIRS)
  /** Offers of this client that left through this relay, and offers to this client that arrived through it. */
  readonly dials = new Routes()
  readonly offersIn = new Routes()
  /** Descriptions that this relay forwarded: of a forged one sent through many relays only the relay whose copy was checked is accused. */
  readonly descriptions = new WeakSet<Sdp>()
  /** What each sender may still have forwarded to this relay. */
  readonly #shares = new WeakMap<RelayPeer, TokenBucket>()
  #credit = CREDIT.first
  #creditAt = 0

  constructor(port: RelayPort) {
    this.port = port
  }

  /** False when the frame did not leave; frames are never queued here. */
  send(message: ExchangeFrame): boolean {
    return this.port.send(encode(message))
  }

  /** Takes a payload of `bytes` from the sender's share; false when the share is used up. */
  admits(sender: RelayPeer, bytes: number, now: number): boolean {
    const share = this.#shares.get(sender) ?? new TokenBucket(SHARE)
    this.#shares.set(sender, share)
    return share.take(Math.floor(bytes / 1_024) + 1, now)
  }

  /** Dials that may leave through this relay now. */
  credit(now: number): number {
    const returned = (now - this.#creditAt) / CREDIT_RETURNS
    if (this.#credit < CREDIT.first) this.#credit = Math.min(this.#credit + returned, CREDIT.first)
    this.#creditAt = now
    return Math.floor(this.#credit)
  }

  /** When the next dial may leave through this relay. */
  dialableAt(now: number): number {
    return this.credit(now) > 0 ? now : now + Math.ceil((1 - this.#credit) * CREDIT_RETURNS)
  }

  spend(now: number): void {
    this.#credit = Math.max(0, this.credit(now) - 1)
  }

  /** A member answered or refused a dial. */
  earn(): void {
    this.#credit = Math.min(this.#credit + CREDIT.gain, CREDIT.max)
  }
}

/** The latest routes by member and offer id: the offer id alone could be that of another member behind the same relay. */
class Routes {
  readonly #routes = new BoundedMap<string, Route>(MAX_ROUTES)

  add(topic: Id, member: Id, offerId: Id): void {
    this.#routes.set(member + offerId, { topic, member, offerId, answered: false, candidates: 0 })
  }

  get(topic: Id, member: Id, offerId: Id): Route | undefined {
    const route = this.#routes.get(member + offerId)
    return route?.topic === topic ? route : undefined
  }

  delete({ member, offerId }: Route): void {
    this.#routes.delete(member + offerId)
  }

  of(topic: Id): Route[] {
    return [...this.#routes.values()].filter(route => route.topic === topic)
  }
}
