/** Computes when one signalling is announced to next: the announce back-off. Arithmetic on numbers that are handed in, without a timer. */
import { backoff, jittered } from '../../core/backoff.js'
import type { SwarmCounts } from '../../signaling/signaling.js'

export interface Pace {
  announceInterval: number
  maxAnnounceInterval: number
  backoffMultiplier: number
  /** A swarm that is short of peers asks again after this time at the latest. */
  refreshInterval: number
}

/** While members are missing, the first announcements follow quickly: each carries a few offers, which go to random members. */
const MAX_QUICK = 5
/** What an announcement that asks a part of the members counts for at least, where no peer is connected: most may be dead or invented. */
const MIN_SHARE = 1 / 4
/** How long to wait for answers before the next announcement: as long as answers took lately, within these bounds. */
const PATIENCE = { first: 400, min: 150, max: 1_000 }
/** Announcements whose reply is awaited; a tracker that never replies is given up by its socket. */
const MAX_UNANSWERED = 32
/** The least gap between two announcements. */
const MIN_GAP = 100
const JITTER = 0.1
/** Topics without a peer announce in turns, this long each: a thousand topics would send 200 announcements a second otherwise, and then 33. */
const PER_TOPIC = 50

export class AnnounceClock {
  readonly #pace: Pace
  readonly #direct: boolean
  #announcedAt: number | undefined
  #attempt = 0
  #quick = 0
  #patience = PATIENCE.first
  #peers = 0
  /** Offers of the announcement that the counts replied to. */
  #offers = 0
  /** Trackers reply in the order in which they were asked; with a slow one the next question overtakes the reply. */
  readonly #unanswered: Array<{ at: number; offers: number }> = []
  #jitter = 0
  #urgent = false
  /** The last counts of the signalling. */
  counts: SwarmCounts = {}
  /** How many peers there were then. */
  #countedWith = 0

  /** `direct`: missing members are dialled by name, so announcements do not look for them. */
  constructor(pace: Pace, direct = false) {
    this.#pace = pace
    this.#direct = direct
  }

  /** Takes the reply to the oldest announcement without one. Returns the time of that announcement. */
  counted(counts: SwarmCounts, peers: number): number | undefined {
    const asked = this.#unanswered.shift()
    this.counts = { ...this.counts, ...counts }
    this.#countedWith = peers
    this.#offers = asked?.offers ?? 0
    return asked?.at
  }

  /** How many counted members may be missing. Equal numbers say nothing if peers changed since and not every member was sent an offer. */
  missing(peers: number): number {
    if (this.#direct) return 0
    const others = this.others ?? 0
    return this.#offers < others && peers !== this.#countedWith ? others : others - peers
  }

  /** The same where peers introduce others: the counted members are among those that peer exchange brings. */
  lacking(peers: number): number {
    return this.#direct ? 0 : (this.others ?? 0) - peers
  }

  /** A swarm that is short of peers announces again at this time, even if peer exchange brings some. */
  get latest(): number {
    return this.#direct || this.#urgent || this.#announcedAt === undefined
      ? Number.NEGATIVE_INFINITY
      : this.#announcedAt + this.#pace.refreshInterval
  }

  /** Whether the last announcement left before this time. */
  askedBefore(time: number): boolean {
    return this.#announcedAt !== undefined && this.#announcedAt < time
  }

  /** The last announcement brought no peer, as far as is known. */
  get isFruitless(): boolean {
    return this.#quick > 0
  }

  /** Other members, at most; undefined until the signalling counted them. */
  get others(): number | undefined {
    const { complete, incomplete } = this.counts
    if (complete === undefined && incomplete === undefined) return undefined
    return Math.max(0, (complete ?? 0) + (incomplete ?? 0) - 1)
  }

  /** An announcement left with this many offers, while we had this many peers. `alone`: none of them is connected. */
  announced(
    now: number,
    random: number,
    { offers, peers, alone = false }: { offers: number; peers: number; alone?: boolean },
  ): void {
    // Quick follow-ups are no steps of the back-off: behind them it begins with its first gap.
    if (this.#announcedAt !== undefined && now - this.#announcedAt >= this.#pace.announceInterval) this.#attempt++
    // While follow-ups bring peers, the gap does not grow.
    if (!this.#urgent && peers <= this.#peers) this.#quick += alone ? this.#share(offers) : 1
    this.#peers = peers
    this.#announcedAt = now
    this.#unanswered.push({ at: now, offers })
    if (this.#unanswered.length > MAX_UNANSWERED) this.#unanswered.shift()
    this.#jitter = random
    this.#urgent = false
  }

  /** An answer came this long after its offer: younger offers may still be answered. */
  answered(after: number): void {
    this.#patience = Math.min(Math.max((3 * this.#patience + after) / 4, PATIENCE.min), PATIENCE.max)
  }

  /** Peers are needed: announces at once, and starts over with the short gaps. */
  need(): void {
    this.#attempt = 0
    this.#quick = 0
    this.#urgent = true
  }

  /**
   * When the next announcement is due: `missing` peers are known and may be had, `short` says that any would be welcome. `topics` is the number
   * of topics of the client that have no peer.
   */
  dueAt(short: boolean, missing: number, topics = 0): number {
    if (this.#announcedAt === undefined) return 0
    return this.#announcedAt + Math.max(this.counts.minInterval ?? 0, this.#gap(short, missing, topics))
  }

  #gap(short: boolean, missing: number, topics: number): number {
    if (this.#urgent) return MIN_GAP
    const { announceInterval, maxAnnounceInterval, backoffMultiplier, refreshInterval } = this.#pace
    if (!short) return jittered(this.counts.interval ?? maxAnnounceInterval, JITTER, this.#jitter)
    const steady = backoff({ first: announceInterval, factor: backoffMultiplier, max: maxAnnounceInterval }, this.#attempt)
    const paced = Math.max(Math.min(steady, refreshInterval), Math.min(topics * PER_TOPIC, maxAnnounceInterval))
    const gap = Math.min(paced, missing > 0 ? this.#quickGap() : Number.POSITIVE_INFINITY)
    return jittered(gap, JITTER, this.#jitter)
  }

  /** The part of the others that these offers reach. */
  #share(offers: number): number {
    const { others = 0 } = this
    return offers >= others ? 1 : Math.max(MIN_SHARE, offers / others)
  }

  #quickGap(): number {
    return this.#quick <= MAX_QUICK ? this.#patience * 2 ** Math.max(0, this.#quick - 1) : Number.POSITIVE_INFINITY
  }
}
