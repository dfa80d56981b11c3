/** Messages to one peer: the face that applications see, whatever carries them. */
import { checkFunction, checkNames, checkNumber, invalid } from '../core/arguments.js'
import { Emitter } from '../core/emitter.js'
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { claimed } from './claimed.js'
import { type DataConnectionOptions, type Platform, readOptions, system } from './data-connection-options.js'
import type {
  IncomingStream,
  Message,
  Messenger,
  MessengerHost,
  Progress,
  RequestOptions,
  Responder,
  Sendable,
  StreamOptions,
  StreamSource,
} from './messenger.js'
import type { SignalData } from './signals.js'
import { Standalone } from './standalone.js'

export interface DataConnectionEvents<Received = Message> {
  /** For the other end's {@link DataConnection.signal}; only from a connection that was made with `new`. */
  signal: [SignalData]
  /** Messages can be sent. */
  connect: []
  /**
   * A message: whatever the peer sent, bytes as a `Uint8Array`. As long as nobody listens, messages wait: 2 MiB of them here, and
   * with another MiB on the peer's side its `send` returns false.
   */
  data: [Received]
  /** The peer sends bytes that are read as they arrive. Refused as long as nobody listens. */
  stream: [IncomingStream]
  /** A message of more than 16 KiB or a stream came further, in either direction. */
  progress: [Progress]
  /** After `send` returned false: there is room again. */
  drain: []
  /** Over, with the error if it ended in one. */
  close: [SwarmlinkError | undefined]
  /** Something that was sent or signalled, here or there, came to nothing; unless `close` follows, the connection goes on. */
  error: [SwarmlinkError]
}

/** @internal A connection that is there already. */
export interface DataConnectionParts {
  localPeerId: string
  remotePeerId: string
  verified: boolean
  messenger: (host: MessengerHost) => Messenger
  /** This side is about to close it. */
  leaving?: () => void
  /** The first error of a connection without an `error` listener. */
  unheard?: (error: SwarmlinkError) => void
}

const log = logger('channel')

/**
 * A message channel to one peer: handed out by a swarm, or made with `new` over any signalling of the application's own.
 *
 * Messages up to 16 KiB arrive in the order in which they were sent. Larger ones travel in parts and are overtaken by smaller ones.
 *
 * @example
 * connection.on('data', message => console.log(connection.remotePeerId, message))
 * if (!connection.send({ hello: 'world' })) await new Promise(resolve => connection.once('drain', resolve))
 *
 * @example
 * const connection = new DataConnection({ localPeerId: 'alice', remotePeerId: 'bob' }) // and the other way round at bob's
 * connection.on('signal', data => socket.send(JSON.stringify(data)))
 * socket.onmessage = ({ data }) => connection.signal(JSON.parse(data))
 * connection.on('connect', () => connection.send('hello'))
 *
 * @example
 * // The types of what arrives and of what is sent are the application's claim: nothing is checked against them.
 * const manager = new ConnectionManager<{ text: string }>(client)
 * manager.on('connection', connection => connection.on('data', ({ text }) => console.log(text)))
 */
