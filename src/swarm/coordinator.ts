/**
 * Every decision about one topic: when to announce, how many offers, whom to answer, whom to refuse. No I/O, no promise, no
 * engine: numbers and ids in, decisions out, so that a thousand of them run in one test.
 */
import type { Env } from '../core/env.js'
import type { Id } from '../core/id.js'
import { LazySeenFilter } from '../core/lazy-seen-filter.js'
import type { Links } from '../peer/links.js'
import type { Role } from '../peer/negotiation.js'
import { PeerRegistry, type Verdict } from '../peer/registry.js'
import type { SwarmCounts } from '../signaling/signaling.js'
import { AnnounceClock, type Pace } from './announce-clock.js'
import { Calling, EXCHANGE } from './calling.js'
import { Misses } from './misses.js'
import { Places } from './places.js'
import { expiryOf, type SentOffer, SentOffers } from './sent-offers.js'

/** Why an offer or an answer is not taken up. */
export type Refusal =
  | 'self'
  | 'paused'
  | 'held'
  | 'dialling'
  | 'glare'
  | 'seen'
  | 'full'
  | 'unknown-offer'
  | 'busy'
  | 'budget'
  | 'rejected'

/** What somebody says of itself. */
export interface Standing {
  /** It has nobody, or only one. @default false */
  alone?: boolean | undefined
  /** It shows that its id is its own. @default true */
  proven?: boolean
  /** Its connection will serve no other topic. @default false */
  secluded?: boolean | undefined
}

/** Of an attempt that came to nothing. */
interface Missed {
  /** @default true */
  proven?: boolean
  /** @default 'caller' */
  role?: Role
}

export interface SwarmLimits extends Pace {
  maxPeers: number
}

/** How many offers leave before the tracker has said how many others there are. */
const FIRST_OFFERS = 5
/** The same where the first who answer introduce the others. */
const FIRST_OFFERS_EXCHANGE = 2
/** How long an offer waits that nobody is likely to want: answers take a second or two. */
const SERVED_TIMEOUT = 5_000
/** The same of one that holds a connection which is needed elsewhere. */
const SCARCE_TIMEOUT = 2_000
/** Whom peers introduce nobody has to ask a tracker for: it is left alone for so long after each that came. */
const GROWING = 2_000
/** Peers that could not be reached or were turned away: not tried again for half a minute to a minute. Costs 2.4 kB. */
const SEEN = { capacity: 1_000, errorRate: 0.01, rotateAfter: 30_000 }
/** Behind the name of a peer and a signalling: only its offers are refused. */
const OFFERS = ' offers'

export class Coordinator<Offer> {
  readonly registry: PeerRegistry
  readonly places: Places
  /** Whom we call by name. */
  readonly calling: Calling<Offer>
  readonly #env: Env
  readonly #limits: SwarmLimits
  readonly #isOwn: (id: Id) => boolean
  readonly #clocks = new Map<string, AnnounceClock>()
  readonly #sent = new SentOffers<Offer>()
  readonly #seen: LazySeenFilter
  readonly #misses = new Misses()
  /** Whether the client has no connections left for further offers. */
  scarce: () => boolean = () => false
  #lostAt = Number.NEGATIVE_INFINITY
  #grewAt = Number.NEGATIVE_INFINITY
  /** When peers last brought somebody. */
  #broughtAt = Number.NEGATIVE_INFINITY
  #paused = false

