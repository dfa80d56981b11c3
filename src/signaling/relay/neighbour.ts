/** One connected peer as a relay: what it may send, what went through it, and how far we trust it. Bookkeeping; knows no listener. */
import type { Id } from '../../core/id.js'
import type { Sdp } from '../../core/sdp.js'
import { TokenBucket } from '../../core/token-bucket.js'
import type { RelayPort } from './port.js'
import { encode, type RelayMessage } from './wire.js'

/** Questions that are answered: a client that shares twenty torrents with us asks for each at once, and then now and then. */
const ASKS = { burst: 20, rate: 2 }
/** Questions that we ask: fewer, because a line that stalls delivers several at once. */
const ASKING = { burst: 15, rate: 1.5 }
/** Letters that we pass on for it: a newcomer that calls, or answers, fifty at once, with a few late candidates behind each. */
const PASSES = { burst: 250, rate: 25 }
/**
 * KiB, begun ones counted whole, that one sender may have us pass to one receiver: a call and its candidates twice over. It is a quarter
 * of what the way there takes at once, in letters as in bytes, so that others find room behind whoever floods it.
 */
const SHARE = { burst: 60, rate: 6 }
/** Calls, answers and knocks that it brings us: a crowd of fifty. Each description may cost a signature to be checked. */
const LETTERS = { burst: 100, rate: 10 }
/** Words about broken connections, to be passed on or for us: a machine that changes its network loses a few at once. */
const REPAIRS = { burst: 10, rate: 1 }
/**
 * Calls that may be lost through it: whoever invents members costs us so many offers, and then one in two seconds. Each call that
 * somebody takes notice of makes up for two, so in a swarm that is as it says nobody waits; and one that just lost half of its
 * members, of which nobody knows yet, is called as far as it goes.
 */
const CREDIT = { first: 32, max: 64, gain: 2 }
const CREDIT_RETURNS = 2_000
/** Offers in each direction whose way is remembered: what is young enough to be answered, and to be found false. */
const MAX_WAYS = 256

/** An offer that went or came through a neighbour. */
export interface Way {
  readonly topic: Id
  /** Who is at the other end. */
  readonly party: Id
  readonly offerId: Id
  /** Somebody answered ours, through this neighbour. */
  answered: boolean
  /** Candidates that followed. */
  candidates: number
}

export class Neighbour {
  readonly port: RelayPort
  /** What we share with it, subscribed or not. */
  readonly topics = new Set<Id>()
  /** Replies that we wait for, by topic: where a line is slow the next question leaves before the reply is here. */
  readonly asked = new Map<Id, number>()
  readonly asks: TokenBucket
  readonly asking: TokenBucket
  readonly passes: TokenBucket
  readonly letters: TokenBucket
  readonly repairs: TokenBucket
  /** Offers of ours that left through it, and offers to us that came through it. */
  readonly called = new Ways()
  readonly offered = new Ways()
  /** Descriptions that it brought: whoever sends one through many has only that one relay accused whose copy was looked at. */
  readonly brought = new WeakSet<Sdp>()
  /** What each of the others may still send to it. */
  readonly #shares = new WeakMap<Neighbour, TokenBucket>()
  #credit = CREDIT.first
  #creditAt: number

  constructor(port: RelayPort, now: number) {
    this.port = port
    this.#creditAt = now
    this.asks = new TokenBucket(ASKS, now)
    this.asking = new TokenBucket(ASKING, now)
    this.passes = new TokenBucket(PASSES, now)
    this.letters = new TokenBucket(LETTERS, now)
    this.repairs = new TokenBucket(REPAIRS, now)
  }

  /** False when it did not leave: nothing waits here. */
  send(message: RelayMessage): boolean {
    return this.port.send(encode(message))
  }

  /** Whether this sender may have us pass so many bytes to it now. */
  admits(sender: Neighbour, bytes: number, now: number): boolean {
    const share = this.#shares.get(sender) ?? new TokenBucket(SHARE, now)
    this.#shares.set(sender, share)
    return share.take(Math.floor(bytes / 1_024) + 1, now)
  }

  /** Calls that may leave through it now. */
  credit(now: number): number {
    const returned = (now - this.#creditAt) / CREDIT_RETURNS
    if (this.#credit < CREDIT.first) this.#credit = Math.min(this.#credit + returned, CREDIT.first)
    this.#creditAt = now
    return Math.floor(this.#credit)
  }

  /** When the next call may leave through it. */
  trustedAt(now: number): number {
    return this.credit(now) > 0 ? now : now + Math.ceil((1 - this.#credit) * CREDIT_RETURNS)
  }

  spend(now: number): void {
    this.#credit = Math.max(0, this.credit(now) - 1)
  }

  /** Somebody took notice of a call. */
  earn(): void {
    this.#credit = Math.min(this.#credit + CREDIT.gain, CREDIT.max)
  }
}

/** The latest of them, by offer and party: an offer's id alone could be another's whom the same neighbour serves. */
class Ways {
  readonly #ways = new Map<string, Way>()

  add(topic: Id, party: Id, offerId: Id): void {
    this.#ways.set(party + offerId, { topic, party, offerId, answered: false, candidates: 0 })
    const [oldest] = this.#ways.keys()
    if (this.#ways.size > MAX_WAYS && oldest !== undefined) this.#ways.delete(oldest)
  }

  get(topic: Id, party: Id, offerId: Id): Way | undefined {
    const way = this.#ways.get(party + offerId)
    return way?.topic === topic ? way : undefined
  }

  delete({ party, offerId }: Way): void {
    this.#ways.delete(party + offerId)
  }

  /** Those under one topic. */
  of(topic: Id): Way[] {
    return [...this.#ways.values()].filter(way => way.topic === topic)
  }
}
