/** Who is on one topic of a bus, as far as they said so lately. Pure bookkeeping; every name in it may be invented. */
import type { Id } from '../../core/id.js'

/** How often somebody who has all the peers it wants says that it is still there, in milliseconds, plus a tenth by chance. */
export const PRESENCE_INTERVAL = 60_000
/** Who was not heard for this long is gone: two of its messages may get lost. */
export const MEMBER_TIMEOUT = 150_000
/** Twenty times what a torrent connects to. Of more the ones that were heard last are kept; 100 bytes each. */
export const MAX_MEMBERS = 1_000

export interface Member {
  heardAt: number
  /** It has everything downloaded. */
  done: boolean
  /** It is ours to call. */
  ours: boolean
}

export class Members {
  /** The one that was heard last comes last. */
  readonly #members = new Map<Id, Member>()

  get size(): number {
    return this.#members.size
  }

  has(id: Id): boolean {
    return this.#members.has(id)
  }

  /** A sign of life, with what it says. True when the counts are others now. */
  heard(id: Id, now: number, news: Partial<Omit<Member, 'heardAt'>> = {}): boolean {
    const known = this.#members.get(id)
    const member: Member = { done: known?.done ?? false, ours: known?.ours ?? false, ...news, heardAt: now }
    this.#members.delete(id)
    this.#members.set(id, member)
    const dropped = this.#expire(now)
    if (this.#members.size > MAX_MEMBERS) {
      const [oldest] = this.#members.keys()
      if (oldest !== undefined) this.#members.delete(oldest)
    }
    return dropped || known?.done !== member.done
  }

  /** It said goodbye. True when it had been there. */
  left(id: Id): boolean {
    return this.#members.delete(id)
  }

  clear(): void {
    this.#members.clear()
  }

  /** Those that are ours to call, the one that was heard last first. */
  callees(now: number): Id[] {
    this.#expire(now)
    return [...this.#members].flatMap(([id, { ours }]) => (ours ? [id] : [])).toReversed()
  }

  counts(now: number): { complete: number; incomplete: number } {
    this.#expire(now)
    let complete = 0
    for (const { done } of this.#members.values()) if (done) complete++
    return { complete, incomplete: this.#members.size - complete }
  }

  /** True when somebody was. */
  #expire(now: number): boolean {
    const before = this.#members.size
    for (const [id, { heardAt }] of this.#members) {
      if (now - heardAt < MEMBER_TIMEOUT) break
      this.#members.delete(id)
    }
    return this.#members.size < before
  }
}
