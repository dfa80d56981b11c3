/** The offers of one topic that left and were not answered yet: to whom, by which signalling, and until when. Pure bookkeeping. */
import type { Id } from '../core/id.js'

/** An offer that nobody answered in this time goes back into the pool. */
export const OFFER_TIMEOUT = 50_000
/** Offers that came back, of which we know under which id they were out: as many as two announcements carry. */
const MAX_RETURNED = 40

export interface SentOffer<Offer> {
  offer: Offer
  signaling: string
  at: number
  /** To whom; absent where a tracker, or a person, chooses. */
  to?: Id
  /** As it left; only of one that may have to be sent again. */
  sdp?: string
  /** How long it may be answered, in milliseconds. @default {@link OFFER_TIMEOUT} */
  timeout?: number
}

export class SentOffers<Offer> {
  /** In the order in which they left. */
  readonly #sent = new Map<Id, SentOffer<Offer>>()
  /** Those that came back, the latest last: an answer may have been under way. */
  readonly #returned = new Map<Id, SentOffer<Offer>>()

  add(id: Id, sent: SentOffer<Offer>): void {
    this.#sent.set(id, sent)
  }

  get(id: Id): SentOffer<Offer> | undefined {
    return this.#sent.get(id)
  }

  delete(id: Id): void {
    this.#sent.delete(id)
  }

  /** The one to this member. */
  to(member: Id): (SentOffer<Offer> & { id: Id }) | undefined {
    for (const [id, sent] of this.#sent) if (sent.to === member) return { id, ...sent }
    return undefined
  }

  /** Those to whom one is on its way. */
  members(): Set<Id> {
    return new Set([...this.#sent.values()].flatMap(({ to }) => to ?? []))
  }

  count(which: (sent: SentOffer<Offer>) => boolean): number {
    return [...this.#sent.values()].filter(which).length
  }

  /** The first of these moments. */
  earliest(when: (sent: SentOffer<Offer>) => number | undefined): number {
    let at = Number.POSITIVE_INFINITY
    for (const sent of this.#sent.values()) at = Math.min(at, when(sent) ?? at)
    return at
  }

  /** Takes these back. */
  reclaim(which: (sent: SentOffer<Offer>) => boolean): Offer[] {
    const back: Offer[] = []
    for (const [id, sent] of this.#sent) {
      if (!which(sent)) continue
      this.#sent.delete(id)
      this.#remember(id, sent)
      back.push(sent.offer)
    }
    return back
  }

  /** One that came back and is answered by this member after all, once. */
  returned(id: Id, by: Id): Offer | undefined {
    const { offer, to = by } = this.#returned.get(id) ?? {}
    if (offer === undefined || to !== by) return undefined
    this.#returned.delete(id)
    return offer
  }

  #remember(id: Id, sent: SentOffer<Offer>): void {
    this.#returned.set(id, sent)
    const [oldest] = this.#returned.keys()
    if (this.#returned.size > MAX_RETURNED && oldest !== undefined) this.#returned.delete(oldest)
  }
}

export function expiryOf({ at, timeout = OFFER_TIMEOUT }: SentOffer<unknown>): number {
  return at + timeout
}
