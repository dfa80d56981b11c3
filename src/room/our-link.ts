/** Messages of a room to a peer that runs swarmlink too: in envelopes over its `DataConnection`. */
import type { DataConnection } from '../channel/data-connection.js'
import { Emitter } from '../core/emitter.js'
import { SwarmlinkError } from '../core/errors.js'
import { isCount, open, seal } from './p2pt-envelope.js'
import type { Link, LinkEvents, P2PTMessage } from './p2pt-link.js'
import { P2PTFrameError, type MessageId } from './p2pt-wire.js'

export class OurLink extends Emitter<LinkEvents> implements Link {
  readonly #connection: DataConnection
  #sent = 0

  constructor(connection: DataConnection) {
    super()
    this.#connection = connection
    connection.on('data', data => this.#receive(data))
  }

  send(message: P2PTMessage, answers?: MessageId): MessageId {
    if (answers !== undefined && !isCount(answers))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'the id of a message between two that run swarmlink is a whole number from 1 on',
      )
    this.#connection.send(seal({ id: this.#sent + 1, re: answers, message }))
    return ++this.#sent
  }

  close(): void {}

  #receive(data: P2PTMessage): void {
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
