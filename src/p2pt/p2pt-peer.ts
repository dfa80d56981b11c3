/** A peer of a P2PT room as the application sees it. */
import { claimed } from '../channel/messages/claimed-type.js'
import type { Sendable } from '../channel/messages/messenger.js'
import type { Remote } from '../peer/remote-peer.js'
import type { P2PTMessage } from './room-messenger.js'
import type { MessageId } from './stock-codec.js'

/** The result of `send` and `respond`: the answer, and its peer, bound to that answer so that `respond` answers it. */
export type P2PTAnswer<Received = P2PTMessage, Sent = Sendable> = [peer: P2PTPeer<Received, Sent>, message: Received]

/** What a {@link P2PTPeer} needs of its session. */
export interface Conversation {
  readonly remote: Remote
  readonly open: boolean
  send(message: unknown, answers?: MessageId): Promise<P2PTAnswer>
  /** Answers the last message that arrived. */
  respond(message: unknown): Promise<P2PTAnswer>
  end(): void
}

/**
 * Another member of the room.
 *
 * The peer of a `msg` event, and the one in the result of `send` or `respond`, is bound to the message that came with it: its `respond`
 * answers that message, whatever arrived since. The peer of `peerconnect` answers the last message. All of these objects stand for the
 * same member: compare their `id`.
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

  /** The id of its session, as trackers see it: 40 hex characters, new per process or page. */
  get announceId(): string {
    return this.#conversation.remote.announceId
  }

  /** {@link announceId}, under its name in the npm package `p2pt`. */
  get id(): string {
    return this.#conversation.remote.announceId
  }

  /** The identity of a swarmlink peer, kept across sessions; the same as `announceId` for a stock peer. */
  get peerId(): string {
    return this.#conversation.remote.peerId
  }

  /** True for a swarmlink peer, false for one with the published `p2pt`. */
  get isSwarmlink(): boolean {
    return this.#conversation.remote.isSwarmlink
  }

  /** A signature proves its `peerId` for the DTLS certificate of this connection. */
  get verified(): boolean {
    return this.#conversation.remote.verified
  }

  /** Whether messages can be sent to it. */
  get connected(): boolean {
    return this.#conversation.open
  }

  /**
   * Sends a message. The promise resolves with the answer, and rejects when there is none. Awaiting it throws then, but neither this promise
   * nor one that `then`, `catch` or `finally` derive from it ever causes an unhandled rejection.
   *
   * Rejects with `ERR_REQUEST_TIMEOUT` without an answer in time, `ERR_CLOSED` when the peer disconnected, and `ERR_MESSAGE_TOO_LARGE`,
   * `ERR_QUEUE_FULL` or `ERR_INVALID_ARGUMENT` when the message was not sent. A peer with the published `p2pt` gets bytes as they are and
   * cannot answer them, so their promise rejects with `ERR_REQUEST_FAILED`.
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

  /** Closes the connection at once; `peerclose` follows. The room avoids the peer for half a minute. */
  destroy(): void {
    this.#conversation.end()
  }
}
