/** Offers that are gathered ahead of their use, and used again when no peer answered. Knows nothing of topics and peers. */
import type { Timer } from '../core/env.js'
import type { Slot } from './connection-budget.js'
import { discard, OfferGatherer, type LocalOffer, type OfferGathererDeps } from './offer-gatherer.js'

/** Offers kept for later use; more than one announcement carries are of no use. */
const MAX_IDLE = 20
/** Candidates grow stale when a NAT forgets the port; engines refresh it, but not for ever. */
const MAX_AGE = 10 * 60_000
/** Most answers arrive within a second: an offer that is out for longer may give its slot to a peer that dials us. */
const ANSWERS_TAKE = 1_000

export type OfferPoolDeps = Omit<OfferGathererDeps, 'made' | 'idle'>

/** How many offers a caller needs, and how long it waits for them. */
interface Wanted {
  least: number
  most: number
  timeout?: number
}

interface Taker extends Wanted {
  /** Takes what is there and is gone. */
  settle: () => void
}

export class OfferPool {
  readonly #deps: OfferPoolDeps
  readonly #idle: LocalOffer[] = []
  /** Offers that left and came back unanswered. */
  readonly #returned = new WeakSet<LocalOffer>()
  /** Offers that were taken and are neither back nor answered, the oldest first, and since when. */
  readonly #out = new Map<LocalOffer, number>()
  readonly #gatherer: OfferGatherer
  readonly #takers: Taker[] = []
  readonly #stopWatching: () => void
  #ahead = 0
  /** No topic needs offers: those that are still being gathered are closed. */
  #drained = false
  #closed = false
  #trimming: Timer | undefined

  constructor(deps: OfferPoolDeps) {
    this.#deps = deps
    this.#gatherer = new OfferGatherer({ ...deps, made: offer => this.#made(offer), idle: () => this.#gather() })
    this.#stopWatching = deps.budget.onFree(() => this.#gather())
  }

  /** Offers that were ever begun; a full swarm must not move it. */
  get made(): number {
    return this.#gatherer.made
  }

  /** Unanswered offers that left again. */
  reused = 0

  get idle(): number {
    return this.#idle.length
  }

  /** Gathers this many in the background, so that the next announcement does not wait. */
  prepare(count: number): void {
    this.#drained = false
    this.#ahead = Math.min(count, MAX_IDLE)
    this.#gatherer.hurry()
    this.#gather()
  }

