/** Messages of a room to a peer that runs swarmlink too: in envelopes over its `DataConnection`. */
import type { DataConnection } from '../channel/data-connection.js'
import type { Message } from '../channel/messenger.js'
import { Emitter } from '../core/emitter.js'
import { SwarmlinkError } from '../core/errors.js'
import { isCount, open, seal } from './p2pt-envelope.js'
import type { Link, LinkEvents } from './p2pt-link.js'
import { P2PTFrameError, type MessageId } from './p2pt-wire.js'

export class OurLink extends Emitter<LinkEvents> implements Link {
  readonly #connection: DataConnection
  #sent = 0

  constructor(connection: DataConnection) {
    super()
    this.#connection = connection
    connection.on('data', data => this.#receive(data))
  }

  send(message: unknown, answers?: MessageId): MessageId {
    if (answers !== undefined && !isCount(answers))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'the id of a message between two that run swarmlink is a whole number from 1 on',
      )
    const sealed = seal({ id: this.#sent + 1, re: answers, message })
    const { maxMessageSize } = this.#connection
    if (sealed.byteLength > maxMessageSize)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `a message of ${sealed.byteLength} bytes is above the ${maxMessageSize} that this peer takes: send it in parts, or raise the peer's maxMessageSize`,
      )
    this.#connection.send(sealed)
    return ++this.#sent
  }

  close(): void {}

  #receive(data: Message): void {
    try {
      const { id, re, message } = open(data)
      if (message instanceof Uint8Array) this.emit('data', message)
      this.emit('message', { message, id, answers: re })
    } catch (error) {
      if (!(error instanceof P2PTFrameError)) throw error // ours to mend
      this.emit('dropped', error)
    }
  }
}
