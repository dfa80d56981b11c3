/** Whom we called by name, and whom to call again and when. Pure bookkeeping. */
import { backoff } from '../core/backoff.js'
import type { Id } from '../core/id.js'

/** An answer that did not come within this time was lost, or its caller is slow: the same offer is sent once more. */
const AGAIN = { first: 5_000, factor: 2, max: 60_000 }
/** So often before a member has to be heard of again: one that is there says so every minute. */
const MAX_TRIES = 4
/** Somebody who waits for our call may say so at any pace. */
const MIN_GAP = 1_000
/** How long a call takes a place: nearly all are answered within a second. */
export const CALL_PATIENCE = 2_000
/** Members whose calls are remembered: as many as may have an offer of ours, four times over. */
const MAX_CALLED = 256

interface Call {
  at: number
  tries: number
  /** Not before. */
  dueAt: number
}

export class Calls {
  /** The one that was called last comes last. */
  readonly #calls = new Map<Id, Call>()

  /** It came, or says that it waits. */
  heard(member: Id, now: number): void {
    const call = this.#calls.get(member)
    if (call === undefined) return
    call.tries = 0
    call.dueAt = Math.min(call.dueAt, Math.max(now, call.at + MIN_GAP))
  }

  dueAt(member: Id): number {
    return this.#calls.get(member)?.dueAt ?? Number.NEGATIVE_INFINITY
  }

  called(member: Id, now: number): void {
    const tries = (this.#calls.get(member)?.tries ?? 0) + 1
    const dueAt = tries < MAX_TRIES ? now + backoff(AGAIN, tries - 1) : Number.POSITIVE_INFINITY
    this.#calls.delete(member)
    this.#calls.set(member, { at: now, tries, dueAt })
    const [oldest] = this.#calls.keys()
    if (this.#calls.size > MAX_CALLED && oldest !== undefined) this.#calls.delete(oldest)
  }

  /** It answered. */
  answered(member: Id): void {
    this.#calls.delete(member)
  }

  /** When each of the calls that are still likely to be answered stops to be. */
  patience(now: number): number[] {
    return [...this.#calls.values()].flatMap(({ at }) => (at + CALL_PATIENCE > now ? [at + CALL_PATIENCE] : []))
  }
}
