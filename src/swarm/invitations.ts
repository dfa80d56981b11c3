/** Offers of one topic that people carry. Their answers may take their time, and each holds a connection meanwhile. */
import { SwarmlinkError } from '../core/errors.js'
import { randomId } from '../core/id.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import type { OutboundOffer, Signaling } from '../signaling/signaling.js'
import type { Coordinator } from './coordinator.js'
import type { Network } from './network.js'
import { OFFER_TIMEOUT } from './sent-offers.js'

/** Invitations of one topic that wait for their answers. */
const MAX_INVITATIONS = 16
/** How long an invitation may take to be made. An offer is gathered within a second, or what keeps it from that will not pass so soon. */
const PATIENCE = 10_000

export interface InvitationsParts {
  network: Network
  coordinator: Coordinator<LocalOffer>
  /** An offer as it leaves for this topic. */
  sign: (offer: LocalOffer) => Promise<string>
  /** Nobody can be invited to this topic any more. */
  closed: () => boolean
}

export class Invitations {
  readonly #parts: InvitationsParts
  #inTheMaking = 0

  constructor(parts: InvitationsParts) {
    this.#parts = parts
  }

  /** One more. Its answer comes by this signalling. */
  async make({ name, patience = OFFER_TIMEOUT }: Signaling): Promise<OutboundOffer> {
    const { network, coordinator, sign, closed } = this.#parts
    if (coordinator.invitations(name) + this.#inTheMaking >= MAX_INVITATIONS)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `${MAX_INVITATIONS} invitations are open, each a connection; let them be answered first`,
      )
    this.#inTheMaking++
    try {
      const offer = await this.#take()
      const id = randomId(network.env)
      try {
        const sdp = await sign(offer)
        if (closed()) throw gone()
        if (!network.pool.reserve(offer)) throw spent()
        coordinator.invited(name, patience, id, offer)
        return { id, sdp }
      } catch (error) {
        network.pool.giveBack(offer)
        throw error
      }
    } finally {
      this.#inTheMaking--
    }
  }

  async #take(): Promise<LocalOffer> {
    const { network, closed } = this.#parts
    const { env, pool, budget } = network
    const stop = new AbortController()
    const timer = env.timer(PATIENCE, () => stop.abort())
    const [offer] = await pool.take({ least: 1, most: 1 }, stop.signal)
    timer.cancel()
    if (offer !== undefined) return offer
    if (closed()) throw gone()
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
