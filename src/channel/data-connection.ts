/** Messages to one peer: the face that applications see, whatever carries them. */
import { checkFunction, checkNames, checkNumber, invalid } from '../core/arguments.js'
import { Emitter } from '../core/emitter.js'
import { SwarmlinkError } from '../core/errors.js'
export type { Json } from './messenger.js'
import type {
  IncomingStream,
  Message,
  Messenger,
  MessengerHost,
  Progress,
  RequestOptions,
  Responder,
  StreamOptions,
  StreamSource,
} from './messenger.js'

export interface DataConnectionEvents {
  /** Messages can be sent. */
  connect: []
  /**
   * A message: whatever the peer sent, bytes as a `Uint8Array`. As long as nobody listens, messages wait, and after 2 MiB of
   * them the peer's `send` returns false.
   */
  data: [Message]
  /** The peer sends bytes that are read as they arrive. Refused as long as nobody listens. */
  stream: [IncomingStream]
  /** A message of more than 16 KiB or a stream came further, in either direction. */
  progress: [Progress]
  /** After `send` returned false: there is room again. */
  drain: []
  /** Over, with the error if it ended in one. */
  close: [SwarmlinkError | undefined]
  /** Something that was sent, here or there, came to nothing; the connection goes on. */
  error: [SwarmlinkError]
}

export interface DataConnectionParts {
  localPeerId: string
  remotePeerId: string
  verified: boolean
  messenger: (host: MessengerHost) => Messenger
}

/**
 * A message channel to one peer.
 *
 * Messages up to 16 KiB arrive in the order in which they were sent. Larger ones travel in parts and are overtaken by smaller ones.
 *
 * @example
 * connection.on('data', message => console.log(connection.remotePeerId, message))
 * if (!connection.send({ hello: 'world' })) await new Promise(resolve => connection.once('drain', resolve))
 */
export class DataConnection extends Emitter<DataConnectionEvents> implements AsyncDisposable {
  readonly localPeerId: string
  readonly remotePeerId: string
  /** The remote's peer id is proven against the DTLS certificate of this very connection. */
  readonly verified: boolean
  readonly #messenger: Messenger
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(parts: DataConnectionParts) {
    super()
    this.localPeerId = parts.localPeerId
    this.remotePeerId = parts.remotePeerId
    this.verified = parts.verified
    this.#messenger = parts.messenger({
      wants: what => this.listenerCount(what) > 0,
      data: message => this.emit('data', message),
      stream: stream => this.emit('stream', stream),
      progress: progress => this.emit('progress', progress),
      drain: () => this.emit('drain'),
      error: error => this.emit('error', error),
      closed: error => this.emit('close', error),
    })
  }

  /** @internal Called once whoever hands it out has handed it out, so that a listener added there misses nothing. */
  start(): void {
    if (this.#messenger.start()) this.emit('connect')
  }

  /** @internal This side closed it; what it sent may still be on its way. */
  get closedHere(): boolean {
    return this.#closed !== undefined
  }

  /** Bytes that have not left for the network yet. */
  get bufferedAmount(): number {
    return this.#messenger.bufferedAmount
  }

  /** The largest message in bytes that the peer takes; {@link DataConnection.stream} has no limit. */
  get maxMessageSize(): number {
    return this.#messenger.maxMessageSize
  }

  /** How long a word takes to the peer and back, in milliseconds, as it was measured last. */
  get roundTripTime(): number | undefined {
    return this.#messenger.roundTripTime
  }

  override on<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents[Name]) => void,
  ): this {
    super.on(name, listener)
    if (name === 'data') this.#messenger.resume()
    return this
  }

  override once<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents[Name]) => void,
  ): this {
    super.once(name, listener)
    if (name === 'data') this.#messenger.resume()
    return this
  }

  /**
   * Sends a message: JSON for any value that has a JSON form, bytes for a `Uint8Array`. Returns false when the sender
   * should wait for `drain`; the message is on its way all the same. More than 16 KiB of bytes are not copied: leave them
   * as they are until they have left.
   *
   * @throws SwarmlinkError `ERR_MESSAGE_TOO_LARGE`, `ERR_CLOSED`, `ERR_QUEUE_FULL`, `ERR_INVALID_ARGUMENT`
   */
  send(message: Message): boolean {
    return this.#messenger.send(message)
  }

  /**
   * Asks the peer, whose {@link DataConnection.respond} answers. Rejects with `ERR_REQUEST_TIMEOUT`, `ERR_REQUEST_FAILED` when the
   * peer's responder fails, `ERR_ABORTED`, or `ERR_CLOSED` when the connection ends first.
   *
   * @example
   * const { version } = await connection.request({ ask: 'version' }, { timeout: 5_000 })
   */
  async request(message: Message, options: RequestOptions = {}): Promise<Message> {
    checkNames(options, ['timeout', 'signal'])
    if (options.timeout !== undefined) checkNumber('timeout', options.timeout)
    checkSignal(options.signal)
    return await this.#messenger.request(message, options)
  }

  /**
   * Answers the peer's requests from now on; without a responder they are refused.
   *
   * @example
   * connection.respond(async message => (message === 'version' ? { version: '1.0' } : null))
   */
  respond(responder: Responder | undefined): void {
    checkFunction('the responder', responder)
    this.#messenger.respond(responder)
  }

  /**
   * Sends bytes as their source gives them, any number of them, without ever holding more than a window. Resolves when the peer
   * has read them all.
   *
   * @example
   * await connection.stream(createReadStream('film.mp4'), { meta: { name: 'film.mp4' } })
   */
  async stream(source: StreamSource, options: StreamOptions = {}): Promise<void> {
    checkNames(options, ['size', 'meta', 'signal'])
    if (options.size !== undefined) checkNumber('size', options.size, { whole: true })
    checkSignal(options.signal)
    if (!isSource(source)) throw invalid('the source', 'a ReadableStream or an iterable of Uint8Arrays', source)
    await this.#messenger.stream(source, options)
  }

  /** Measures the time to the peer and back, in milliseconds. */
  async ping(): Promise<number> {
    return await this.#messenger.ping()
  }

  /** Lets what was sent leave, then closes. Resolves when closed; the torrent's wire to the same peer stays. */
  close(): Promise<void> {
    this.#closed ??= this.#messenger.close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', signal)
}

/** A string can be iterated over, but not its bytes; a `Uint8Array` gives numbers. */
function isSource(source: unknown): source is StreamSource {
  if (typeof source !== 'object' || source === null || source instanceof Uint8Array) return false
  return 'getReader' in source || Symbol.asyncIterator in source || Symbol.iterator in source
}
