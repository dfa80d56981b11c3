/** Who else is on one topic, as our neighbours say, and through whom each is reached. Every name in it may be invented. */
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import type { Neighbour } from './neighbour.js'

/** Four times what a torrent connects to. Of more the ones that were named last are kept. */
export const MAX_MEMBERS = 200
/** Then it has to be named anew: it may have room again, or be gone. */
export const MEMBER_TIMEOUT = 120_000
/** How long whoever knocks and whoever is called take: there and back by the same way, and a place among the calls. */
export const PATIENCE = 2_000
/** Ways to one member: the second is for a call that got lost, the third for a neighbour that leaves. */
const MAX_WAYS = 3

const LONG_AGO = Number.NEGATIVE_INFINITY

interface Member {
  namedAt: number
  ways: Set<Neighbour>
  /** It had its turn to call us: from now on it is ours. */
  turnAt: number
  /** When we called it last; long ago when that came to something, or to nothing. */
  calledAt: number | undefined
  /** It waits for our call, whether or not we look for somebody. */
  knocked: boolean
}

export class Members {
  /** The one that was named last comes last. */
  readonly #members = new Map<Id, Member>()

  size(now: number): number {
    this.#expire(now)
    return this.#members.size
  }

  /**
   * True when it was not there, or this is another way to one that our call did not reach. Whoever is named again is no younger for it,
   * or one that once refused would never be tried again.
   */
  named(id: Id, by: Neighbour, now: number, turnAt = now): boolean {
    this.#expire(now)
    const known = this.#members.get(id)
    if (known !== undefined) {
      if (known.ways.has(by) || known.ways.size >= MAX_WAYS) return false
      known.ways.add(by)
      return known.calledAt !== undefined && known.calledAt !== LONG_AGO && now - known.calledAt >= PATIENCE
    }
    this.#members.set(id, { namedAt: now, ways: new Set([by]), turnAt, calledAt: undefined, knocked: false })
    const [oldest] = this.#members.keys()
    if (this.#members.size > MAX_MEMBERS && oldest !== undefined) this.#members.delete(oldest)
    return true
  }

  /** It waits for our call. False when that may be on its way. */
  knocked(id: Id, by: Neighbour, now: number): boolean {
    this.named(id, by, now)
    const member = this.#members.get(id)
    if (member === undefined || now - (member.calledAt ?? LONG_AGO) < PATIENCE) return false
    member.turnAt = Math.min(member.turnAt, now)
    member.knocked = true
    return true
  }

  called(id: Id, now = LONG_AGO): void {
    const member = this.#members.get(id)
    if (member !== undefined) member.calledAt = now
  }

  /** The neighbours that named it. */
  ways(id: Id): readonly Neighbour[] {
    return [...(this.#members.get(id)?.ways ?? [])]
  }

  /**
   * Those of whom we want that may be called now, and no more than may leave, because an offer is taken for each. Whoever was called
   * already is there in any order: it is not known here when each is called again.
   */
  callable(env: Env, seeking: boolean, wants: (id: Id) => boolean): Id[] {
    const now = env.now()
    this.#expire(now)
    const left = new Map<Neighbour, number>()
    return [...this.#members]
      .toReversed()
      .map(([id, member]) => ({ id, member, order: member.calledAt === undefined ? 0 : env.random() }))
      .toSorted((a, b) => a.order - b.order)
      .flatMap(({ id, member }) => {
        if (member.turnAt > now || !(seeking || member.knocked) || !wants(id)) return []
        const credit = (way: Neighbour) => left.get(way) ?? way.credit(now)
        const way = [...member.ways].find(one => credit(one) > 0)
        if (way === undefined) return []
        left.set(way, credit(way) - 1)
        return [id]
      })
  }

  /** One that may be called now and never was. */
  fresh(now: number, wants: (id: Id) => boolean): Id | undefined {
    for (const [id, member] of this.#members)
      if (member.calledAt === undefined && callableAt(member, now) <= now && wants(id)) return id
    return undefined
  }

  /** Those whose turn it is to call us. */
  awaited(now: number): number {
    return [...this.#members.values()].filter(({ turnAt }) => turnAt > now).length
  }

  /** When the next of those may be called whom we never called, if time alone brings that. */
  nextAt(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const member of this.#members.values()) {
      const at = member.calledAt === undefined ? callableAt(member, now) : now
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
