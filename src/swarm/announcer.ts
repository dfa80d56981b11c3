/** One topic at one signalling: announce, rest, announce again. When and with how many offers is the coordinator's to say. */
import { sleep } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import { randomId, type Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import {
  isDirect,
  type Announcement,
  type InboundCandidate,
  type InboundDescription,
  type InboundRefusal,
  type Signaling,
  type SwarmCounts,
} from '../signaling/signaling.js'
import { Caller, type CallerOptions } from './caller.js'
import type { Coordinator } from './coordinator.js'
import type { Counters } from './counters.js'
import type { Network } from './network.js'
import { Rest } from './rest.js'

const log = logger('swarm')

/** How long an announcement waits for its offers before it leaves with those that are there. */
const OFFER_PATIENCE = 1_500
/** How long after an announcement that could not leave the next is tried. */
const RETRY = 250
/** How long a round may take before nobody waits for the reply any more. */
const ROUND_TIMEOUT = 5_000

export interface AnnouncerOptions {
  topic: Id
  network: Network
  coordinator: Coordinator<LocalOffer>
  counters: Counters
  /** The most offers that one announcement asks a tracker to hand out. */
  numwant: number
  /** Whether peers are unwelcome now; what changes that wakes this. */
  paused: () => boolean
  /** What an announcement says beside its offers. */
  compose: (event: Announcement['event'], offers: Announcement['offers']) => Announcement
  /** An offer as it leaves for this topic. */
  sign: CallerOptions['sign']
  offer: (offer: InboundDescription) => void
  answer: (answer: InboundDescription) => void
  candidate: (candidate: InboundCandidate) => void
  refused: (refusal: InboundRefusal) => void
  known: () => Id[]
  counts: (counts: SwarmCounts) => void
  warning: (error: SwarmlinkError) => void
}

/** Somebody waits for the reply to an announcement that is yet to leave. */
interface Round {
  asked: boolean
  settle: () => void
}

export class Announcer {
  readonly signaling: Signaling
  readonly #options: AnnouncerOptions
  readonly #stop = new AbortController()
  readonly #rounds = new Set<Round>()
  readonly #unsubscribe: () => void
  readonly #running: Promise<void>
  readonly #rest: Rest
  /** Where offers go to members by name. */
  readonly #caller: Caller | undefined
  /** What the next announcement says beside its numbers. */
  #event: Announcement['event'] = 'started'

  constructor(signaling: Signaling, options: AnnouncerOptions) {
    this.signaling = signaling
    this.#options = options
    this.#rest = new Rest(options.network.env, this.#stop.signal)
    const { coordinator } = options
    const direct = isDirect(signaling)
    this.#unsubscribe = signaling.subscribe(options.topic, {
      open: () => {
        this.#event = 'started'
        coordinator.opened(signaling.name, { direct })
        this.wake()
      },
      close: () => this.#closed(),
      offer: options.offer,
      answer: options.answer,
      candidate: options.candidate,
      refused: refusal => {
        options.refused(refusal)
        this.#caller?.wake()
      },
      wants: (id, alone) => {
        coordinator.paused = options.paused()
        return coordinator.wants(id, signaling.name, alone)
      },
      callee: id => {
        coordinator.calling.heard(id)
        this.#caller?.wake()
      },
      known: options.known,
      counts: counts => this.#count(counts),
      warning: options.warning,
    })
    this.#caller = direct ? new Caller(signaling, options) : undefined
    this.#running = this.#run()
  }

  /** Something changed: look again whether something is due. */
  wake(): void {
    this.#rest.wake()
    this.#caller?.wake()
  }

  /** The next announcement says that everything is downloaded. */
  completed(): void {
    this.#event ??= 'completed'
  }

  /** Resolves with the reply to the next announcement, or after a few seconds. */
  async round(): Promise<void> {
    if (this.signaling.patience !== undefined || this.signaling.source === 'exchange') return // nothing is replied there
    const patience = new AbortController()
    const settle = () => patience.abort()
    const round: Round = { asked: false, settle }
    this.#rounds.add(round)
    this.#stop.signal.addEventListener('abort', settle)
    await sleep(this.#options.network.env, ROUND_TIMEOUT, patience.signal)
    this.#rounds.delete(round)
    this.#stop.signal.removeEventListener('abort', settle)
  }

  /** Says goodbye; returns when nothing is left behind. */
  async close(): Promise<void> {
    this.#leave(() => {
      if (this.signaling.open && !this.#stop.signal.aborted) this.signaling.announce(this.#compose('stopped', []))
    })
    this.#leave(this.#unsubscribe)
    this.#closed()
    this.#stop.abort()
    await Promise.all([this.#running, this.#caller?.close()])
  }

  /** An application's own signalling may throw; everything else ends all the same. */
  #leave(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#options.warning(asError(error, 'ERR_SIGNALING_LINK', `the signalling ${this.signaling.name} does not let us go`))
    }
  }

  async #run(): Promise<void> {
    const { coordinator, network, paused } = this.#options
    const { name } = this.signaling
    while (!this.#stop.signal.aborted) {
      coordinator.paused = paused()
      this.#giveBack(coordinator.expired(name))
      if (coordinator.isServed(name)) network.pool.trim()
      if (!coordinator.isDue(name)) await this.#rest.take(coordinator.restsFor(name))
      else if (!(await this.#announce())) await this.#rest.take(RETRY)
    }
  }

  /** False when nothing left. */
  async #announce(): Promise<boolean> {
    const { topic, network, coordinator, counters, sign, warning } = this.#options
    const { signaling } = this
    const event = this.#event
    const ready = event === 'completed' ? [] : await this.#take(event === 'started')
    const offers = new Map<Id, LocalOffer>()
    try {
      const outbound = await Promise.all(
        ready.map(async offer => {
          const id = randomId(network.env)
          offers.set(id, offer)
          return { id, sdp: await sign(offer) }
        }),
      )
      if (this.#stop.signal.aborted || !signaling.open || !signaling.announce(this.#compose(event, outbound))) {
        this.#giveBack(ready)
        return false
      }
    } catch (error) {
      this.#giveBack(ready)
      warning(asError(error, 'ERR_ENGINE', 'an announcement could not be made'))
      return false
    }
    log('%s: announced with %d offers to %s', topic.slice(0, 8), offers.size, signaling.name)
    if (this.#event === event) this.#event = undefined // another one may have come meanwhile
    for (const round of this.#rounds) round.asked = true
    coordinator.announced(signaling.name, offers)
    counters.add('announced', signaling.name)
    counters.add('offered', signaling.name, offers.size)
    this.#caller?.wake() // what there was to announce may be a reason to call, too
    return true
  }

  /** Trackers hand out as many others as are asked for; members who hear an announcement call as long as they are wanted. */
  #compose(event: Announcement['event'], offers: Announcement['offers']): Announcement {
    const { compose, coordinator } = this.#options
    const announcement = compose(event, offers)
    if (this.#caller === undefined) return announcement
    return {
      ...announcement,
      numwant: coordinator.paused
        ? 0
        : Math.min(
            announcement.numwant,
            this.signaling.source === 'exchange' ? coordinator.places.sought : coordinator.places.left,
          ),
    }
  }

  /** The first announcement leaves with the first offer; those that follow are to reach everybody. */
  async #take(first: boolean): Promise<LocalOffer[]> {
    const { network, coordinator, numwant } = this.#options
    const { maxOffers, name } = this.signaling
    const most = coordinator.wanted(name, Math.min(maxOffers, numwant))
    if (most === 0) return []
    const patience = new AbortController()
    const timer = network.env.timer(OFFER_PATIENCE, () => patience.abort())
    const offers = await network.pool.take(
      { least: first ? 1 : most, most },
      AbortSignal.any([this.#stop.signal, patience.signal]),
    )
    timer.cancel()
    return offers
  }

  #count(counts: SwarmCounts): void {
    const { coordinator } = this.#options
    this.#giveBack(coordinator.counted(this.signaling.name, counts))
    for (const { asked, settle } of this.#rounds) if (asked) settle()
    this.#rest.wake()
    this.#options.counts(counts)
  }

  /** The other side has forgotten what we announced. */
  #closed(): void {
    this.#giveBack(this.#options.coordinator.closed(this.signaling.name))
    for (const { settle } of this.#rounds) settle()
  }

  #giveBack(offers: LocalOffer[]): void {
    for (const offer of offers) this.#options.network.pool.giveBack(offer)
  }
}
