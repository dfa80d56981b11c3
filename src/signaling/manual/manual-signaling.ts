/** Manual signalling: the application carries offers and answers itself. Knows neither how they travel nor how the swarm decides. */
import { asError, misuse, SwarmlinkError } from '../../core/errors.js'
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { parseSdp } from '../../core/sdp.js'
import type { OutboundAnswer, OutboundOffer, OutboundRefusal, Signaling, SignalingListener } from '../signaling.js'
import type { Signal } from './codec.js'

export { readSignal, type Signal } from './codec.js'

/** The swarm does not report a forged identity or a failed engine; an answer needs at most 1 s to gather. */
const ANSWER_TIMEOUT = 5_000
/** A person copies the text between windows, or answers a mail. WebRTC engines keep trying for that long. */
const PATIENCE = 10 * 60_000
/** Signals that wait for the swarm at a time; a person carries each of them. */
const MAX_WAITING = 16

interface Topic {
  readonly listener: SignalingListener
  /** Our announce id in the invitations. */
  self?: Id
}

/** The outcome of a signal: the answer to an invitation, undefined for an accepted answer, or an error. */
type Outcome = Signal | SwarmlinkError | undefined

interface Waiting {
  readonly type: Signal['type']
  readonly settle: (outcome: Outcome) => void
}

/**
 * Never calls `open()` of its listeners, because there is no server to announce to: so the swarm makes no announcement for it.
 *
 * @example
 * const answer = await signaling.receive(readSignal(text)) // if it was an invitation, hand the answer to its maker
 */
export class ManualSignaling implements Signaling {
  readonly name = 'manual'
  readonly source = 'signaling'
  readonly maxOffers = 0
  readonly open = true
  readonly patience = PATIENCE
  readonly #env: Env
  readonly #topics = new Map<Id, Topic>()
  /** Signals that wait for the swarm's decision, by {@link keyOf}. */
  readonly #waiting = new Map<string, Waiting>()
  #closed = false

  constructor(env: Env) {
    this.#env = env
  }

