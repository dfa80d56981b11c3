/** Whom we called by name, and whom to call again and when. Pure bookkeeping. */
import { backoff } from '../core/backoff.js'
import type { Id } from '../core/id.js'
import { TokenBucket } from '../core/token-bucket.js'

/** An answer that did not come within this time was lost, or whoever is called is slow: the same offer is sent once more. */
const AGAIN = { first: 5_000, factor: 2, max: 60_000 }
/** So often before a member has to be heard of again: one that is there says so every minute. */
const MAX_TRIES = 4
/** Somebody who waits for our call may say so at any pace. */
const MIN_GAP = 1_000
/**
 * How long a call takes a place, in milliseconds: three times as long as answers took lately. Who has no room does not answer, and
 * in a crowd that is the most of them.
 */
const PATIENCE = { first: 500, min: 300, max: 2_000, times: 3 }
/** As many as a torrent has peers, and as many newcomers as any swarm has. Names cost nothing, and a call is ten times as long. */
const RATE = { burst: 50, rate: 20 }
/** Members whose calls are remembered: as many as may have an offer of ours, four times over. */
const MAX_CALLED = 256

interface Call {
  at: number
  tries: number
  /** Not again before. */
  dueAt: number
  /** Whatever becomes of the answer: a connection that fails at once must not have us call in a tight loop. */
  answered: boolean
}

export class Calls {
  /** The one that was called last comes last. */
  readonly #calls = new Map<Id, Call>()
  readonly #allowed: TokenBucket
  #patience = PATIENCE.first

  constructor(now: number) {
    this.#allowed = new TokenBucket(RATE, now)
  }

  /** How long a call is likely to be answered. */
  get patience(): number {
    return this.#patience
  }

  /** It came, or says that it waits. */
  heard(member: Id, now: number): void {
    const call = this.#calls.get(member)
    if (call === undefined) return
    call.tries = 0
    call.dueAt = Math.min(call.dueAt, Math.max(now, call.at + MIN_GAP))
  }

  /** Undefined for somebody who was not called lately. */
  dueAt(member: Id): number | undefined {
    return this.#calls.get(member)?.dueAt
  }

  /** How many may leave now. */
  allowed(now: number): number {
    return Math.floor(this.#allowed.left(now))
  }

  called(member: Id, now: number): void {
    this.#allowed.take(1, now)
    const tries = (this.#calls.get(member)?.tries ?? 0) + 1
    const dueAt = tries < MAX_TRIES ? now + backoff(AGAIN, tries - 1) : Number.POSITIVE_INFINITY
    this.#calls.delete(member)
    this.#calls.set(member, { at: now, tries, dueAt, answered: false })
    const [oldest] = this.#calls.keys()
    if (this.#calls.size > MAX_CALLED && oldest !== undefined) this.#calls.delete(oldest)
  }

  answered(member: Id, now: number): void {
    const call = this.#calls.get(member)
    if (call === undefined) return
    call.answered = true
    const { min, max, times } = PATIENCE
    this.#patience = Math.min(Math.max((this.#patience + times * (now - call.at)) / 2, min), max)
  }

  /** It has no room now. On a bus it says so when it has (`tells`); peers that are introduced may not. */
  refused(member: Id, now: number, tells: boolean): void {
    const call = this.#calls.get(member)
    if (call === undefined) return
    call.answered = true
    call.dueAt = tells || call.tries >= MAX_TRIES ? Number.POSITIVE_INFINITY : now + backoff(AGAIN, call.tries - 1)
  }

  /** Milliseconds until one more may leave. */
  get pause(): number {
    return 1_000 / RATE.rate
  }

  /** When each of the calls that are still likely to be answered stops to be. */
  waiting(now: number): number[] {
    return [...this.#calls.values()].flatMap(({ at, answered }) =>
      !answered && at + this.#patience > now ? [at + this.#patience] : [],
    )
  }
}
