/** Who else is on one topic, as our neighbours say, and through whom each is reached. Every name in it may be invented. */
import type { Id } from '../../core/id.js'
import type { Neighbour } from './neighbour.js'

/** Four times what a torrent connects to. Of more the ones that were named last are kept. */
export const MAX_MEMBERS = 200
/** Then it has to be named anew: it may have room again, or be gone. */
export const MEMBER_TIMEOUT = 120_000
/** Ways to one member: the second is for a call that got lost, the third for a neighbour that leaves. */
const MAX_WAYS = 3

interface Member {
  namedAt: number
  ways: Set<Neighbour>
}

export class Members {
  /** The one that was named last comes last. */
  readonly #members = new Map<Id, Member>()

  size(now: number): number {
    this.#expire(now)
    return this.#members.size
  }

  /** True when it was not there. Whoever is named again is no younger for it, or one that once refused would never be tried again. */
  named(id: Id, by: Neighbour, now: number): boolean {
    this.#expire(now)
    const known = this.#members.get(id)
    if (known !== undefined) {
      if (known.ways.size < MAX_WAYS) known.ways.add(by)
      return false
    }
    this.#members.set(id, { namedAt: now, ways: new Set([by]) })
    const [oldest] = this.#members.keys()
    if (this.#members.size > MAX_MEMBERS && oldest !== undefined) this.#members.delete(oldest)
    return true
  }

  /** The neighbours that named it. */
  ways(id: Id): readonly Neighbour[] {
    return [...(this.#members.get(id)?.ways ?? [])]
  }

  /** Those that may be called now, the one that was named last first. */
  callable(now: number): Id[] {
    this.#expire(now)
    return [...this.#members].flatMap(([id, { ways }]) => ([...ways].some(way => way.credit(now) > 0) ? [id] : [])).toReversed()
  }

  /** This neighbour does not reach that member any more. True when another does. */
  lost(id: Id, by: Neighbour): boolean {
    const ways = this.#members.get(id)?.ways
    ways?.delete(by)
    if (ways?.size === 0) this.#members.delete(id)
    return ways !== undefined && ways.size > 0
  }

  /** A neighbour that is gone reaches nobody. */
  leave(by: Neighbour): void {
    for (const id of this.#members.keys()) this.lost(id, by)
  }

  forget(id: Id): void {
    this.#members.delete(id)
  }

  #expire(now: number): void {
    for (const [id, { namedAt }] of this.#members) {
      if (now - namedAt < MEMBER_TIMEOUT) break
      this.#members.delete(id)
    }
  }
}
