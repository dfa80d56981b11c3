/** Decides when each signalling of one topic is announced to, with how many offers, and how long those stay out: numbers in, decisions out. */
import type { Id } from '../../core/id.js'
import type { SwarmCounts } from '../../signaling/signaling.js'
import { EXCHANGE } from '../dialing/dial-policy.js'
import type { SwarmContext } from '../swarm-context.js'
import { AnnounceClock } from './announce-clock.js'
import { expiryOf, type OutstandingOffer } from './outstanding-offers.js'

/** Offers of the first announcement, before a tracker counted the others. */
const FIRST_OFFERS = 5
/** The same where the first peers that answer introduce the others. */
const FIRST_OFFERS_EXCHANGE = 2
/** How long an offer stays out that no peer is likely to answer: answers take a second or two. In milliseconds. */
const SERVED_TIMEOUT = 5_000
/** The same while the client has no other connection left. */
const SCARCE_TIMEOUT = 2_000
/** After each peer that peer exchange brought, trackers are not asked for this time: more may follow the same way. */
const GROWING = 2_000
/** The same for the first attempt of a client without a peer: direct connections take 5–300 ms, and its remote may be dead or invented. */
const CONNECTING = 400

export class AnnounceScheduler<Offer> {
  readonly #context: SwarmContext<Offer>
  readonly #clocks = new Map<string, AnnounceClock>()
  #lostAt = Number.NEGATIVE_INFINITY
  #grewAt = Number.NEGATIVE_INFINITY
  /** When the first of the present attempts began, where no peer is connected. */
  #attemptAt = Number.NEGATIVE_INFINITY
  /** When peer exchange last brought a peer. */
  #exchangedAt = Number.NEGATIVE_INFINITY

  constructor(context: SwarmContext<Offer>) {
    this.#context = context
  }

  /** The signalling takes announcements from now on. `direct`: it carries no offers in them, because members are dialled by name. */
  opened(signaling: string, { direct = false }: { direct?: boolean } = {}): void {
    this.#clocks.set(signaling, new AnnounceClock(this.#context.options.limits, direct))
  }

