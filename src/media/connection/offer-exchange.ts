/** The offers of a Sender to one Receiver, one at a time, and their answers. Knows nothing of why an offer is made. */
import { backoff, type Backoff } from '../../core/backoff.js'
import { untilAborted, withDeadline, type Env } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import type { MediaSdp } from '../media-sdp.js'
import type { Transport } from './transport.js'

const log = logger('media')

/** In milliseconds: an offer that the Receiver has not got after this time was lost. */
const ARRIVAL = 2_000

export interface OfferExchangeDeps {
  env: Env
  /** The id of the Receiver. */
  id: string
  /** How long an answer is waited for, by the number of offers without one. */
  patience: Backoff
  stop: AbortSignal
  /** The number of the next offer. */
  nextAttempt: () => number
  /** Fields of every offer beside the description. */
  fields: () => { revision: number }
  /** Sends an offer, to which the sender adds session and attempt. */
  tell: (offer: object) => void
  /** Whether this is still the transport in use. */
  isCurrent: (transport: Transport) => boolean
  failed: (error: unknown) => void
}

export class OfferExchange {
  /** The number of the last offer. */
  attempt = 0
  /** The revision of the Sender's state that the last offer carried. */
  revision = 0
  #madeAt = 0
  readonly #deps: OfferExchangeDeps
  /** Takes the answer to the last offer, however late; undefined once there was one. */
  #answered: ((answer: MediaSdp | undefined) => void) | undefined
  #transport: Transport | undefined
  /** Offers in a row without an answer in time. */
  #unanswered = 0
  /** The last answer is being applied. */
  #accepting: Promise<unknown> = Promise.resolve()

  constructor(deps: OfferExchangeDeps) {
    this.#deps = deps
  }

  /** Whether the last offer may still be on its way to a Receiver that has this one. */
  isComing(to: number): boolean {
    return to !== this.attempt && this.#deps.env.now() - this.#madeAt < ARRIVAL
  }

  /** Makes an offer and sends it; true once its answer is applied, false if none came in time. A late one is taken until the next offer. */
  async offer(transport: Transport, iceRestart: boolean): Promise<boolean> {
    const { isCurrent, failed, nextAttempt } = this.#deps
    this.attempt = nextAttempt()
    this.#madeAt = this.#deps.env.now()
    this.cancel() // the last one
    this.#answered = undefined
    this.#transport = transport
    try {
      await this.#accepting
      const { sdp, applied } = await transport.offer(iceRestart)
      if (this.#transport !== transport || !isCurrent(transport)) return false
      const exchanged = this.#exchange(transport, sdp)
      await applied
      return await exchanged
    } catch (error) {
      this.cancel()
      if (isCurrent(transport)) failed(error)
      return false
    }
  }

  /** An answer to the last offer came. */
  answered(sdp: string): void {
    try {
      if (this.#transport !== undefined) this.#answered?.(this.#transport.read(sdp))
    } catch (error) {
      log('ignored an answer of %s: %o', this.#deps.id, error) // the answer itself may still come
    }
  }

  /** The offer is not waited for any more, or not sent if it is being made. */
  cancel(): void {
    this.#answered?.(undefined)
    this.#transport = undefined
  }

  async #exchange(transport: Transport, sdp: string): Promise<boolean> {
    const { env, id, patience, stop, fields, tell } = this.#deps
    const answered = new Promise<MediaSdp | undefined>(resolve => (this.#answered = resolve)).then(answer => {
      this.#answered = undefined
      if (answer === undefined) return false
      this.#unanswered = 0
      const accepting = this.#accept(transport, answer)
      this.#accepting = accepting
      return accepting
    })
    const added = fields()
    this.revision = added.revision
    tell({ type: 'offer', offer: { type: 'offer', sdp }, ...added })
    const late = () => new SwarmlinkError('ERR_CONNECT_TIMEOUT', 'no answer')
    try {
      return await withDeadline(env, untilAborted(answered, stop, late), backoff(patience, this.#unanswered), late)
    } catch {
      log('%s did not answer offer %d', id, this.attempt)
      this.#unanswered++
      return false
    }
  }

  /** Never rejects. */
  async #accept(transport: Transport, answer: MediaSdp): Promise<boolean> {
    const { isCurrent, failed } = this.#deps
    try {
      if (!isCurrent(transport)) return false
      await transport.accept(answer)
      return true
    } catch (error) {
      if (this.#transport === transport && isCurrent(transport)) failed(error) // unless the offer failed, which is told already
      return false
    }
  }
}
