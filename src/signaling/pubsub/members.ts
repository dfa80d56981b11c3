/** The members of one topic of a bus that were heard lately. Pure bookkeeping; any id in it may be invented. */
import { BoundedMap } from '../../core/bounded-map.js'
import type { Id } from '../../core/id.js'

/** The announce interval of a member that has all the peers it wants, in milliseconds, plus up to a tenth of jitter. */
export const PRESENCE_INTERVAL = 60_000
/** A member that was not heard for this long is removed: two of its announcements may get lost. */
export const MEMBER_TIMEOUT = 150_000
/** Twenty times what a torrent connects to, at 100 bytes each. Above it the member that was heard least recently is evicted. */
export const MAX_MEMBERS = 1_000

export interface Member {
  heardAt: number
  /** It is a seeder. */
  done: boolean
  /** This client dials it. */
  weDial: boolean
}

export class Members {
  /** In the order in which they were last heard. */
  readonly #members = new BoundedMap<Id, Member>(MAX_MEMBERS)

  get size(): number {
    return this.#members.size
  }

  has(id: Id): boolean {
    return this.#members.has(id)
  }

  /** Adds or updates a member. True when the counts changed. */
  heard(id: Id, now: number, news: Partial<Omit<Member, 'heardAt'>> = {}): boolean {
    const known = this.#members.get(id)
    const member: Member = { done: known?.done ?? false, weDial: known?.weDial ?? false, ...news, heardAt: now }
    this.#members.delete(id)
    const dropped = this.#expire(now)
    this.#members.set(id, member)
    return dropped || known?.done !== member.done
  }

  /** The member left. True when it was known. */
  left(id: Id): boolean {
    return this.#members.delete(id)
  }

  clear(): void {
    this.#members.clear()
  }

  /** The members that this client dials, the most recently heard first. */
  dialable(now: number): Id[] {
    this.#expire(now)
    return [...this.#members].flatMap(([id, { weDial }]) => (weDial ? [id] : [])).toReversed()
  }

  counts(now: number): { complete: number; incomplete: number } {
    this.#expire(now)
    let complete = 0
    for (const { done } of this.#members.values()) if (done) complete++
    return { complete, incomplete: this.#members.size - complete }
  }

  /** True when a member expired. */
  #expire(now: number): boolean {
    const before = this.#members.size
    for (const [id, { heardAt }] of this.#members) {
      if (now - heardAt < MEMBER_TIMEOUT) break
      this.#members.delete(id)
    }
    return this.#members.size < before
  }
}
