/** Which members are called by name, where offers do not go to whom a tracker picks: numbers and ids in, decisions out. */
import type { Env } from '../core/env.js'
import type { Id } from '../core/id.js'
import { Calls } from './calls.js'
import { expiryOf, type SentOffers } from './sent-offers.js'

/** The signalling that leads through peers. */
export const EXCHANGE = 'exchange'
/** Offers that wait for an answer by somebody whom we called by name: names may be invented. */
const MAX_CALLS = 64

/** An offer that was sent to one member, as it left. */
export interface Call {
  id: Id
  sdp: string
}

/** Whom to call now, and what comes after. */
export interface Round<Offer> {
  members: Id[]
  /** Milliseconds until there is something to do again, unless something changes before. */
  rest: number
  /** Offers that nobody answered in time, or whose place is needed. */
  back: Offer[]
}

/** What the one that decides about the whole topic knows of it. */
export interface CallingHost {
  /** Places that are left. */
  room(): number
  wants(id: Id, signaling: string): boolean
  /** It is connected already. */
  holds(id: Id): boolean
  /** Somebody has no place for us. */
  refused(): void
}

export class Calling<Offer> {
  readonly #env: Env
  readonly #host: CallingHost
  readonly #sent: SentOffers<Offer>
  readonly #calls: Calls

  constructor(env: Env, sent: SentOffers<Offer>, host: CallingHost) {
    this.#env = env
    this.#sent = sent
    this.#host = host
    this.#calls = new Calls(env.now())
  }

  /** This member came, or says that it waits for our call. */
  heard(id: Id): void {
    this.#calls.heard(id, this.#env.now())
  }

  /** Which of the members of this signalling that are ours to call are called now. */
  callees(signaling: string, members: readonly Id[]): Round<Offer> {
    const now = this.#env.now()
    const back = this.#sent.reclaim(sent => sent.to !== undefined && (expiryOf(sent) <= now || this.#host.holds(sent.to)))
    const waiting = this.#calls.waiting(now)
    const free = this.#host.room() - waiting.length
    const allowed = this.#calls.allowed(now)
    const { due, next } = this.#due(signaling, members, Math.min(free, allowed), now)
    const found = due.length
    back.push(...this.#makePlace(due, now))
    // Somebody else may be due already: what keeps him waiting is the want of a place, or the pace.
    const places = found >= free || due.length < found ? waiting : []
    const pace = found >= allowed ? now + this.#calls.pause : Number.POSITIVE_INFINITY
    const expiry = this.#sent.earliest(sent => (sent.to === undefined ? undefined : expiryOf(sent)))
    return { members: due, back, rest: Math.max(0, Math.min(next, pace, expiry, ...places) - now) }
  }

  /** The call to this member that is not answered yet: it may be sent again. */
  callTo(to: Id): Call | undefined {
    const { id, sdp } = this.#sent.to(to) ?? {}
    return id === undefined || sdp === undefined ? undefined : { id, sdp }
  }

  /** Whether this member is still to be called, by whichever signalling is first. */
  mayCall(signaling: string, to: Id): boolean {
    return this.#host.wants(to, signaling) && (this.#calls.dueAt(to) ?? 0) <= this.#env.now()
  }

  /** A call left; without an offer it was the same once more. */
  called(signaling: string, to: Id, call?: Call & { offer: Offer }): void {
    const now = this.#env.now()
    this.#calls.called(to, now)
    if (call === undefined) return
    this.#sent.add(call.id, { offer: call.offer, signaling, at: now, to, sdp: call.sdp })
  }

  /** It answers. */
  answered(to: Id): void {
    this.#calls.answered(to, this.#env.now())
  }

  /** Whether this member was called with this offer. */
  awaits(id: Id, from: Id): boolean {
    return this.#sent.get(id)?.to === from
  }

  /**
   * A refusal of this call arrived. The offer is free again, but an answer that arrives later is accepted while the offer is unused: every
   * member of an open bus can forge a refusal.
   */
  refused(id: Id, from: Id): Offer | undefined {
    const sent = this.#sent.get(id)
    if (sent?.to !== from) return undefined
    this.#sent.reclaim(other => other === sent)
    this.#calls.refused(from, this.#env.now(), sent.signaling !== EXCHANGE)
    this.#host.refused()
    return sent.offer
  }

  /**
   * Up to so many, those first that were not called yet, and when the next of the others is due. The list may be long and all of
   * its names invented, so it is read no further than needed: the newest, and then from anywhere on, because a crowd would call
   * the same few.
   */
  #due(signaling: string, members: readonly Id[], most: number, now: number): { due: Id[]; next: number } {
    const anew: Id[] = []
    const again: Id[] = []
    let next = Number.POSITIVE_INFINITY
    const [newest, ...others] = members
    const start = others.length > most ? Math.floor(this.#env.random() * others.length) : 0
    for (let i = 0; i < members.length && anew.length < most; i++) {
      const id = (i === 0 ? newest : others[(start + i) % others.length]) ?? ''
      const dueAt = this.#calls.dueAt(id)
      if (dueAt === Number.POSITIVE_INFINITY || !this.#host.wants(id, signaling)) continue
      if (dueAt === undefined) anew.push(id)
      else if (dueAt <= now) again.push(id)
      else next = Math.min(next, dueAt)
    }
    return { due: [...anew, ...again].slice(0, Math.max(0, most)), next }
  }

  /** Those whom nobody answers give up their place among the calls; whoever finds none even so waits. */
  #makePlace(due: Id[], now: number): Offer[] {
    const called = this.#sent.members()
    let over = called.size + due.filter(id => !called.has(id)).length - MAX_CALLS
    if (over <= 0) return []
    const back = this.#sent.reclaim(
      ({ to, at }) => to !== undefined && !due.includes(to) && at + this.#calls.patience <= now && over-- > 0,
    )
    if (over > 0) due.splice(Math.max(0, due.length - over))
    return back
  }
}
