/** A peer of a P2PT room as the application sees it. */
import { claimed } from '../channel/claimed.js'
import type { Sendable } from '../channel/messenger.js'
import type { Id } from '../core/id.js'
import type { P2PTMessage } from './p2pt-link.js'
import type { MessageId } from './p2pt-wire.js'

/** What a promise for an answer gives: whom to answer in turn, and the answer. */
export type P2PTAnswer<Received = P2PTMessage, Sent = Sendable> = [peer: P2PTPeer<Received, Sent>, message: Received]

/** The talk that a peer is one end of. */
export interface Conversation {
  readonly id: Id
  readonly peerId: Id
  readonly ours: boolean
  readonly verified: boolean
  readonly open: boolean
  send(message: unknown, answers?: MessageId): Promise<P2PTAnswer>
  /** Answers whatever came last. */
  respond(message: unknown): Promise<P2PTAnswer>
  end(): void
}

/**
 * One other member of the room.
 *
 * The peer that a `msg` listener is given, and the one that a promise for an answer gives, is bound to the message that came with it:
 * its `respond` answers that message, however much later, and whatever else the peer says meanwhile. The one that `peerconnect` gave
 * answers what came last. All of them are the same member: compare their `id`.
 *
 * @example
 * p2pt.on('msg', async (peer, question) => {
 *   const [, thanks] = await peer.respond(await lookUp(question))
 * })
 */
export class P2PTPeer<Received = P2PTMessage, Sent = Sendable> {
  readonly #conversation: Conversation
  readonly #message: MessageId | undefined

  /** @internal */
  constructor(conversation: Conversation, message?: MessageId) {
    this.#conversation = conversation
    this.#message = message
  }

  /** The id of its session, which trackers call it by: 40 hex characters, new for every process or page. */
  get announceId(): string {
    return this.#conversation.id
  }

  /** {@link announceId}, as the published package calls it. */
  get id(): string {
    return this.#conversation.id
  }

  /** Its identity, kept across sessions, if it runs swarmlink; the same as `announceId` otherwise. */
  get peerId(): string {
    return this.#conversation.peerId
  }

  /** It runs swarmlink, not the published `p2pt`. */
  get ours(): boolean {
    return this.#conversation.ours
  }

  /** Its `peerId` is proven against the DTLS certificate of this very connection. */
  get verified(): boolean {
    return this.#conversation.verified
  }

  get connected(): boolean {
    return this.#conversation.open
  }

  /**
   * Sends a message. The promise is for the answer. When no answer comes it rejects; `await` throws that, but neither this promise nor any
   * that `then`, `catch` or `finally` derive from it is ever an unhandled rejection.
   *
   * Rejects with `ERR_REQUEST_TIMEOUT` when no answer came in time, `ERR_CLOSED` when the peer went, `ERR_MESSAGE_TOO_LARGE`,
   * `ERR_QUEUE_FULL` or `ERR_INVALID_ARGUMENT` when the message did not leave. Bytes to a peer that runs the published `p2pt` leave as they
   * are; it cannot answer them, so their promise rejects with `ERR_REQUEST_FAILED`.
   */
  send(message: Sent): Promise<P2PTAnswer<Received, Sent>> {
    return claimed(this.#conversation.send(message))
  }

  /** Answers a message; otherwise the same as {@link send}. */
  respond(message: Sent): Promise<P2PTAnswer<Received, Sent>> {
    return claimed(
      this.#message === undefined ? this.#conversation.respond(message) : this.#conversation.send(message, this.#message),
    )
  }

  /** Ends the connection, at once: `peerclose` follows. It is not looked for again for half a minute. */
  destroy(): void {
    this.#conversation.end()
  }
}