  subscribe(id: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw closed()
    if (this.#topics.has(id)) throw misuse(`the topic ${id} has a listener already`)
    const topic: Topic = { listener }
    this.#topics.set(id, topic)
    return () => {
      if (this.#topics.get(id) !== topic) return
      this.#topics.delete(id)
      const why = `the torrent ${id} was removed, or its manager destroyed, before the answer came: make a new invitation`
      this.#settleAll(new SwarmlinkError('ERR_CLOSED', why), id)
    }
  }

  announce(): boolean {
    return false
  }

  /** False when the signal does not wait any more: the swarm then closes the connection. */
  answer({ topic, from, to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#settle(keyOf(topic, to, offerId), { type: 'answer', infoHash: topic, from, offerId, to, sdp })
  }

  refuse({ topic, to, offerId }: OutboundRefusal): boolean {
    const key = keyOf(topic, to, offerId)
    return this.#settle(key, this.#waiting.get(key)?.type === 'answer' ? unknown() : unwanted())
  }

  /** Makes an invitation of our offer for this topic. It can be answered while the swarm keeps the offer. */
  invitation(topic: Id, from: Id, { id, sdp }: OutboundOffer): Signal {
    this.#topic(topic).self = from
    return { type: 'offer', infoHash: topic, from, offerId: id, sdp }
  }

  /**
   * Takes an invitation or an answer. Resolves with the answer to an invitation, or with undefined for an answer that the swarm accepted.
   * Rejects with `ERR_REFUSED` when the swarm refuses it, `ERR_REQUEST_TIMEOUT` when the swarm does not decide, `ERR_INVALID_ARGUMENT` when
   * it is for another client, `ERR_BAD_SDP`, `ERR_QUEUE_FULL`, `ERR_ABORTED` or `ERR_CLOSED`.
   */
  async receive(signal: Signal, aborted?: AbortSignal): Promise<Signal | undefined> {
    const { type, infoHash, from, offerId } = signal
    const { listener, self } = this.#topic(infoHash)
    if (type === 'answer' && signal.to !== self)
      throw misuse('this answer belongs to another invitation: hand it to the client that made that invitation')
    if (from === self) throw misuse('this invitation is our own: hand it to another peer, which returns an answer')
    const sdp = parseSdp(signal.sdp)
    if (aborted?.aborted === true) throw abandoned(aborted)
    const key = keyOf(infoHash, from, offerId)
    if (this.#waiting.has(key)) throw misuse('this invitation is being answered already: wait for the first call')
    if (this.#waiting.size >= MAX_WAITING)
      throw new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_WAITING} invitations are being answered: try again when one is done`)
    // Asked here, because the swarm reports few of its refusals: other signallings have no use for them.
    if (listener.wants?.(from, sdp.alone) === false) throw unwanted()
    const outcome = this.#wait(key, type, aborted)
    try {
      listener[type]({ from, offerId, sdp })
      // The swarm refuses an answer without an open offer within this call. Later failures are reported by the swarm's own events.
      if (type === 'answer') this.#settle(key, undefined)
    } catch (thrown) {
      this.#settle(key, asError(thrown, 'ERR_SIGNALING_LINK', 'the swarm failed to handle this signal'))
    }
    return await outcome
  }

  /** Final: rejects every waiting call; open invitations cannot be answered any more. */
  close(): void {
    this.#closed = true
    this.#settleAll(closed())
    const topics = [...this.#topics.values()]
    this.#topics.clear()
    for (const { listener } of topics) listener.close()
  }

  #topic(id: Id): Topic {
    if (this.#closed) throw closed()
    const topic = this.#topics.get(id)
    if (topic === undefined) throw misuse(`no torrent here has the info hash ${id}: add its torrent first`)
    return topic
  }

  #wait(key: string, type: Signal['type'], aborted: AbortSignal | undefined): Promise<Signal | undefined> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome) => {
        timer.cancel()
        aborted?.removeEventListener('abort', abort)
        if (outcome instanceof SwarmlinkError) reject(outcome)
        else resolve(outcome)
      }
      const abort = () => void this.#settle(key, abandoned(aborted))
      const timer = this.#env.timer(ANSWER_TIMEOUT, () => void this.#settle(key, late()))
      aborted?.addEventListener('abort', abort)
      this.#waiting.set(key, { type, settle })
    })
  }

  /** False when no call waits under this key. */
  #settle(key: string, outcome: Outcome): boolean {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    waiting?.settle(outcome)
    return waiting !== undefined
  }

  /** Settles the waiting calls of one topic, or of all. */
  #settleAll(outcome: Outcome, topic = ''): void {
    for (const key of [...this.#waiting.keys()]) if (key.startsWith(topic)) this.#settle(key, outcome)
  }
}

/** Ids have one length, so no two signals have the same key. */
function keyOf(topic: Id, from: Id, offerId: Id): string {
  return topic + from + offerId
}

function unwanted(): SwarmlinkError {
  const why = 'it is connected or connecting already, was refused or unreachable a moment ago, or all slots are taken'
  return new SwarmlinkError('ERR_REFUSED', `this peer is refused (${why}): try again later, or raise the limit of peers`)
}

function unknown(): SwarmlinkError {
  const why = 'each takes one answer, within a limited time'
  return new SwarmlinkError('ERR_REFUSED', `the invitation of this answer is not open any more (${why}): make a new one`)
}

function late(): SwarmlinkError {
  const why = 'it was changed on its way, `verify` takes too long, or the WebRTC engine failed'
  const message = `the answer to this invitation timed out after ${ANSWER_TIMEOUT / 1_000} s (${why}): ask for a new one`
  return new SwarmlinkError('ERR_REQUEST_TIMEOUT', message)
}

function abandoned(signal: AbortSignal | undefined): SwarmlinkError {
  return new SwarmlinkError('ERR_ABORTED', 'the wait for the answer was aborted', { cause: signal?.reason })
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'manual signalling is closed: make a new ConnectionManager')
}
