/** Calls the members of one topic by name over one signalling. Whom and when is the coordinator's to say. */
import { asError, type SwarmlinkError } from '../core/errors.js'
import { randomId, type Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import type { DirectSignaling } from '../signaling/signaling.js'
import type { Coordinator } from './coordinator.js'
import type { Counters } from './counters.js'
import type { Network } from './network.js'
import { Rest } from './rest.js'

const log = logger('swarm')

/** How long calls wait for offers before everything is looked at anew. */
const OFFER_PATIENCE = 1_500
/** How long after a call that could not leave the next is tried. */
const RETRY = 250

export interface CallerOptions {
  topic: Id
  network: Network
  coordinator: Coordinator<LocalOffer>
  counters: Counters
  /** An offer as it leaves for this topic, and to this member where it is called by name. */
  sign: (offer: LocalOffer, to?: Id) => Promise<string>
  warning: (error: SwarmlinkError) => void
}

export class Caller {
  readonly #signaling: DirectSignaling
  readonly #options: CallerOptions
  readonly #stop = new AbortController()
  readonly #rest: Rest
  readonly #running: Promise<void>

  constructor(signaling: DirectSignaling, options: CallerOptions) {
    this.#signaling = signaling
    this.#options = options
    this.#rest = new Rest(options.network.env, this.#stop.signal)
    this.#running = this.#run()
  }

  /** Somebody waits for a call, or there is room: look again. */
  wake(): void {
    this.#rest.wake()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { coordinator, topic } = this.#options
    const { name } = this.#signaling
    while (!this.#stop.signal.aborted) {
      const { members, rest, back } = coordinator.calling.callees(
        name,
        this.#signaling.open ? this.#signaling.callees(topic) : [],
      )
      this.#giveBack(back)
      if (members.length === 0) await this.#rest.take(rest)
      else if (!(await this.#call(members))) await this.#rest.take(RETRY)
    }
  }

  /** False when nothing left. */
  async #call(members: Id[]): Promise<boolean> {
    const again = members.filter(to => this.#repeat(to))
    const anew = members.filter(to => !again.includes(to))
    const offers = await this.#take(anew.length)
    const calls = await Promise.all(anew.slice(0, offers.length).map((to, index) => this.#callAnew(to, offers[index])))
    return again.length > 0 || calls.includes(true)
  }

  /** The same offer once more: whatever became of the first, it is still good. */
  #repeat(to: Id): boolean {
    const { coordinator } = this.#options
    const call = coordinator.calling.callTo(to)
    if (call === undefined || !this.#send(to, call)) return false
    coordinator.calling.called(this.#signaling.name, to)
    return true
  }

  async #callAnew(to: Id, offer: LocalOffer | undefined): Promise<boolean> {
    const { coordinator, counters, network, sign, warning } = this.#options
    if (offer === undefined) return false
    try {
      const call = { id: randomId(network.env), sdp: await sign(offer, to) }
      // Taking and signing the offer took a moment.
      if (!this.#stop.signal.aborted && coordinator.calling.mayCall(this.#signaling.name, to) && this.#send(to, call)) {
        coordinator.calling.called(this.#signaling.name, to, { ...call, offer })
        counters.add('offered', this.#signaling.name)
        return true
      }
    } catch (error) {
      warning(asError(error, 'ERR_ENGINE', 'a call could not be made'))
    }
    this.#giveBack([offer])
    return false
  }

  #send(to: Id, { id, sdp }: { id: Id; sdp: string }): boolean {
    const { topic, network } = this.#options
    if (!this.#signaling.open || !this.#signaling.call({ topic, from: network.announceId, to, offerId: id, sdp })) return false
    log('%s: called %s through %s', topic.slice(0, 8), to.slice(0, 8), this.#signaling.name)
    return true
  }

  /** Whatever is ready at once goes to those who were heard last; the others come with the next. */
  async #take(most: number): Promise<LocalOffer[]> {
    const { network } = this.#options
    if (most === 0) return []
    const patience = new AbortController()
    const timer = network.env.timer(OFFER_PATIENCE, () => patience.abort())
    const offers = await network.pool.take({ least: 1, most }, AbortSignal.any([this.#stop.signal, patience.signal]))
    timer.cancel()
    return offers
  }

  #giveBack(offers: LocalOffer[]): void {
    for (const offer of offers) this.#options.network.pool.giveBack(offer)
  }
}
