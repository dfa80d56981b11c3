/** What a P2PT room sees of one connection, whoever is at its other end. */
import type { Message } from '../channel/messenger.js'
import type { Emitter } from '../core/emitter.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { MessageId, P2PTFrameError } from './p2pt-wire.js'

/** What peers send each other: JSON, and between two swarmlink peers bytes at any depth. */
export type P2PTMessage = Message

export interface Incoming {
  message: P2PTMessage
  /** What an answer to it refers to. */
  id: MessageId
  /** The message that it may be an answer to: only whoever waits for one can tell. */
  answers: MessageId | undefined
}

export interface LinkEvents {
  /** What arrived, as it arrived; between two of ours the messages that are bytes. */
  data: [string | Uint8Array]
  message: [Incoming]
  /** A message that was taken did not leave. */
  failed: [MessageId, SwarmlinkError]
  /** What arrived could not be used. */
  dropped: [P2PTFrameError]
}

export interface Link extends Emitter<LinkEvents> {
  /** Gives what an answer to the message will carry. Throws a SwarmlinkError when the message cannot be sent. */
  send(message: unknown, answers?: MessageId): MessageId
  /** Forgets what is left to do; the connection is somebody else's. */
  close(): void
}
