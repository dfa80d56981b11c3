/** One remote end as the ActionNet library names it: a thin face of its `DataConnection`. */
import type { DataConnectionOptions } from './data-connection-options.js'
import { DataConnection, type DataConnectionEvents } from './data-connection.js'
import type { Message, Sendable } from './messenger.js'
import type { SignalData } from './signals.js'

export interface PeerOptions extends DataConnectionOptions {
  /** Whether this side makes the offer. @default false */
  initiator?: boolean
}

/**
 * One remote end and the connection to it. Its events are the connection's.
 *
 * @example
 * const peer = new Peer({ initiator: true, trickle: false, localPeerId: 'alice', remotePeerId: 'bob' })
 * peer.on('signal', data => socket.send(JSON.stringify(data)))
 * socket.onmessage = ({ data }) => peer.signal(JSON.parse(data))
 * peer.on('connect', () => peer.send({ hello: 'bob' }))
 */
export class Peer<Received = Message, Sent = Sendable> implements AsyncDisposable {
  readonly connection: DataConnection<Received, Sent>

  /** Waits for the other side's offer, unless `initiator` is true. */
  constructor(options: PeerOptions)
  /** @internal */
  constructor(connection: DataConnection<Received, Sent>)
  constructor(given: PeerOptions | DataConnection<Received, Sent>) {
    this.connection = given instanceof DataConnection ? given : new DataConnection<Received, Sent>(waiting(given))
  }

  get localPeerId(): string {
    return this.connection.localPeerId
  }

  get remotePeerId(): string {
    return this.connection.remotePeerId
  }

  on<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    this.connection.on(name, listener)
    return this
  }

  once<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    this.connection.once(name, listener)
    return this
  }

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

  /** Lets what was sent leave, then closes the connection. */
  destroy(): Promise<void> {
    return this.connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }
}

/** What is undefined was not given. No options at all stay an error in words, which the connection has. */
function waiting(options: PeerOptions): DataConnectionOptions {
  const { initiator = false, ...others } = { ...options }
  return { ...others, initiator }
}
