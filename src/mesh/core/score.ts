/**
 * The conduct of a neighbour. It only falls, and heals by time: credit that can be saved up lets a peer misbehave later (CVE-2022-47547 of
 * gossipsub 1.1).
 */

/** What lowers the score, and by how much. */
const PENALTIES = {
  /** A post or beacon with an invalid signature: no correct node forwards one. */
  forged: 5,
  /** Bytes that are no message, an alias without a feed, numbers out of bounds. */
  malformed: 2,
  /** More messages than their rate allows. */
  overRate: 1,
  /** It said that it has posts, and sent none of them when asked. */
  withheld: 6,
  /** It announced a post and did not send it when asked. */
  brokenPromise: 0.5,
} as const

export type Misconduct = keyof typeof PENALTIES

/** Points that heal in a second: a slow neighbour breaks a promise now and then. */
const HEALING = 1 / 20
/** At this score the edge is closed. Two forged posts reach it, since nodes verify before they forward. */
const WORST = -10

export class Score {
  #points = 0
  #at = 0
  /** Why the score fell last, for statistics. */
  cause: Misconduct | undefined

  value(now: number): number {
    return Math.min(0, this.#points + ((now - this.#at) / 1_000) * HEALING)
  }

  /** Returns whether the edge is to be closed. */
  lower(cause: Misconduct, now: number): boolean {
    this.#points = this.value(now) - PENALTIES[cause]
    this.#at = now
    this.cause = cause
    return this.#points <= WORST
  }
}
