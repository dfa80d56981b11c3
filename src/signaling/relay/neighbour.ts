/** One connected peer as a relay: what it may send, what went through it, and how far we trust it. Bookkeeping; knows no listener. */
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import type { RelayPort } from './port.js'
import { encode, type RelayMessage } from './wire.js'

/** Questions that are answered: a client that shares twenty torrents with us asks for each at once, and then now and then. */
const ASKS = { burst: 20, rate: 2 }
/** Questions that we ask: fewer, because a line that stalls delivers several at once. */
const ASKING = { burst: 15, rate: 1.5 }
/** Letters that we pass on for it: a newcomer that calls fifty, or one who answers with its candidates behind. */
const PASSES = { burst: 100, rate: 20 }
/** Descriptions by others that it brings us. Each may cost a signature to be checked. */
const DESCRIPTIONS = { burst: 64, rate: 10 }
/** Words about broken connections, to be passed on or for us: a machine that changes its network loses a few at once. */
const REPAIRS = { burst: 10, rate: 1 }
/**
 * Calls that may be lost through it: whoever invents members costs us so many offers, and again after the pause. Each call that
 * somebody takes notice of makes up for two, so in a swarm that is as it says nobody waits.
 */
const CREDIT = { first: 20, max: 60, gain: 2 }
const CREDIT_PAUSE = 60_000
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
  /** Topics that it was asked about and did not reply to yet. */
  readonly asked = new Set<Id>()
  readonly asks: TokenBucket
  readonly asking: TokenBucket
  readonly passes: TokenBucket
  readonly descriptions: TokenBucket
  readonly repairs: TokenBucket
  /** Offers of ours that left through it, and offers to us that came through it. */
  readonly called = new Ways()
  readonly offered = new Ways()
  #credit = CREDIT.first
  #spentAt = 0

  constructor(port: RelayPort, now: number) {
    this.port = port
    this.asks = new TokenBucket(ASKS, now)
    this.asking = new TokenBucket(ASKING, now)
    this.passes = new TokenBucket(PASSES, now)
    this.descriptions = new TokenBucket(DESCRIPTIONS, now)
    this.repairs = new TokenBucket(REPAIRS, now)
  }

  /** False when it did not leave: nothing waits here. */
  send(message: RelayMessage): boolean {
    return this.port.send(encode(message))
  }

  /** Calls that may leave through it now. */
  credit(now: number): number {
    if (this.#credit === 0 && now - this.#spentAt >= CREDIT_PAUSE) this.#credit = CREDIT.first
    return this.#credit
  }

  spend(now: number): void {
    this.#credit--
    this.#spentAt = now
  }

  /** Somebody took notice of a call. True when we waited for that. */
  earn(): boolean {
    const waited = this.#credit === 0
    this.#credit = Math.min(this.#credit + CREDIT.gain, CREDIT.max)
    return waited
  }
}

/** The latest of them, by offer and party: an offer's id alone could be another's whom the same neighbour serves. */
export class Ways {
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

  /** Those of one offer; nobody but a liar names two alike. */
  find(offerId: Id): Way | undefined {
    return [...this.#ways.values()].find(way => way.offerId === offerId)
  }
}
