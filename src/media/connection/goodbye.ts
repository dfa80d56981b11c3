/** Tells the other end that this one leaves: over the control channel, and over the bus by a message that was signed before. */
import type { DisposeReason } from '../bus/codec.js'
import type { RoomBus } from '../bus/room-bus.js'
import type { Transport } from './transport.js'

export class Goodbye {
  readonly #bus: RoomBus
  /** The id of the other end. */
  readonly #id: string
  /** Sends the end of this session: nothing can be signed while a page is left. */
  #prepared: { transport: Transport; send: () => void } | undefined

  constructor(bus: RoomBus, id: string) {
    this.#bus = bus
    this.#id = id
  }

  /** Signs the message for this connection. */
  async prepare(transport: Transport | undefined): Promise<void> {
    if (transport === undefined) return
    const { session } = transport
    const send = await this.#bus.presign(this.#id, { type: 'dispose', reason: 'left', session })
    if (send !== undefined) this.#prepared = { transport, send }
  }

  say(reason: DisposeReason, transport: Transport | undefined, session: string | undefined): void {
    const isLeaving = reason === 'stopped'
    const message = { type: 'dispose', reason: isLeaving ? 'left' : reason, ...(session !== undefined && { session }) }
    transport?.tell({ id: this.#bus.id, swarmlink: 1, ...message })
    const prepared = this.#prepared
    if (isLeaving && prepared !== undefined && prepared.transport === transport) prepared.send()
    else this.#bus.send(this.#id, message)
  }
}
