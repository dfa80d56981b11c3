/** The connection to one neighbour: sends messages of the mesh and of the application, and knows when the neighbour reads too slowly. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import type { Message } from '../channel/messages/messenger.js'
import { misuse, SwarmlinkError, tooLarge } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { TopicPeer } from '../peer/topic-peer.js'

/** A neighbour that did not take what was sent for this time, in ms, or that this much waits for, in bytes, gets announcements only. */
const PATIENCE = 2_000
const MAX_WAITING = 4 * 1024 * 1024

export interface EdgeHost {
  now(): number
  /** Bytes of the mesh, from this neighbour. */
  received(edge: MeshEdge, bytes: Uint8Array): void
  /** A message of the application on the other end. */
  direct(edge: MeshEdge, data: Message): void
  /** The neighbour takes messages again. */
  drained(edge: MeshEdge): void
  closed(edge: MeshEdge): void
}

export class MeshEdge {
  readonly id: Id
  readonly peerId: Id
  readonly #connection: DataConnection
  readonly #peer: TopicPeer
  readonly #host: EdgeHost
  /** Since when the neighbour does not take what is sent. */
  #busySince: number | undefined
  /** What the core was told last. */
  lagging = false
  #isPaused = false
  #isInUse = false

  /** The connection can send. */
  constructor(connection: DataConnection, peer: TopicPeer, host: EdgeHost) {
    this.id = peer.remote.announceId
    this.peerId = peer.remote.peerId
    this.#connection = connection
    this.#peer = peer
    this.#host = host
    connection.on('drain', () => {
      this.#busySince = undefined
      host.drained(this)
    })
    connection.on('close', () => host.closed(this))
    connection.on('data', this.#listen)
  }

  readonly #listen = (message: Message): void => {
    if (message instanceof Uint8Array) return this.#host.received(this, message)
    if (typeof message === 'object' && message !== null && 'data' in message && message.data !== undefined)
      this.#host.direct(this, message.data)
  }

  /** Its hello arrived: posts go over it. One that is published before is sent to no new neighbour, and is the past for it. */
  get isInUse(): boolean {
    return this.#isInUse
  }

  /** The hello arrived. False when it was here before. */
  use(): boolean {
    const isNew = !this.#isInUse
    this.#isInUse = true
    return isNew
  }

  /** While paused nothing is read, so that soon the neighbour cannot send. */
  set paused(paused: boolean) {
    if (paused === this.#isPaused) return
    this.#isPaused = paused
    if (paused) this.#connection.off('data', this.#listen)
    else this.#connection.on('data', this.#listen)
  }

  /** The neighbour has not taken all that was sent. */
  get isBusy(): boolean {
    return this.#busySince !== undefined
  }

  /** It has not for so long that others should not wait for it. */
  get isLate(): boolean {
    if (this.#busySince === undefined) return false
    return this.#host.now() - this.#busySince > PATIENCE || this.#connection.bufferedAmount > MAX_WAITING
  }

  /** Bytes of the mesh. False when the connection has ended. */
  send(bytes: Uint8Array): boolean {
    try {
      if (!this.#connection.send(bytes)) this.#busySince ??= this.#host.now()
      return true
    } catch (error) {
      // 64 MiB wait. A neighbour that misses a message cannot make sense of the next ones.
      if (error instanceof SwarmlinkError && error.code === 'ERR_QUEUE_FULL') this.destroy()
      return false // `close` follows, or came
    }
  }

  /** A message of the application; throws for one that cannot be sent. False when the sender should wait for `drained`. */
  sendDirect(data: unknown): boolean {
    if (data === undefined) throw misuse('message is undefined: send null') // it would be missing in JSON
    try {
      const isTaken = this.#connection.send({ data: data as Message }) // `send` checks it
      if (!isTaken) this.#busySince ??= this.#host.now()
      return isTaken
    } catch (error) {
      if (!(error instanceof SwarmlinkError) || error.code !== 'ERR_MESSAGE_TOO_LARGE') throw error
      // The text of the connection advises a stream, which a mesh does not have.
      throw tooLarge('the message is larger than the member takes: send parts of it, or the magnet link of a torrent', {
        cause: error,
      })
    }
  }

  /** Closes it once everything has left. */
  async close(): Promise<void> {
    await this.#connection.close()
    this.#peer.destroy()
  }

  /** Closes it at once. */
  destroy(): void {
    this.#peer.destroy()
  }
}
