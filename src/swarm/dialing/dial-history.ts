/** Which peers were dialled, when each is dialled again, and how many may be dialled now. Pure bookkeeping. */
import { backoff } from '../../core/backoff.js'
import { BoundedMap } from '../../core/bounded-map.js'
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'

/** Retry of a dial without an answer, with the same offer: the answer was lost, or the peer is slow. In milliseconds. */
const RETRY = { first: 5_000, factor: 2, max: 60_000 }
/** Dials before the peer has to be heard of again: a present peer announces itself every minute. */
const MAX_TRIES = 4
/** A peer that waits for us to dial may say so at any rate. */
const MIN_GAP = 1_000
/** How long a dial takes a slot, in milliseconds: 3 times what answers took lately. A peer without room, as most in a crowd, is silent. */
const ANSWER_TIMEOUT = { first: 500, min: 300, max: 2_000, times: 3 }
/** The burst is what a torrent has peers; 20 a second is what a swarm has newcomers. A peer's name costs nothing, a directed offer is ten times as long. */
const RATE = { burst: 50, rate: 20 }
/** Dialled peers that are remembered: four times as many as may hold a directed offer. */
const MAX_DIALED = 256

interface Dial {
  at: number
  tries: number
  /** Not again before. */
  dueAt: number
  /** An answer came. A connection that fails at once must not make us dial in a tight loop. */
  answered: boolean
}

export class DialHistory {
  readonly #dials = new BoundedMap<Id, Dial>(MAX_DIALED)
  readonly #allowed = new TokenBucket(RATE)
  /** Milliseconds until the rate limit allows one more dial. */
  readonly pause = 1_000 / RATE.rate
  /** How long an answer is likely to take. */
  answerTimeout = ANSWER_TIMEOUT.first

  /** The peer announced itself, or says that it waits for us to dial. */
  heard(peer: Id, now: number): void {
    const dial = this.#dials.get(peer)
    if (dial === undefined) return
    dial.tries = 0
    dial.dueAt = Math.min(dial.dueAt, Math.max(now, dial.at + MIN_GAP))
  }

  /** Undefined for a peer that was not dialled lately. */
  dueAt(peer: Id): number | undefined {
    return this.#dials.get(peer)?.dueAt
  }

  /** How many dials the rate limit allows now. */
  allowed(now: number): number {
    return Math.floor(this.#allowed.left(now))
  }

  dialed(peer: Id, now: number): void {
    this.#allowed.take(1, now)
    const tries = (this.#dials.get(peer)?.tries ?? 0) + 1
    const dueAt = tries < MAX_TRIES ? now + backoff(RETRY, tries - 1) : Number.POSITIVE_INFINITY
    this.#dials.set(peer, { at: now, tries, dueAt, answered: false })
  }

  answered(peer: Id, now: number): void {
    const dial = this.#dials.get(peer)
    if (dial === undefined) return
    dial.answered = true
    const { min, max, times } = ANSWER_TIMEOUT
    this.answerTimeout = Math.min(Math.max((this.answerTimeout + times * (now - dial.at)) / 2, min), max)
  }

  /** The peer has no room. `tells`: it says so when it has room again, as peers on a bus do; peers that were introduced may not. */
  refused(peer: Id, now: number, tells: boolean): void {
    const dial = this.#dials.get(peer)
    if (dial === undefined) return
    dial.answered = true
    dial.dueAt = tells || dial.tries >= MAX_TRIES ? Number.POSITIVE_INFINITY : now + backoff(RETRY, dial.tries - 1)
  }

  /** For each dial whose answer is still likely: when it stops to be. */
  waiting(now: number): number[] {
    return [...this.#dials.values()].flatMap(({ at, answered }) =>
      !answered && at + this.answerTimeout > now ? [at + this.answerTimeout] : [],
    )
  }
}
