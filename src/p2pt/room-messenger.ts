/** The interface of a P2PT room to one connection, to a swarmlink or a stock peer. */
import type { Message } from '../channel/messages/messenger.js'
import type { Emitter } from '../core/emitter.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { MessageId, P2PTFrameError } from './stock-codec.js'

/** A message: JSON, and between two swarmlink peers also with bytes at any depth. */
export type P2PTMessage = Message

export interface Incoming {
  message: P2PTMessage
  /** The id that an answer to this message has to carry. */
  id: MessageId
  /** The id of our message that this one may answer: stock peers reuse ids, so only a waiting promise tells. */
  answers: MessageId | undefined
}

export interface RoomMessengerEvents {
  /** Raw data as it arrived; between two swarmlink peers only messages that are bytes. */
  data: [string | Uint8Array]
  message: [Incoming]
  /** A message that `send` accepted could not be sent. */
  failed: [MessageId, SwarmlinkError]
  /** A received frame or message was malformed. */
  dropped: [P2PTFrameError]
}

export interface RoomMessenger extends Emitter<RoomMessengerEvents> {
  /** Returns the id that an answer will carry. Throws a SwarmlinkError when the message cannot be sent. */
  send(message: unknown, answers?: MessageId): MessageId
  /** Drops queued and partial messages; does not close the connection. */
  close(): void
}
