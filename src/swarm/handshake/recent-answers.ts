/** The answers of one topic whose connections are not open yet, for offers that arrive again. Pure bookkeeping. */
import type { Id } from '../../core/id.js'
import type { Sdp } from '../../core/sdp.js'
import type { TopicPeer } from '../../peer/topic-peer.js'

/** How long an answer may be on its way before the same one is sent to the same offer again, in milliseconds. */
const REPEAT_GAP = 1_000

interface Answer {
  readonly peer: TopicPeer
  readonly offer: string
  readonly sdp: string
  sentAt: number
}

export class RecentAnswers {
  /** By the ids of the offers. An offer that arrived again has several. */
  readonly #answers = new Map<Id, Answer>()

  add(offerId: Id, peer: TopicPeer, offer: Sdp, sdp: string, now: number): void {
    if (peer.state !== 'connecting') return
    const answer = { peer, offer: offer.text, sdp, sentAt: now }
    this.#answers.set(offerId, answer)
    const done = () => {
      for (const [id, kept] of this.#answers) if (kept === answer) this.#answers.delete(id)
    }
    peer.on('connect', done)
    peer.on('close', done)
  }

  /** The peer whose connection answers this offer of this remote. */
  peer(offerId: Id, from: Id): TopicPeer | undefined {
    const peer = this.#answers.get(offerId)?.peer
    return peer?.remote.announceId === from ? peer : undefined
  }

  /**
   * The answer to an offer whose description this remote sent before: its first answer may be lost, or the remote left and joined again. No
   * text when that answer may still be on its way. Undefined when the description is new.
   */
  again(offerId: Id, from: Id, offer: Sdp, now: number): { sdp: string | undefined } | undefined {
    const answer = [...this.#answers.values()].find(
      ({ peer, offer: text }) => peer.remote.announceId === from && text === offer.text,
    )
    if (answer === undefined) return undefined
    if (now - answer.sentAt < REPEAT_GAP) return { sdp: undefined }
    answer.sentAt = now
    this.#answers.set(offerId, answer)
    return answer
  }
}