export class DataConnection<Received = Message, Sent = Sendable>
  extends Emitter<DataConnectionEvents<Received>>
  implements AsyncDisposable
{
  readonly localPeerId: string
  readonly remotePeerId: string
  /** The remote's peer id is proven against the DTLS certificate of this very connection. */
  readonly verified: boolean
  readonly #messenger: Messenger
  readonly #leaving: (() => void) | undefined
  readonly #unheard: ((error: SwarmlinkError) => void) | undefined
  #saidUnheard = false
  #closedHere = false
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(parts: DataConnectionParts)
  /**
   * A connection over the application's own signalling: what `signal` emits here goes to {@link DataConnection.signal} of the other
   * end, in any order. The side with the higher id offers, unless `initiator` says who does. As long as nothing comes from the
   * other end it waits, without a deadline; from then on it connects within 30 s, or ends with `ERR_CONNECT_TIMEOUT`.
   */
  constructor(options: DataConnectionOptions)
  /** @internal */
  constructor(options: DataConnectionOptions, platform: Platform)
  constructor(given: DataConnectionOptions | DataConnectionParts, platform: Platform = system) {
    super()
    const host: MessengerHost = {
      wants: what => this.listenerCount(what) > 0,
      data: message => this.emit('data', claimed<Received>(message)),
      stream: stream => this.emit('stream', stream),
      progress: progress => this.emit('progress', progress),
      drain: () => this.emit('drain'),
      error: error => this.#fail(error),
      closed: error => {
        if (error !== undefined) this.#fail(error)
        this.emit('close', error)
      },
    }
    if (isParts(given)) {
      this.verified = given.verified
      this.#leaving = given.leaving
      this.#unheard = given.unheard
      this.#messenger = given.messenger(host)
    } else {
      this.verified = false
      this.#messenger = new Standalone({
        ...readOptions(given, platform),
        host,
        signal: data => this.emit('signal', data),
        connected: () => this.emit('connect'),
      })
    }
    this.localPeerId = given.localPeerId
    this.remotePeerId = given.remotePeerId
  }

  /** @internal Called once whoever hands it out has handed it out, so that a listener added there misses nothing. */
  start(): void {
    if (this.#messenger.start()) this.emit('connect')
  }

  /** @internal This side closed it; what it sent may still be on its way. */
  get closedHere(): boolean {
    return this.#closedHere
  }

  /** Bytes that have not left for the network yet. */
  get bufferedAmount(): number {
    return this.#messenger.bufferedAmount
  }

  /** The largest message in bytes that the peer takes; {@link DataConnection.stream} has no limit. */
  get maxMessageSize(): number {
    return this.#messenger.maxMessageSize
  }

  /**
   * The largest JSON text in bytes that the peer takes. It counts a message that is JSON, and of one with bytes inside what stands beside
   * the bytes.
   */
  get maxJsonSize(): number {
    return this.#messenger.maxJsonSize
  }

  /** How long a word takes to the peer and back, in milliseconds, as it was measured last. */
  get roundTripTime(): number | undefined {
    return this.#messenger.roundTripTime
  }

  override on<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    super.on(name, listener)
    if (name === 'data') this.#messenger.resume()
    return this
  }

  override once<Name extends keyof DataConnectionEvents>(
    name: Name,
    listener: (...args: DataConnectionEvents<Received>[Name]) => void,
  ): this {
    super.once(name, listener)
    if (name === 'data') this.#messenger.resume()
    return this
  }

  /**
   * What the other end's `signal` event said, brought here by the application: an offer, an answer or a candidate, in any order,
   * from a peer that runs swarmlink or from any page with an `RTCPeerConnection` and one data channel. What is malformed is told
   * by an `error` event and changes nothing; what comes too late or twice is passed over.
   */
  signal(data: SignalData): void {
    if (!(this.#messenger instanceof Standalone))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'this connection has its signalling; only one made with `new` takes signals',
      )
    this.#messenger.signal(data)
  }

  /**
   * Sends a message: any JSON value, an `ArrayBuffer` or a view of one, or JSON with those inside. Returns false when the sender should
   * wait for `drain`; the message is on its way all the same. A message that is more than 16 KiB of bytes is not copied: leave them as
   * they are until they have left. What would arrive as something else (a `Map`, `NaN`, a function) is refused with its path.
   *
   * @throws SwarmlinkError `ERR_MESSAGE_TOO_LARGE`, `ERR_CLOSED`, `ERR_QUEUE_FULL`, `ERR_INVALID_ARGUMENT`
   */
  send(message: Sent): boolean {
    return this.#messenger.send(message)
  }

  /**
   * Asks the peer, whose {@link DataConnection.respond} answers. Rejects with `ERR_REQUEST_TIMEOUT`, `ERR_REQUEST_FAILED` when the
   * peer's responder fails, `ERR_ABORTED`, or `ERR_CLOSED` when the connection ends first.
   *
   * @example
   * const { version } = await connection.request<{ version: string }>({ ask: 'version' }, { timeout: 5_000 })
   */
  async request<Answer = Received>(message: Sent, options: RequestOptions = {}): Promise<Answer> {
    checkNames(options, ['timeout', 'signal'])
    if (options.timeout !== undefined) checkNumber('timeout', options.timeout)
    checkSignal(options.signal)
    return claimed(await this.#messenger.request(message, options))
  }

  /**
   * Answers the peer's requests from now on; without a responder they are refused.
   *
   * @example
   * connection.respond(async ({ ask }: { ask: string }) => (ask === 'version' ? { version: '1.0' } : null))
   */
  respond<Question = Received>(responder: Responder<Question, Sent | Sendable> | undefined): void {
    checkFunction('the responder', responder)
    this.#messenger.respond(claimed(responder))
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

  /**
   * Closes once every message that `send` accepted has left and every message that the peer sent before it knew of the close has arrived.
   * Waits 1.5 s for a peer that is silent and at most 5 s for one that sends on. Resolves when closed; the torrent's wire to the same peer
   * stays.
   */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closedHere = true // before `close` is emitted, which may be at once
      this.#leaving?.()
      this.#closed = this.#messenger.close()
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Without an `error` listener the first error goes, once, to the log and to the swarm that handed the connection out. */
  #fail(error: SwarmlinkError): void {
    if (this.emit('error', error) || this.#saidUnheard) return
    this.#saidUnheard = true
    const { code, message } = error
    const unheard = new SwarmlinkError(
      code,
      `a connection to ${this.remotePeerId} has no 'error' listener, so this is told here, once: ${message}`,
      { cause: error },
    )
    log('%s', unheard.message)
    this.#unheard?.(unheard)
  }
}

function isParts(given: DataConnectionOptions | DataConnectionParts): given is DataConnectionParts {
  return typeof given === 'object' && given !== null && 'messenger' in given
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', signal)
}

/** A string can be iterated over, but not its bytes; a `Uint8Array` gives numbers. */
function isSource(source: unknown): source is StreamSource {
  if (typeof source !== 'object' || source === null || source instanceof Uint8Array) return false
  return 'getReader' in source || Symbol.asyncIterator in source || Symbol.iterator in source
}