  /**
   * As many offers as are ready, `most` of them at the most, as soon as there are `least`. Fewer after `timeout` milliseconds, when the
   * signal aborts, the budget is used up, or the pool closes.
   */
  async take({ least, most, timeout }: Wanted, signal?: AbortSignal): Promise<LocalOffer[]> {
    this.#dropStale()
    if (this.#closed || most <= 0 || signal?.aborted === true) return []
    this.#drained = false
    return await new Promise(resolve => {
      const settle = () => {
        const at = this.#takers.indexOf(taker)
        if (at < 0) return
        this.#takers.splice(at, 1)
        signal?.removeEventListener('abort', settle)
        timer?.cancel()
        const offers = this.#closed ? [] : this.#idle.splice(0, most)
        for (const offer of offers) {
          this.#out.set(offer, this.#deps.env.now())
          if (this.#returned.has(offer)) this.reused++
        }
        // A caller that got less than `most` asks again soon.
        this.#gather(offers.length < most ? most : 0)
        resolve(offers)
      }
      const taker: Taker = { least, most, settle }
      const timer = timeout === undefined ? undefined : this.#deps.env.timer(timeout, settle)
      signal?.addEventListener('abort', settle)
      this.#takers.push(taker)
      this.#gatherer.hurry()
      this.#gather()
      this.#serve()
    })
  }

  /** Takes unanswered offers back, which are used again while their connections are alive. */
  giveBack(...offers: LocalOffer[]): void {
    for (const offer of offers) if (this.#out.delete(offer)) this.putBack(offer) // else it was answered under an earlier id
  }

  /** The same for an offer that was kept. */
  putBack(offer: LocalOffer): void {
    if (!this.#closed && !this.#drained && this.#fresh(offer) && (this.#takers.length > 0 || this.#idle.length < MAX_IDLE)) {
      this.#returned.add(offer)
      this.#offer(offer)
    } else discard(offer)
  }

  /** A person carries this offer: for however long, its slot goes to no other peer. False when the slot is gone already. */
  reserve(offer: LocalOffer): boolean {
    if (!this.#out.has(offer)) return false
    this.#out.set(offer, Number.POSITIVE_INFINITY)
    return true
  }

  /** The offer is answered: its slot goes to no other peer from now on. False when the slot, or the connection, is gone already. */
  keep(offer: LocalOffer): boolean {
    return this.#out.delete(offer) && isKept(offer)
  }

  /** An offer that came back is answered after all, maybe while it is out again. False when its slot, or its connection, is gone already. */
  retake(offer: LocalOffer): boolean {
    const at = this.#idle.indexOf(offer)
    if (at >= 0) this.#idle.splice(at, 1)
    return (at >= 0 || this.#out.delete(offer)) && isKept(offer)
  }

  /** Gives the slot of an idle or unanswered offer to a peer that dials us. `all`: even if the offer's answer may be on the way. */
  yield(all: boolean): Slot | undefined {
    const before = this.#deps.env.now() - (all ? 0 : ANSWERS_TAKE)
    const [oldest] = [...this.#out].find(([, since]) => since <= before) ?? []
    const offer = this.#idle.shift() ?? oldest
    if (offer === undefined) return undefined
    this.#out.delete(offer)
    const slot = offer.slot.handOver()
    offer.connection.close()
    return slot
  }

  /** Few offers are likely to be needed: keeps no more than are gathered ahead, after the time in which those that came back may be answered. */
  trim(): void {
    this.#trimming ??= this.#deps.env.timer(ANSWERS_TAKE, () => {
      this.#trimming = undefined
      if (this.#takers.length === 0) for (const offer of this.#idle.splice(this.#ahead)) discard(offer)
    })
  }

  /** Closes the idle offers: no topic will announce for a while. */
  drain(): void {
    this.#ahead = 0
    this.#drained = this.#takers.length === 0
    for (const offer of this.#idle.splice(0)) discard(offer)
  }

  close(): void {
    this.#closed = true
    this.#stopWatching()
    this.#trimming?.cancel()
    this.drain()
    this.#gatherer.close()
    for (const taker of [...this.#takers]) taker.settle()
  }

  #fresh(offer: LocalOffer): boolean {
    return isUnused(offer) && this.#deps.env.now() - offer.born < MAX_AGE
  }

  #dropStale(): void {
    for (const offer of this.#idle.splice(0)) {
      if (this.#fresh(offer)) this.#idle.push(offer)
      else discard(offer)
    }
  }

  #made(offer: LocalOffer): void {
    if (this.#drained) discard(offer)
    else this.#offer(offer)
  }

  #offer(offer: LocalOffer): void {
    this.#idle.push(offer)
    this.#serve()
  }

  /** Serves the callers in the order in which they asked. */
  #serve(): void {
    const taker = this.#takers[0]
    if (taker !== undefined && this.#idle.length >= taker.least) taker.settle()
  }

  #gather(more = 0): void {
    const wanted = Math.max(
      more,
      this.#ahead,
      this.#takers.reduce((sum, taker) => sum + taker.most, 0),
    )
    this.#gatherer.gather(wanted - this.#idle.length)
    // No offer is being gathered and none can be: those that wait get none.
    if (this.#gatherer.size === 0 && (this.#closed || !this.#deps.budget.spare))
      for (const taker of [...this.#takers]) taker.settle()
  }
}

/** No remote uses the connection, and it is alive. An engine may report `connecting` for a connection that only gathered. */
function isUnused({ connection, channel }: LocalOffer): boolean {
  return (connection.state === 'new' || connection.state === 'connecting') && channel.state === 'connecting'
}

/** Closes an offer whose connection ended by itself. */
function isKept(offer: LocalOffer): boolean {
  const isAlive = isUnused(offer)
  if (!isAlive) discard(offer)
  return isAlive
}
