/** Announces one topic to one signalling, again and again. {@link AnnounceScheduler} decides when, and with how many offers. */
import { sleep } from '../../core/env.js'
import { asError } from '../../core/errors.js'
import { randomId, type Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { WakeableSleep } from '../../core/wakeable-sleep.js'
import type { LocalOffer } from '../../peer/offer-gatherer.js'
import { isDirect, type Announcement, type Signaling, type SwarmCounts } from '../../signaling/signaling.js'
import { Dialer } from '../dialing/dialer.js'
import type { Handshake } from '../handshake/handshake.js'
import type { SwarmContext } from '../swarm-context.js'

const log = logger('swarm')

/** How long an announcement waits for its offers before it leaves with those that are there. */
const OFFER_TIMEOUT = 1_500
/** How long after a failed announcement the next one is tried. */
const RETRY = 250
/** How long a round waits for the reply. */
const ROUND_TIMEOUT = 5_000

/** A caller of {@link Announcer.round} that waits for the reply to the next announcement. */
interface Round {
  announced: boolean
  settle: () => void
}

export class Announcer {
  readonly signaling: Signaling
  readonly #context: SwarmContext
  readonly #received: (handle: (handshake: Handshake) => unknown) => void
  readonly #stop = new AbortController()
  readonly #rounds = new Set<Round>()
  readonly #unsubscribe: () => void
  readonly #running: Promise<void>
  readonly #sleep: WakeableSleep
  /** Where offers go to peers by name. */
  readonly #dialer: Dialer | undefined
  /** The event of the next announcement. */
  #event: Announcement['event'] = 'started'

  /** `received`: a description, a candidate or a refusal arrived for the handshake. */
  constructor(signaling: Signaling, context: SwarmContext, received: (handle: (handshake: Handshake) => unknown) => void) {
    this.signaling = signaling
    this.#context = context
    this.#received = received
    this.#sleep = new WakeableSleep(context.runtime.env, this.#stop.signal)
    this.#unsubscribe = this.#subscribe()
    this.#dialer = isDirect(signaling) ? new Dialer(signaling, context) : undefined
    this.#running = this.#run()
  }

  /** Looks again whether an announcement or a dial is due. */
  wake(): void {
    this.#sleep.wake()
    this.#dialer?.wake()
  }

  /** The next announcement says that everything is downloaded. */
  completed(): void {
    this.#event ??= 'completed'
  }

  /** Resolves with the reply to the next announcement, or after {@link ROUND_TIMEOUT}. */
  async round(): Promise<void> {
    if (this.signaling.patience !== undefined || this.signaling.source === 'exchange') return // these send no reply
    const patience = new AbortController()
    const settle = () => patience.abort()
    const round: Round = { announced: false, settle }
    this.#rounds.add(round)
    this.#stop.signal.addEventListener('abort', settle)
    await sleep(this.#context.runtime.env, ROUND_TIMEOUT, patience.signal)
    this.#rounds.delete(round)
    this.#stop.signal.removeEventListener('abort', settle)
  }

  /** Announces `stopped`; resolves when nothing is left behind. */
  async close(): Promise<void> {
    this.#leave(() => {
      if (this.signaling.open && !this.#stop.signal.aborted) this.signaling.announce(this.#compose('stopped', []))
    })
    this.#leave(this.#unsubscribe)
    this.#forgotten()
    this.#stop.abort()
    await Promise.all([this.#running, this.#dialer?.close()])
  }

  #subscribe(): () => void {
    const { signaling } = this
    const { topic, gater, scheduler, dialPolicy, registry, tell } = this.#context
    const received = (handle: (handshake: Handshake) => unknown) => {
      this.#context.checkPause()
      this.#received(handle)
    }
    return signaling.subscribe(topic, {
      open: () => {
        this.#event = 'started'
        scheduler.opened(signaling.name, { direct: isDirect(signaling) })
        this.wake()
      },
      close: () => this.#forgotten(),
      offer: offer => received(handshake => handshake.handleOffer(signaling, offer)),
      answer: answer => received(handshake => handshake.handleAnswer(signaling, answer)),
      candidate: candidate => received(handshake => handshake.handleCandidate(signaling, candidate)),
      refused: refusal => {
        received(handshake => handshake.handleRefusal(refusal))
        this.#dialer?.wake()
      },
      wants: (id, alone) => {
        this.#context.checkPause()
        return gater.wants(id, signaling.name, alone)
      },
      dialable: id => {
        dialPolicy.heard(id)
        this.#dialer?.wake()
      },
      known: () => registry.remotes(),
      counts: counts => this.#count(counts),
      warning: error => tell('warning', error),
    })
  }

  /** A signalling of the application may throw; everything else ends all the same. */
  #leave(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#context.tell('warning', asError(error, 'ERR_SIGNALING_LINK', `unsubscribing from ${this.signaling.name} failed`))
    }
  }

  async #run(): Promise<void> {
    const { scheduler, runtime } = this.#context
    const { name } = this.signaling
    while (!this.#stop.signal.aborted) {
      this.#context.checkPause()
      runtime.pool.giveBack(...scheduler.expired(name))
      if (scheduler.isServed(name)) runtime.pool.trim()
      if (!scheduler.isDue(name)) await this.#sleep.sleep(scheduler.restsFor(name))
      else if (!(await this.#announce())) await this.#sleep.sleep(RETRY)
    }
  }

  /** False when no announcement left. */
  async #announce(): Promise<boolean> {
    const { topic, scheduler, counters, runtime } = this.#context
    const { signaling } = this
    const event = this.#event
    const ready = event === 'completed' ? [] : await this.#take(event === 'started')
    const offers = new Map<Id, LocalOffer>()
    try {
      const outbound = await Promise.all(ready.map(offer => this.#sign(offer, offers)))
      if (this.#stop.signal.aborted || !signaling.open || !signaling.announce(this.#compose(event, outbound))) {
        runtime.pool.giveBack(...ready)
        return false
      }
    } catch (error) {
      runtime.pool.giveBack(...ready)
      this.#context.tell('warning', asError(error, 'ERR_ENGINE', 'an announcement could not be made'))
      return false
    }
    log('%s: announced with %d offers to %s', topic.slice(0, 8), offers.size, signaling.name)
    if (this.#event === event) this.#event = undefined // another event may have come meanwhile
    for (const round of this.#rounds) round.announced = true
    scheduler.announced(signaling.name, offers)
    counters.add('announced', signaling.name)
    counters.add('offered', signaling.name, offers.size)
    this.#dialer?.wake() // what made an announcement due may be a reason to dial, too
    return true
  }

  async #sign(offer: LocalOffer, offers: Map<Id, LocalOffer>): Promise<{ id: Id; sdp: string }> {
    const id = randomId(this.#context.runtime.env)
    offers.set(id, offer)
    return { id, sdp: await this.#context.sign(offer.sdp, { role: 'offer' }) }
  }

  #compose(event: Announcement['event'], offers: Announcement['offers']): Announcement {
    const { topic, runtime, registry, options } = this.#context
    const { port, progress } = options
    return {
      topic,
      from: runtime.announceId,
      ...(event !== undefined && { event }),
      ...progress(),
      numwant: this.#numwant(),
      alone: registry.isAlone,
      port,
      offers,
    }
  }

  /** A tracker is asked for `numwant` peers; on a direct signalling peers dial as long as more are wanted. */
  #numwant(): number {
    const { policy, paused, options } = this.#context
    if (this.#dialer === undefined) return options.numwant
    const room = this.signaling.source === 'exchange' ? policy.sought : policy.left
    return paused ? 0 : Math.min(options.numwant, room)
  }

  /** The first announcement leaves with the first offer; later ones are to reach all members. */
  async #take(first: boolean): Promise<LocalOffer[]> {
    const { runtime, scheduler, options } = this.#context
    const { maxOffers, name } = this.signaling
    const most = scheduler.wanted(name, Math.min(maxOffers, options.numwant))
    if (most === 0) return []
    return await runtime.pool.take({ least: first ? 1 : most, most, timeout: OFFER_TIMEOUT }, this.#stop.signal)
  }

  #count(counts: SwarmCounts): void {
    this.#context.runtime.pool.giveBack(...this.#context.scheduler.counted(this.signaling.name, counts))
    for (const { announced, settle } of this.#rounds) if (announced) settle()
    this.#sleep.wake()
    const { complete, incomplete } = counts
    if (complete === undefined && incomplete === undefined) return
    this.#context.tell('counts', this.signaling, { complete: complete ?? 0, incomplete: incomplete ?? 0 })
  }

  /** The signalling forgot what was announced. */
  #forgotten(): void {
    this.#context.runtime.pool.giveBack(...this.#context.scheduler.closed(this.signaling.name))
    for (const { settle } of this.#rounds) settle()
  }
}