  /** The signalling forgot what was announced. Returns the offers, which are free again. */
  closed(signaling: string): Offer[] {
    this.#clocks.delete(signaling)
    if (this.#clocks.size === 0) this.#context.runtime.alone.delete(this)
    return this.#context.outstanding.reclaim(sent => sent.signaling === signaling)
  }

  /** Takes what the signalling says about the swarm. Returns the offers that it handed to no peer. */
  counted(signaling: string, counts: SwarmCounts): Offer[] {
    const clock = this.#clocks.get(signaling)
    if (clock === undefined) return []
    const { registry, policy, outstanding } = this.#context
    const at = clock.counted(counts, registry.size)
    if (clock.others !== undefined) policy.counted(clock.others)
    // Trackers hand offers out in their order, one to each other member: those behind the last member stayed unused. The offers of earlier
    // announcements went to other members.
    let delivered = clock.others ?? Number.POSITIVE_INFINITY
    return outstanding.reclaim(sent => sent.signaling === signaling && sent.to === undefined && sent.at === at && --delivered < 0)
  }

  /** A peer that came by this signalling is connecting, or connected. */
  grew(signaling: string): void {
    const { runtime, registry } = this.#context
    this.#grewAt = runtime.env.now()
    if (registry.size === 1 && registry.open === 0 && registry.overdue === 0) this.#attemptAt = this.#grewAt
    if (signaling === EXCHANGE) this.#exchangedAt = this.#grewAt
  }

  /** All members that this signalling counted are connected: no peer is likely to answer our offers. */
  isServed(signaling: string): boolean {
    const clock = this.#clocks.get(signaling)
    return clock?.others !== undefined && this.#missing(clock, this.#context.registry.open) <= 0
  }

  /** Peers are needed: every signalling is asked at once, and then at short gaps again. */
  need(): void {
    for (const clock of this.#clocks.values()) clock.need()
  }

  /** Re-announces after a disconnect, at most once per `announceInterval`: mass disconnects and flapping cause one announcement. */
  lost(): void {
    const now = this.#context.runtime.env.now()
    if (now - this.#lostAt < this.#context.options.limits.announceInterval) return
    this.#lostAt = now
    this.need()
  }

  /** Milliseconds until this signalling needs attention: an announcement, or offers that expire. */
  restsFor(signaling: string): number {
    return Math.min(this.#dueAt(signaling), this.#expiresAt(signaling)) - this.#context.runtime.env.now()
  }

  isDue(signaling: string): boolean {
    return this.#dueAt(signaling) <= this.#context.runtime.env.now()
  }

  /** How many offers the next announcement should carry. */
  wanted(signaling: string, maxOffers: number): number {
    const clock = this.#clocks.get(signaling)
    if (this.#context.paused || clock === undefined) return 0 // a paused topic announces without offers
    const { sought, left } = this.#context.policy
    return sought > 0 ? Math.min(maxOffers, left, this.#useful(clock)) : 0
  }

  /** An announcement left, with these offers in this order. */
  announced(signaling: string, offers: Map<Id, Offer>): void {
    const { runtime, registry, outstanding } = this.#context
    const at = runtime.env.now()
    const { size: peers, open } = registry
    this.#clocks.get(signaling)?.announced(at, runtime.env.random(), { offers: offers.size, peers, alone: open === 0 })
    for (const [id, offer] of offers) outstanding.add(id, { offer, signaling, at })
  }

  /** An answer by this signalling came this long after its offer. */
  answered(signaling: string, after: number): void {
    this.#clocks.get(signaling)?.answered(after)
  }

  /** Offers of this signalling that are carried by people. */
  invitations(signaling: string): number {
    return this.#context.outstanding.count(sent => sent.signaling === signaling)
  }

  /** A person carries this offer, and its answer. */
  invited(signaling: string, patience: number, id: Id, offer: Offer): void {
    const { runtime, outstanding } = this.#context
    outstanding.add(id, { offer, signaling, at: runtime.env.now(), timeout: patience })
  }

  /** Returns the offers of this signalling that expired unanswered. */
  expired(signaling: string): Offer[] {
    const now = this.#context.runtime.env.now()
    const isServed = this.isServed(signaling)
    return this.#context.outstanding.reclaim(sent => sent.signaling === signaling && this.#expiryOf(sent, isServed) <= now)
  }

  /** Others that a tracker counted, and those of them that have not got everything: of the tracker that names the most. */
  census(): { others: number; incomplete: number } {
    let [others, incomplete] = [0, 0]
    for (const clock of this.#clocks.values()) {
      others = Math.max(others, clock.others ?? 0)
      incomplete = Math.max(incomplete, clock.counts.incomplete ?? 0)
    }
    return { others, incomplete }
  }

  #dueAt(signaling: string): number {
    const clock = this.#clocks.get(signaling)
    if (clock === undefined) return Number.POSITIVE_INFINITY
    const { registry, policy, runtime } = this.#context
    const missing = this.#missing(clock)
    const isSeeking = !this.#context.paused && policy.sought > 0
    if (isSeeking && registry.open === 0) runtime.alone.add(this)
    else runtime.alone.delete(this)
    const short = isSeeking && (registry.open === 0 || missing > 0)
    return Math.max(clock.dueAt(short, missing, runtime.alone.size), Math.min(this.#growsUntil, clock.latest))
  }

  #useful(clock: AnnounceClock): number {
    const first = this.#context.policy.exchanges ? FIRST_OFFERS_EXCHANGE : FIRST_OFFERS
    if (clock.others === undefined) return first
    if (this.#missing(clock) <= 0) return 0
    // Trackers pick by chance: with as many offers as there are others the missing ones are surely among those asked, and the connected ones
    // refuse for nothing. One or two offers are enough where the peers that answer introduce the others.
    return this.#fewWillDo(clock) ? Math.min(first, clock.others) : clock.others
  }

  /**
   * The peer that answers is likely to introduce the others: none was asked yet, or peer exchange brought a peer since the announcement before,
   * and all peers are swarmlink peers. Where the first few that a tracker picked did not answer, it may know many that are dead or invented.
   */
  #fewWillDo(clock: AnnounceClock): boolean {
    const { registry, policy } = this.#context
    if (!policy.exchanges) return false
    if (registry.open === 0) return this.#growsUntil > this.#context.runtime.env.now() || !clock.isFruitless
    return this.#introduced && clock.askedBefore(this.#exchangedAt) && registry.entries().every(({ isSwarmlink }) => isSwarmlink)
  }

  /** How many of the counted members may be missing, with this many peers. */
  #missing(clock: AnnounceClock, peers = this.#context.registry.size): number {
    return this.#introduced ? clock.lacking(peers) : clock.missing(peers)
  }

  /** Connected peers introduce others at present. */
  get #introduced(): boolean {
    return this.#context.registry.open > 0 && this.#clocks.has(EXCHANGE)
  }

  /** Until when peers are expected to introduce others, so that trackers need not be asked. */
  get #growsUntil(): number {
    const { registry, policy } = this.#context
    if (this.#introduced) return this.#grewAt + GROWING
    if (!policy.exchanges || registry.size === registry.open) return Number.NEGATIVE_INFINITY
    return registry.open > 0 ? this.#grewAt + GROWING : this.#attemptAt + CONNECTING
  }

  #expiresAt(signaling: string): number {
    const isServed = this.isServed(signaling)
    return this.#context.outstanding.earliest(sent => (sent.signaling === signaling ? this.#expiryOf(sent, isServed) : undefined))
  }

  /** A directed offer keeps its full time: its answer may be on the way, and the peer that answered would wait for us in vain. */
  #expiryOf(sent: OutstandingOffer<Offer>, isServed: boolean): number {
    if (sent.to !== undefined || sent.timeout !== undefined) return expiryOf(sent)
    if (!this.#context.runtime.budget.spare) return sent.at + SCARCE_TIMEOUT
    return isServed ? sent.at + SERVED_TIMEOUT : expiryOf(sent)
  }
}
