/** Dials the peers of one topic by name over one signalling. {@link DialPolicy} decides which peers, and when. */
import { asError } from '../../core/errors.js'
import { randomId, type Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { WakeableSleep } from '../../core/wakeable-sleep.js'
import type { LocalOffer } from '../../peer/offer-gatherer.js'
import type { DirectSignaling } from '../../signaling/signaling.js'
import type { SwarmContext } from '../swarm-context.js'
import type { DirectedOffer } from './dial-policy.js'

const log = logger('swarm')

/** How long dialling waits for offers before it looks again at which peers are due. */
const OFFER_TIMEOUT = 1_500
/** How long after a failed dial the next one is tried. */
const RETRY = 250

export class Dialer {
  readonly #signaling: DirectSignaling
  readonly #context: SwarmContext
  readonly #stop = new AbortController()
  readonly #sleep: WakeableSleep
  readonly #running: Promise<void>

  constructor(signaling: DirectSignaling, context: SwarmContext) {
    this.#signaling = signaling
    this.#context = context
    this.#sleep = new WakeableSleep(context.runtime.env, this.#stop.signal)
    this.#running = this.#run()
  }

  /** A peer waits to be dialled, or there is room: looks again. */
  wake(): void {
    this.#sleep.wake()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { dialPolicy, topic, runtime } = this.#context
    while (!this.#stop.signal.aborted) {
      const named = this.#signaling.open ? this.#signaling.dialable(topic) : []
      const { peers, rest, back } = dialPolicy.next(this.#signaling.name, named)
      runtime.pool.giveBack(...back)
      if (peers.length === 0) await this.#sleep.sleep(rest)
      else if (!(await this.#dial(peers))) await this.#sleep.sleep(RETRY)
    }
  }

  /** False when no offer left. */
  async #dial(peers: Id[]): Promise<boolean> {
    const again = peers.filter(to => this.#repeat(to))
    const fresh = peers.filter(to => !again.includes(to))
    const offers = await this.#take(fresh.length)
    const dialed = await Promise.all(fresh.slice(0, offers.length).map((to, index) => this.#dialFresh(to, offers[index])))
    return again.length > 0 || dialed.includes(true)
  }

  /** Sends the unanswered offer to this peer again. */
  #repeat(to: Id): boolean {
    const { dialPolicy } = this.#context
    const directed = dialPolicy.offerTo(to)
    if (directed === undefined || !this.#send(to, directed)) return false
    dialPolicy.dialed(this.#signaling.name, to)
    return true
  }

  async #dialFresh(to: Id, offer: LocalOffer | undefined): Promise<boolean> {
    const { dialPolicy, counters, runtime } = this.#context
    const { name } = this.#signaling
    if (offer === undefined) return false
    try {
      const directed = { id: randomId(runtime.env), sdp: await this.#context.sign(offer.sdp, { role: 'offer', to }) }
      // Signing took a moment.
      if (!this.#stop.signal.aborted && dialPolicy.mayDial(name, to) && this.#send(to, directed)) {
        dialPolicy.dialed(name, to, { ...directed, offer })
        counters.add('offered', name)
        return true
      }
    } catch (error) {
      this.#context.tell('warning', asError(error, 'ERR_ENGINE', 'dialing a peer failed'))
    }
    runtime.pool.giveBack(offer)
    return false
  }

  #send(to: Id, { id, sdp }: DirectedOffer): boolean {
    const { topic, runtime } = this.#context
    if (!this.#signaling.open || !this.#signaling.dial({ topic, from: runtime.announceId, to, offerId: id, sdp })) return false
    log('%s: dialed %s through %s', topic.slice(0, 8), to.slice(0, 8), this.#signaling.name)
    return true
  }

  /** The offers that are ready go to the peers that were heard last; other peers are dialled in the next round. */
  async #take(most: number): Promise<LocalOffer[]> {
    if (most === 0) return []
    return await this.#context.runtime.pool.take({ least: 1, most, timeout: OFFER_TIMEOUT }, this.#stop.signal)
  }
}