  /** `links`: the connections of the whole client, where those of this topic are shared with others. */
  constructor(env: Env, self: Id, isOwn: (id: Id) => boolean, limits: SwarmLimits, links?: Links) {
    this.#env = env
    this.#isOwn = isOwn
    this.#limits = limits
    this.registry = new PeerRegistry(self, links)
    this.places = new Places(env, this.registry, limits.maxPeers)
    this.calling = new Calling(env, this.#sent, {
      room: () => this.places.left,
      wants: (id, signaling) => this.wants(id, signaling),
      holds: id => this.#holds(id),
      refused: () => (this.places.crowded = true),
    })
    this.#seen = new LazySeenFilter(env, SEEN)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** While paused nobody is welcome; afterwards everybody is needed. */
  set paused(paused: boolean) {
    if (this.#paused && !paused) this.need()
    this.#paused = paused
  }

  /** Announcements are taken from now on. `direct`: they carry no offers, because members are called by name. */
  opened(signaling: string, { direct = false }: { direct?: boolean } = {}): void {
    this.#clocks.set(signaling, new AnnounceClock(this.#limits, direct))
  }

  /** The other side forgot what was announced: the offers that come back are free again. */
  closed(signaling: string): Offer[] {
    this.#clocks.delete(signaling)
    return this.#sent.reclaim(sent => sent.signaling === signaling)
  }

  /** What the signalling says about the swarm. The offers that come back found nobody to go to. */
  counted(signaling: string, counts: SwarmCounts): Offer[] {
    const clock = this.#clocks.get(signaling)
    if (clock === undefined) return []
    const at = clock.counted(counts, this.registry.size)
    if (clock.others !== undefined) this.places.counted(clock.others)
    // Trackers hand offers out in their order, one to each of the others: those behind the last of them stayed unused. The
    // offers of earlier announcements went to others of their own.
    let delivered = clock.others ?? Number.POSITIVE_INFINITY
    return this.#sent.reclaim(sent => sent.signaling === signaling && sent.to === undefined && sent.at === at && --delivered < 0)
  }

  /** A peer that came by this signalling is on its way, or connected. */
  grew(signaling: string): void {
    this.#grewAt = this.#env.now()
    if (signaling === EXCHANGE) this.#broughtAt = this.#grewAt
  }

  /** Everybody whom this signalling counted is here: nobody is likely to want our offers. */
  isServed(signaling: string): boolean {
    const clock = this.#clocks.get(signaling)
    return clock?.others !== undefined && this.#missing(clock, this.registry.open) <= 0
  }

  /** A new need: every signalling is asked at once, and then at short gaps again. */
  need(): void {
    for (const clock of this.#clocks.values()) clock.need()
  }

  /** A peer is gone: a new need, but not one for each of many, nor for one that comes and goes. */
  lost(): void {
    const now = this.#env.now()
    if (now - this.#lostAt < this.#limits.announceInterval) return
    this.#lostAt = now
    this.need()
  }

  /** Milliseconds until this signalling needs attention: an announcement, or offers that ran out of time. */
  restsFor(signaling: string): number {
    return Math.min(this.#dueAt(signaling), this.#expiresAt(signaling)) - this.#env.now()
  }

  isDue(signaling: string): boolean {
    return this.#dueAt(signaling) <= this.#env.now()
  }

  /** How many offers the next announcement should carry. */
  wanted(signaling: string, maxOffers: number): number {
    if (this.paused) return 0
    const clock = this.#clocks.get(signaling)
    if (clock === undefined) return 0
    const { sought, left } = this.places
    return sought > 0 ? Math.min(maxOffers, left, this.#useful(clock)) : 0
  }

  /** An announcement left, with these offers in this order. */
  announced(signaling: string, offers: Map<Id, Offer>): void {
    const at = this.#env.now()
    this.#clocks.get(signaling)?.announced(at, this.#env.random(), { offers: offers.size, peers: this.registry.size })
    for (const [id, offer] of offers) this.#sent.add(id, { offer, signaling, at })
  }

  /** Offers that people carry by this signalling. */
  invitations(signaling: string): number {
    return this.#sent.count(sent => sent.signaling === signaling)
  }

  /** A person carries this offer, and its answer. */
  invited(signaling: string, patience: number, id: Id, offer: Offer): void {
    this.#sent.add(id, { offer, signaling, at: this.#env.now(), timeout: patience })
  }

  /** Offers of this signalling that nobody answered in time. */
  expired(signaling: string): Offer[] {
    const now = this.#env.now()
    const isServed = this.isServed(signaling)
    return this.#sent.reclaim(sent => sent.signaling === signaling && this.#expiryOf(sent, isServed) <= now)
  }

  /** Whether to answer an offer; the reason if not. Nothing is built before this said yes. */
  judgeOffer(from: Id, signaling = '', { alone = false, proven = true, secluded }: Standing = {}): Refusal | undefined {
    if (this.#isOwn(from)) return 'self'
    if (this.paused) return 'paused'
    const verdict = this.registry.judge(from, 'callee', false, proven, secluded)
    if (!verdict.go) {
      if (alone && verdict.reason === 'held' && !this.registry.knows(from)) this.places.invite(from)
      return verdict.reason
    }
    if (this.#hasSeen(from, proven, signaling) || this.#hasSeen(from, proven, signaling + OFFERS)) return 'seen'
    if (this.places.has(alone)) return undefined
    this.places.crowded = true
    return 'full'
  }

  /** Whether a peer that is connected for another topic is welcome to this one as well. */
  welcomes(id: Id, proven = true): boolean {
    const hasPlace = !this.places.full || this.places.invites(id)
    return !this.#isOwn(id) && !this.paused && !this.#hasSeen(id, proven) && hasPlace && !this.registry.knows(id)
  }

  /** Whether to be connected to somebody of whom we heard by name: from peers, of those only who can prove it. */
  wants(id: Id, signaling: string, alone?: boolean): boolean {
    return this.judgeOffer(id, signaling, { alone, proven: signaling === EXCHANGE }) === undefined
  }

  /** Others that a tracker counted, and those of them that have not got everything: as many as the last one said that names the most. */
  census(): { others: number; incomplete: number } {
    let [others, incomplete] = [0, 0]
    for (const clock of this.#clocks.values()) {
      others = Math.max(others, clock.others ?? 0)
      incomplete = Math.max(incomplete, clock.counts.incomplete ?? 0)
    }
    return { others, incomplete }
  }

  /** Whom nobody has to name to us again. Those who were called are named on: there may be another way to them. */
  known(): Id[] {
    return this.registry.remotes()
  }

  /** Takes the offer that an answer belongs to; a second answer to it finds nothing, nor does one by somebody else. */
  takeOffer(id: Id, from: Id): Offer | undefined {
    const sent = this.#sent.get(id)
    if (sent === undefined || (sent.to ?? from) !== from) return undefined
    this.#sent.delete(id)
    if (sent.to !== undefined) this.calling.answered(sent.to)
    this.#clocks.get(sent.signaling)?.answered(this.#env.now() - sent.at)
    return sent.offer
  }

  /** The offer that such an answer belongs to, where it came back meanwhile: it may be used if it is idle. */
  returnedOffer(id: Id, from: Id): Offer | undefined {
    return this.#sent.returned(id, from)
  }

  /** Whether to use an answer. `ours`: it carries an identity. */
  judgeAnswer(
    from: Id,
    ours: boolean,
    signaling?: string,
    { alone = false, proven = true, secluded }: Standing = {},
  ): Verdict | { go: false; reason: Refusal } {
    if (this.#isOwn(from)) return { go: false, reason: 'self' }
    if (this.paused) return { go: false, reason: 'paused' }
    if (this.#hasSeen(from, proven, signaling)) return { go: false, reason: 'seen' }
    const verdict = this.registry.judge(from, 'caller', ours, proven, secluded)
    // One that it replaces makes room, unless that one has no place yet.
    if (!verdict.go || verdict.replaces.some(({ admitted }) => admitted) || this.places.hasForAnswer(alone)) return verdict
    this.places.crowded = true
    return { go: false, reason: 'full' }
  }

  /**
   * This peer is not to be tried again soon, or not when it comes by this signalling. What somebody did in its name without a proof is
   * not held against the one that has it.
   */
  avoid(remote: Id, signaling = '', proven = true): void {
    this.#seen.add(nameOf(remote, proven) + signaling)
  }

  /**
   * A connection to this peer failed before it was open, which no lack of a path does so soon; or it did not open in time. That says
   * something of the signalling as well, which may bring old descriptions again: others may still bring this peer.
   *
   * `role` is that of this side. A peer that called may have refused the answer, and trackers carry no refusal. So its offers are avoided, but
   * not its answers: otherwise two peers that refuse each other's answers would avoid each other for ever.
   */
  missed(remote: Id, how: 'failed' | 'timeout', signaling: string, { proven = true, role = 'caller' }: Missed = {}): void {
    const by = role === 'callee' ? signaling + OFFERS : signaling
    if (!this.#misses.add(nameOf(remote, proven) + by, how)) this.avoid(remote, by, proven)
  }

  #dueAt(signaling: string): number {
    const clock = this.#clocks.get(signaling)
    if (clock === undefined) return Number.POSITIVE_INFINITY
    const missing = this.#missing(clock)
    const short = !this.paused && this.places.sought > 0 && (this.registry.open === 0 || missing > 0)
    const dueAt = clock.dueAt(short, missing)
    const grows = this.#introduced || (this.#exchanges && this.registry.size > this.registry.open)
    return grows ? Math.max(dueAt, Math.min(this.#grewAt + GROWING, clock.latest)) : dueAt
  }

  #useful(clock: AnnounceClock): number {
    const first = this.#exchanges ? FIRST_OFFERS_EXCHANGE : FIRST_OFFERS
    if (clock.others === undefined) return first
    if (this.#missing(clock) <= 0) return 0
    // Trackers pick by chance: with as many offers as there are others the ones that we lack are surely among those asked, and the
    // rest refuse for nothing. One or two are enough where these introduce the others.
    return this.#fewWillDo(clock) ? Math.min(first, clock.others) : clock.others
  }

  /**
   * The one that answers is likely to introduce the others: none was asked yet, or peers did so since the announcement before, and all are ours.
   * Where the first few that a tracker picked did not answer it may know many that are dead, or invented.
   */
  #fewWillDo(clock: AnnounceClock): boolean {
    if (!this.#exchanges) return false
    if (this.registry.open === 0) return this.registry.size > 0 || !clock.isFruitless
    return this.#introduced && clock.askedBefore(this.#broughtAt) && this.registry.claims().every(({ ours }) => ours)
  }

  /** How many of those that were counted we may lack, with this many peers. */
  #missing(clock: AnnounceClock, peers = this.registry.size): number {
    return this.#introduced ? clock.lacking(peers) : clock.missing(peers)
  }

  /** Peers may introduce others. */
  get #exchanges(): boolean {
    return this.places.exchanges
  }

  /** Peers introduce others at present. */
  get #introduced(): boolean {
    return this.registry.open > 0 && this.#clocks.has(EXCHANGE)
  }

  #expiresAt(signaling: string): number {
    const isServed = this.isServed(signaling)
    return this.#sent.earliest(sent => (sent.signaling === signaling ? this.#expiryOf(sent, isServed) : undefined))
  }

  /** An answer that is under way is not to find its offer gone: whoever gave it would wait for us in vain. */
  #expiryOf(sent: SentOffer<Offer>, isServed: boolean): number {
    if (sent.to !== undefined || sent.timeout !== undefined) return expiryOf(sent)
    if (this.scarce()) return sent.at + SCARCE_TIMEOUT
    return isServed ? sent.at + SERVED_TIMEOUT : expiryOf(sent)
  }

  /** What is remembered of the owner of an id goes for whoever shows no proof, too. */
  #hasSeen(id: Id, proven: boolean, signaling = ''): boolean {
    const names = proven ? [id] : [id, nameOf(id, false)]
    return names.some(name => this.#seen.has(name) || this.#seen.has(name + signaling))
  }

  #holds(id: Id): boolean {
    const verdict = this.registry.judge(id, 'callee', true)
    return !verdict.go && verdict.reason === 'held'
  }
}

/** What is remembered of a peer: who is not proven to be it goes by another name. */
function nameOf(remote: Id, proven: boolean): string {
  return proven ? remote : `?${remote}`
}
