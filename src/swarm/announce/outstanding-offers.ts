/** The unanswered offers of one topic: to which peer, by which signalling, and until when. Pure bookkeeping. */
import { BoundedMap } from '../../core/bounded-map.js'
import type { Id } from '../../core/id.js'

/** An offer that is unanswered after this time goes back into the pool. */
export const OFFER_TIMEOUT = 50_000
/** Offers that came back and are remembered by their ids: as many as two announcements carry. */
const MAX_RETURNED = 40

export interface OutstandingOffer<Offer> {
  offer: Offer
  signaling: string
  at: number
  /** The dialled peer; absent where a tracker, or a person, chooses. */
  to?: Id
  /** The description as it left; only of an offer that may be sent again. */
  sdp?: string
  /** How long it may be answered, in milliseconds. @default {@link OFFER_TIMEOUT} */
  timeout?: number
}

export class OutstandingOffers<Offer> {
  /** In the order in which they left. */
  readonly #sent = new Map<Id, OutstandingOffer<Offer>>()
  /** Offers that came back: an answer may have been on its way. */
  readonly #returned = new BoundedMap<Id, OutstandingOffer<Offer>>(MAX_RETURNED)

  add(id: Id, sent: OutstandingOffer<Offer>): void {
    this.#sent.set(id, sent)
  }

  get(id: Id): OutstandingOffer<Offer> | undefined {
    return this.#sent.get(id)
  }

  delete(id: Id): void {
    this.#sent.delete(id)
  }

  /** The offer to this peer. */
  to(member: Id): (OutstandingOffer<Offer> & { id: Id }) | undefined {
    for (const [id, sent] of this.#sent) if (sent.to === member) return { id, ...sent }
    return undefined
  }

  /** The dialled peers. */
  members(): Set<Id> {
    return new Set([...this.#sent.values()].flatMap(({ to }) => to ?? []))
  }

  count(which: (sent: OutstandingOffer<Offer>) => boolean): number {
    return [...this.#sent.values()].filter(which).length
  }

  /** The earliest of these times. */
  earliest(when: (sent: OutstandingOffer<Offer>) => number | undefined): number {
    let at = Number.POSITIVE_INFINITY
    for (const sent of this.#sent.values()) at = Math.min(at, when(sent) ?? at)
    return at
  }

  /** Takes these back. */
  reclaim(which: (sent: OutstandingOffer<Offer>) => boolean): Offer[] {
    const back: Offer[] = []
    for (const [id, sent] of this.#sent) {
      if (!which(sent)) continue
      this.#sent.delete(id)
      this.#returned.set(id, sent)
      back.push(sent.offer)
    }
    return back
  }

  /** Takes an offer that came back and is answered by this peer after all. */
  returned(id: Id, by: Id): Offer | undefined {
    const { offer, to = by } = this.#returned.get(id) ?? {}
    if (offer === undefined || to !== by) return undefined
    this.#returned.delete(id)
    return offer
  }
}

export function expiryOf({ at, timeout = OFFER_TIMEOUT }: OutstandingOffer<unknown>): number {
  return at + timeout
}
