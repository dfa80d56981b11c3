/** Messages of a room to a swarmlink peer: in envelopes over its `DataConnection`. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import { checkJsonSize } from '../channel/messages/message-size.js'
import type { Message } from '../channel/messages/messenger.js'
import { Emitter } from '../core/emitter.js'
import { SwarmlinkError } from '../core/errors.js'
import { isCount, jsonSizeIn, open, seal } from './envelope.js'
import type { RoomMessenger, RoomMessengerEvents } from './room-messenger.js'
import { P2PTFrameError, type MessageId } from './stock-codec.js'

export class SwarmlinkMessenger extends Emitter<RoomMessengerEvents> implements RoomMessenger {
  readonly #connection: DataConnection
  readonly #jsonLimit: number
  #sent = 0

  /** `jsonLimit`: the largest JSON text that this side takes, in bytes. */
  constructor(connection: DataConnection, jsonLimit: number) {
    super()
    this.#connection = connection
    this.#jsonLimit = jsonLimit
    connection.on('data', data => this.#receive(data))
  }

  send(message: unknown, answers?: MessageId): MessageId {
    if (answers !== undefined && !isCount(answers))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'the message id is wrong: between swarmlink peers it is a whole number from 1 on',
      )
    const { maxMessageSize, maxJsonSize } = this.#connection
    const sealed = seal({ id: this.#sent + 1, re: answers, message })
    if (sealed.byteLength > maxMessageSize)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `a message of ${sealed.byteLength} bytes is above the ${maxMessageSize} that this peer takes: send it in parts, or raise the peer's maxMessageSize`,
      )
    checkJsonSize(jsonSizeIn(sealed), maxJsonSize)
    this.#connection.send(sealed)
    return ++this.#sent
  }

  close(): void {}

  #receive(data: Message): void {
    try {
      const { id, re, message } = open(data, this.#jsonLimit)
      if (message instanceof Uint8Array) this.emit('data', message)
      this.emit('message', { message, id, answers: re })
    } catch (error) {
      if (!(error instanceof P2PTFrameError)) throw error // a bug of swarmlink
      this.emit('dropped', error)
    }
  }
}
