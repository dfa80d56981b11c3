/**
 * Meeting by hand: offers and answers that the application carries itself. Knows neither how they travel nor what the swarm
 * decides about them; says of each what became of it.
 */
import { asError, SwarmlinkError } from '../../core/errors.js'
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { parseSdp } from '../../core/sdp.js'
import type { OutboundAnswer, OutboundOffer, OutboundRefusal, Signaling, SignalingListener } from '../signaling.js'
import type { Signal } from './wire.js'

export { readSignal, type Signal } from './wire.js'

/** The swarm says nothing when an identity is false or an engine fails; an answer takes a second at most to gather. */
const ANSWER_TIMEOUT = 5_000
/** Somebody copies it from one window to another, or answers a mail. Engines go on trying for that long. */
const PATIENCE = 10 * 60_000
/** Invitations that are being answered at a time: somebody carries each of them. */
const MAX_WAITING = 16

interface Topic {
  readonly listener: SignalingListener
  /** Who we are to those whom we invited. */
  self?: Id
}

/** What became of a signal: the answer to an invitation, nothing for an answer that was taken, or why not. */
type Outcome = Signal | SwarmlinkError | undefined

interface Waiting {
  readonly type: Signal['type']
  readonly settle: (outcome: Outcome) => void
}

/**
 * A way of signalling without a line of its own. It never tells its listeners that it is open: there is nobody to announce
 * to, so no announcement is ever due.
 *
 * @example
 * const answer = await signaling.receive(readSignal(text)) // of an invitation: it goes back to whoever made that
 */
export class ManualSignaling implements Signaling {
  readonly name = 'manual'
  readonly source = 'signaling'
  readonly maxOffers = 0
  readonly open = true
  readonly patience = PATIENCE
  readonly #env: Env
  readonly #topics = new Map<Id, Topic>()
  /** Who waits for the swarm's word, by {@link keyOf}. */
  readonly #waiting = new Map<string, Waiting>()
  #closed = false

  constructor(env: Env) {
    this.#env = env
  }

  subscribe(id: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw closed()
    if (this.#topics.has(id)) throw misplaced(`the topic ${id} has a listener already`)
    const topic: Topic = { listener }
    this.#topics.set(id, topic)
    return () => {
      if (this.#topics.get(id) !== topic) return
      this.#topics.delete(id)
      this.#settleAll(new SwarmlinkError('ERR_CLOSED', `${id} was left before this was done`), id)
    }
  }

  announce(): boolean {
    return false
  }

  /** False when nobody waits for it any more: then the connection behind it is of no use. */
  answer({ topic, from, to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#settle(keyOf(topic, to, offerId), { type: 'answer', infoHash: topic, from, offerId, to, sdp })
  }

  refuse({ topic, to, offerId }: OutboundRefusal): boolean {
    const key = keyOf(topic, to, offerId)
    return this.#settle(key, this.#waiting.get(key)?.type === 'answer' ? unknown() : unwanted())
  }

  /** An offer of ours for this topic as an invitation. It can be answered for as long as the swarm keeps the offer. */
  invitation(topic: Id, from: Id, { id, sdp }: OutboundOffer): Signal {
    this.#topic(topic).self = from
    return { type: 'offer', infoHash: topic, from, offerId: id, sdp }
  }

  /**
   * Takes what was carried here. Resolves with the answer to an invitation, and with nothing for an answer that the swarm took.
   * Rejects with `ERR_REFUSED` when the swarm does not want it, `ERR_REQUEST_TIMEOUT` when the swarm says nothing,
   * `ERR_INVALID_ARGUMENT` when it is not for us, `ERR_BAD_SDP`, `ERR_QUEUE_FULL`, `ERR_ABORTED` or `ERR_CLOSED`.
   */
  async receive(signal: Signal, aborted?: AbortSignal): Promise<Signal | undefined> {
    const { type, infoHash, from, offerId } = signal
    const { listener, self } = this.#topic(infoHash)
    if (type === 'answer' && signal.to !== self)
      throw misplaced('this answer is for whoever made the invitation: hand it to them')
    if (from === self) throw misplaced('this invitation is our own: hand it to somebody else, who gives an answer back')
    const sdp = parseSdp(signal.sdp)
    if (aborted?.aborted === true) throw givenUp(aborted)
    const key = keyOf(infoHash, from, offerId)
    if (this.#waiting.has(key)) throw misplaced('this invitation is being answered already')
    if (this.#waiting.size >= MAX_WAITING)
      throw new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_WAITING} invitations are being answered; try again in a moment`)
    // Most refusals a swarm keeps to itself, because elsewhere nobody waits for them.
    if (listener.wants?.(from, sdp.alone) === false) throw unwanted()
    const outcome = this.#wait(key, type, aborted)
    try {
      listener[type]({ from, offerId, sdp })
      // An answer to no offer of ours is refused within this call. What becomes of another one the swarm's own events tell.
      if (type === 'answer') this.#settle(key, undefined)
    } catch (thrown) {
      this.#settle(key, asError(thrown, 'ERR_SIGNALING_LINK', 'the swarm failed'))
    }
    return await outcome
  }

  /** For good: whoever waits is told so, and invitations cannot be answered any more. */
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
    if (topic === undefined) throw misplaced(`nothing here has the info hash ${id}: add its torrent first`)
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
      const abort = () => void this.#settle(key, givenUp(aborted))
      const timer = this.#env.timer(ANSWER_TIMEOUT, () => void this.#settle(key, late()))
      aborted?.addEventListener('abort', abort)
      this.#waiting.set(key, { type, settle })
    })
  }

  /** False when nobody waits for it. */
  #settle(key: string, outcome: Outcome): boolean {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    waiting?.settle(outcome)
    return waiting !== undefined
  }

  /** Of one topic, or of all. */
  #settleAll(outcome: Outcome, topic = ''): void {
    for (const key of [...this.#waiting.keys()]) if (key.startsWith(topic)) this.#settle(key, outcome)
  }
}

/** Ids have one length, so no two signals have the same key. */
function keyOf(topic: Id, from: Id, offerId: Id): string {
  return topic + from + offerId
}

function misplaced(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', message)
}

function unwanted(): SwarmlinkError {
  const why = 'it may be connected or connecting already, was turned away or out of reach a moment ago, or there is no room now'
  return new SwarmlinkError('ERR_REFUSED', `this peer is not taken: ${why}`)
}

function unknown(): SwarmlinkError {
  const why = 'each is good for one answer, and not for long'
  return new SwarmlinkError('ERR_REFUSED', `this answers no invitation that is still open (${why}): make a new one`)
}

function late(): SwarmlinkError {
  const why = 'it may have been changed on its way, `verify` may take too long, or the WebRTC engine failed'
  return new SwarmlinkError(
    'ERR_REQUEST_TIMEOUT',
    `no answer to this invitation was made within ${ANSWER_TIMEOUT / 1_000} s: ${why}`,
  )
}

function givenUp(signal: AbortSignal | undefined): SwarmlinkError {
  return new SwarmlinkError('ERR_ABORTED', 'nobody waits for the answer any more', { cause: signal?.reason })
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'nobody is met by hand any more: this client is closed')
}
