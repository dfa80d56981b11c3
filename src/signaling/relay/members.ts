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
  /** It had its turn to call us: from now on it is ours. */
  turnAt: number
  /** `out`: we called it, and nothing came of that yet. */
  call: 'none' | 'out' | 'over'
}

export class Members {
  /** The one that was named last comes last. */
  readonly #members = new Map<Id, Member>()

  size(now: number): number {
    this.#expire(now)
    return this.#members.size
  }

  /** True when it was not there. Whoever is named again is no younger for it, or one that once refused would never be tried again. */
  named(id: Id, by: Neighbour, now: number, turnAt = now): boolean {
    this.#expire(now)
    const known = this.#members.get(id)
    if (known !== undefined) {
      if (known.ways.size < MAX_WAYS) known.ways.add(by)
      return false
    }
    this.#members.set(id, { namedAt: now, ways: new Set([by]), turnAt, call: 'none' })
    const [oldest] = this.#members.keys()
    if (this.#members.size > MAX_MEMBERS && oldest !== undefined) this.#members.delete(oldest)
    return true
  }

  /** It waits for our call. False when that is on its way. */
  knocked(id: Id, by: Neighbour, now: number): boolean {
    this.named(id, by, now)
    const member = this.#members.get(id)
    if (member === undefined || member.call === 'out') return false
    member.turnAt = Math.min(member.turnAt, now)
    return true
  }

  called(id: Id, call: 'out' | 'over'): void {
    const member = this.#members.get(id)
    if (member !== undefined) member.call = call
  }

  /** The neighbours that named it. */
  ways(id: Id): readonly Neighbour[] {
    return [...(this.#members.get(id)?.ways ?? [])]
  }

  /** Those that may be called now, the one that was named last first. */
  callable(now: number): Id[] {
    this.#expire(now)
    return [...this.#members].flatMap(([id, member]) => (callableAt(member, now) <= now ? [id] : [])).toReversed()
  }

  /** The first of these whom we never called. */
  fresh(now: number): Id[] {
    return this.callable(now).filter(id => this.#members.get(id)?.call === 'none')
  }

  /** Those whose turn it is to call us. */
  awaited(now: number): number {
    return [...this.#members.values()].filter(({ turnAt }) => turnAt > now).length
  }

  /** When the next of those may be called whom we never called, if time alone brings that. */
  nextAt(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const member of this.#members.values()) {
      const at = member.call === 'none' ? callableAt(member, now) : now
      if (at > now) next = Math.min(next, at)
    }
    return next
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

  #expire(now: number): void {
    for (const [id, { namedAt }] of this.#members) {
      if (now - namedAt < MEMBER_TIMEOUT) break
      this.#members.delete(id)
    }
  }
}

/** When it has had its turn, and somebody who named it is trusted with a call. */
function callableAt({ ways, turnAt }: Member, now: number): number {
  return Math.max(turnAt, Math.min(...[...ways].map(way => way.trustedAt(now))))
}
