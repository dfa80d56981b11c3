/** The other members of one topic, as relays named them, and the relays that reach each. Any id in it may be invented. */
import { BoundedMap } from '../../core/bounded-map.js'
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import type { RelayPeer } from './relay-peer.js'

/** Four times what a torrent connects to. Above it the member that was named first is evicted. */
export const MAX_MEMBERS = 200
/** After this a member has to be named anew: it may have a free slot again, or be gone. */
export const MEMBER_TIMEOUT = 120_000
/** How long a dial request may take to bring its dial, and a dial its answer: a relayed round trip, and a wait for a dial slot. */
export const REPLY_TIMEOUT = 2_000
/** Relays kept per member: the second serves a dial that got lost, the third a relay that leaves. */
const MAX_RELAYS = 3

const LONG_AGO = Number.NEGATIVE_INFINITY

interface Member {
  namedAt: number
  /** The relays that named it. */
  relays: Set<RelayPeer>
  /** Until then the member is expected to dial this client; from then on this client dials it. */
  dialFrom: number
  /** When this client dialled it last; long ago once that dial was answered, refused or lost. */
  dialedAt: number | undefined
  /** It sent a dial request: it is dialled even when this client has no free slot to fill. */
  requestedDial: boolean
}

export class KnownMembers {
  /** In the order in which they were first named. */
  readonly #members = new BoundedMap<Id, Member>(MAX_MEMBERS)

  size(now: number): number {
    this.#expire(now)
    return this.#members.size
  }

  /**
   * True when the member is new, or the relay is a further one to a member that did not answer our dial. A member that is named again does
   * not get younger, or one that refused once would never expire and be tried again.
   */
  named(id: Id, by: RelayPeer, now: number, dialFrom = now): boolean {
    this.#expire(now)
    const known = this.#members.get(id)
    if (known !== undefined) {
      if (known.relays.has(by) || known.relays.size >= MAX_RELAYS) return false
      known.relays.add(by)
      return known.dialedAt !== undefined && known.dialedAt !== LONG_AGO && now - known.dialedAt >= REPLY_TIMEOUT
    }
    this.#members.set(id, { namedAt: now, relays: new Set([by]), dialFrom, dialedAt: undefined, requestedDial: false })
    return true
  }

  /** The member waits for our dial. False when a dial left less than {@link REPLY_TIMEOUT} ago. */
  dialRequested(id: Id, by: RelayPeer, now: number): boolean {
    this.named(id, by, now)
    const member = this.#members.get(id)
    if (member === undefined || now - (member.dialedAt ?? LONG_AGO) < REPLY_TIMEOUT) return false
    member.dialFrom = Math.min(member.dialFrom, now)
    member.requestedDial = true
    return true
  }

  dialed(id: Id, now = LONG_AGO): void {
    const member = this.#members.get(id)
    if (member !== undefined) member.dialedAt = now
  }

  relays(id: Id): readonly RelayPeer[] {
    return [...(this.#members.get(id)?.relays ?? [])]
  }

  /**
   * The wanted members that may be dialled now, as many as the relays' credit allows, because the caller takes an offer for each. Members
   * that were dialled before follow in random order: only the swarm knows when each of them is due again.
   */
  dialable(env: Env, seeking: boolean, wants: (id: Id) => boolean): Id[] {
    const now = env.now()
    this.#expire(now)
    const left = new Map<RelayPeer, number>()
    return [...this.#members]
      .toReversed()
      .map(([id, member]) => ({ id, member, order: member.dialedAt === undefined ? 0 : env.random() }))
      .toSorted((a, b) => a.order - b.order)
      .flatMap(({ id, member }) => {
        if (member.dialFrom > now || !(seeking || member.requestedDial) || !wants(id)) return []
        const credit = (relay: RelayPeer) => left.get(relay) ?? relay.credit(now)
        const relay = [...member.relays].find(one => credit(one) > 0)
        if (relay === undefined) return []
        left.set(relay, credit(relay) - 1)
        return [id]
      })
  }

  /** A member that may be dialled now and never was. */
  undialed(now: number, wants: (id: Id) => boolean): Id | undefined {
    for (const [id, member] of this.#members)
      if (member.dialedAt === undefined && dialableAt(member, now) <= now && wants(id)) return id
    return undefined
  }

  /** How many members are expected to dial this client. */
  awaited(now: number): number {
    return [...this.#members.values()].filter(({ dialFrom }) => dialFrom > now).length
  }

  /** When the next member that was never dialled becomes dialable by time alone; infinite when there is none. */
  nextDialAt(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const member of this.#members.values()) {
      const at = member.dialedAt === undefined ? dialableAt(member, now) : now
      if (at > now) next = Math.min(next, at)
    }
    return next
  }

  /** This relay does not reach that member any more; without a relay the member is forgotten. */
  removeRelay(id: Id, by: RelayPeer): void {
    const relays = this.#members.get(id)?.relays
    relays?.delete(by)
    if (relays?.size === 0) this.#members.delete(id)
  }

  leave(by: RelayPeer): void {
    for (const id of this.#members.keys()) this.removeRelay(id, by)
  }

  #expire(now: number): void {
    for (const [id, { namedAt }] of this.#members) {
      if (now - namedAt < MEMBER_TIMEOUT) break
      this.#members.delete(id)
    }
  }
}

/** When the member's time to dial is over and one of its relays has credit. */
function dialableAt({ relays, dialFrom }: Member, now: number): number {
  return Math.max(dialFrom, Math.min(...[...relays].map(relay => relay.dialableAt(now))))
}
