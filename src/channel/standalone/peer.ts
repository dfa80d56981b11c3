/** The class `Peer` of the ActionNet API: a thin wrapper of a `DataConnection`. */
import type { DataConnectionOptions } from '../messages/data-connection-options.js'
import { DataConnection, type DataConnectionEvents } from '../messages/data-connection.js'
import type { Message, Sendable } from '../messages/messenger.js'
import type { SignalData } from './signals.js'

/** The options of a {@link Peer}. */
export interface PeerOptions extends DataConnectionOptions {
  /** Whether this side makes the offer. @default false */
  initiator?: boolean
}

/**
 * A peer and the connection to it. Its events are those of the connection.
 *
 * @example
 * const peer = new Peer({ initiator: true, trickle: false, localPeerId: 'alice', remotePeerId: 'bob' })
 * peer.on('signal', data => socket.send(JSON.stringify(data)))
 * socket.onmessage = ({ data }) => peer.signal(JSON.parse(data))
 * peer.on('connect', () => peer.send({ hello: 'bob' }))
 */
export class Peer<Received = Message, Sent = Sendable> implements AsyncDisposable {
  /** The connection behind this peer. */
  readonly connection: DataConnection<Received, Sent>

  /** Waits for the offer of the remote peer, unless `initiator` is true. */
  constructor(options: PeerOptions)
  /** @internal */
  constructor(connection: DataConnection<Received, Sent>)
  constructor(given: PeerOptions | DataConnection<Received, Sent>) {
    this.connection = given instanceof DataConnection ? given : new DataConnection<Received, Sent>(waiting(given))
  }

  /** The `localPeerId` of the connection. */
  get localPeerId(): string {
    return this.connection.localPeerId
  }

  /** The `remotePeerId` of the connection. */
  get remotePeerId(): string {
    return this.connection.remotePeerId
  }

  /** Adds a listener to the connection. */
  on<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    this.connection.on(name, listener)
    return this
  }

  /** Adds a listener to the connection that is called once. */
  once<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    this.connection.once(name, listener)
    return this
  }

  /** Removes a listener from the connection. */
  off<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    this.connection.off(name, listener)
    return this
  }

  /** See {@link DataConnection.signal}. */
  signal(data: SignalData): void {
    this.connection.signal(data)
  }

  /** See {@link DataConnection.send}. */
  send(message: Sent): boolean {
    return this.connection.send(message)
  }

  /** Sends all queued messages, then closes the connection. */
  destroy(): Promise<void> {
    return this.connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }
}

/** An undefined `initiator` means false. Missing options are refused by the DataConnection. */
function waiting(options: PeerOptions): DataConnectionOptions {
  const { initiator = false, ...others } = { ...options }
  return { ...others, initiator }
}
