/** Offers of one topic that people carry. An answer may take minutes, and each offer holds a connection meanwhile. */
import { SwarmlinkError } from '../../core/errors.js'
import { randomId } from '../../core/id.js'
import type { LocalOffer } from '../../peer/offer-gatherer.js'
import type { OutboundOffer, Signaling } from '../../signaling/signaling.js'
import type { SwarmContext } from '../swarm-context.js'
import { OFFER_TIMEOUT } from './outstanding-offers.js'

/** Invitations of one topic that wait for their answers. */
const MAX_INVITATIONS = 16
/** How long an invitation waits for an offer. One is gathered within a second, or the engine or the budget stands in the way. */
const GATHER_TIMEOUT = 10_000

export class Invitations {
  readonly #context: SwarmContext
  #inTheMaking = 0

  constructor(context: SwarmContext) {
    this.#context = context
  }

  /** Makes an offer whose answer comes by this signalling. */
  async make({ name, patience = OFFER_TIMEOUT }: Signaling): Promise<OutboundOffer> {
    const { runtime, scheduler } = this.#context
    if (scheduler.invitations(name) + this.#inTheMaking >= MAX_INVITATIONS)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `${MAX_INVITATIONS} invitations are open, each a connection; let them be answered first`,
      )
    this.#inTheMaking++
    try {
      const offer = await this.#take()
      const id = randomId(runtime.env)
      try {
        const sdp = await this.#context.sign(offer.sdp, { role: 'offer' })
        if (this.#context.closed) throw gone()
        if (!runtime.pool.reserve(offer)) throw spent()
        scheduler.invited(name, patience, id, offer)
        return { id, sdp }
      } catch (error) {
        runtime.pool.giveBack(offer)
        throw error
      }
    } finally {
      this.#inTheMaking--
    }
  }

  async #take(): Promise<LocalOffer> {
    const { pool, budget } = this.#context.runtime
    const [offer] = await pool.take({ least: 1, most: 1, timeout: GATHER_TIMEOUT })
    if (offer !== undefined) return offer
    if (this.#context.closed) throw gone()
    if (!budget.spare) throw spent()
    throw new SwarmlinkError('ERR_ENGINE', 'the WebRTC engine makes no offer: see the warnings')
  }
}

function spent(): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_QUEUE_FULL',
    'the connections are in use, but for a quarter that is kept for those who come: raise maxConnections',
  )
}

function gone(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'the torrent is gone')
}
