/** The public API for messages to one peer, over any {@link Messenger}. */
import { checkFunction, checkNames, checkNumber, invalid } from '../../core/arguments.js'
import { Emitter } from '../../core/emitter.js'
import { misuse, SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { claimed } from './claimed-type.js'
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
import type { SignalData } from '../standalone/signals.js'
import { StandaloneMessenger } from '../standalone/standalone-messenger.js'

/** The events of a {@link DataConnection}. */
export interface DataConnectionEvents<Received = Message> {
  /** Pass it to {@link DataConnection.signal} of the remote end. Only for connections made with `new`. */
  signal: [SignalData]
  /** Messages can be sent now. */
  connect: []
  /**
   * A message from the peer; bytes arrive as a `Uint8Array`. Without a listener messages wait: 2 MiB of them here, and with another
   * MiB on the peer's side its `send` returns false.
   */
  data: [Received]
  /** The peer sends a stream of bytes. Refused without a listener. */
  stream: [IncomingStream]
  /** Progress of a message above 16 KiB, or of a stream, in either direction. */
  progress: [Progress]
  /** After `send` returned false: the queue has room again. */
  drain: []
  /** The connection has ended, with the error if there is one. */
  close: [SwarmlinkError | undefined]
  /** A message or a signal, of either side, failed. Unless `close` follows, the connection goes on. */
  error: [SwarmlinkError]
}

/** @internal For a connection that exists already. */
export interface DataConnectionDeps {
  localPeerId: string
  remotePeerId: string
  verified: boolean
  messenger: (host: MessengerHost) => Messenger
  /** Called when this side begins to close. */
  leaving?: () => void
  /** Called with the first error of a connection without an `error` listener. */
  unheard?: (error: SwarmlinkError) => void
}

const log = logger('channel')

/**
 * A message channel to one peer: from a swarm, or made with `new` over the application's own signalling.
 *
 * Messages up to 16 KiB arrive in the order in which they were sent. Larger ones are sent in parts, and smaller ones may overtake them.
 *
 * @example
 * connection.on('data', message => console.log(connection.remotePeerId, message))
 * if (!connection.send({ hello: 'world' })) await new Promise(resolve => connection.once('drain', resolve))
 *
 * @example
 * const connection = new DataConnection({ localPeerId: 'alice', remotePeerId: 'bob' }) // bob swaps the two
 * connection.on('signal', data => socket.send(JSON.stringify(data)))
 * socket.onmessage = ({ data }) => connection.signal(JSON.parse(data))
 * connection.on('connect', () => connection.send('hello'))
 *
 * @example
 * // The types of received and sent messages are the application's claim: they are not checked.
 * const manager = new ConnectionManager<{ text: string }>(client)
 * manager.on('connection', connection => connection.on('data', ({ text }) => console.log(text)))
 */
export class DataConnection<Received = Message, Sent = Sendable>
  extends Emitter<DataConnectionEvents<Received>>
  implements AsyncDisposable
{
  /** The id of this side. */
  readonly localPeerId: string
  /** The id of the other side. */
  readonly remotePeerId: string
  /** The remote peer has proven its peer id, for the DTLS certificate of this connection. */
  readonly verified: boolean
  readonly #messenger: Messenger
  readonly #leaving: (() => void) | undefined
  readonly #unheard: ((error: SwarmlinkError) => void) | undefined
  #saidUnheard = false
  #closedHere = false
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(parts: DataConnectionDeps)
  /**
   * A connection over the application's own signalling: pass each `signal` event to {@link DataConnection.signal} of the remote end,
   * in any order. The side with the higher id offers, unless `initiator` is set. It waits for the remote end without a timeout; once
   * both descriptions are known, it connects within 30 s, or ends with `ERR_CONNECT_TIMEOUT`.
   */
  constructor(options: DataConnectionOptions)
  /** @internal */
  constructor(options: DataConnectionOptions, platform: Platform)
  constructor(given: DataConnectionOptions | DataConnectionDeps, platform: Platform = system) {
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
      this.#messenger = new StandaloneMessenger({
        ...readOptions(given, platform),
        host,
        signal: data => this.emit('signal', data),
        connected: () => this.emit('connect'),
      })
    }
    this.localPeerId = given.localPeerId
    this.remotePeerId = given.remotePeerId
  }

  /** @internal Called after the application got the connection, so that a listener added then misses no event. */
  start(): void {
    if (this.#messenger.start()) this.emit('connect')
  }

  /** @internal This side called `close()`; queued messages may still leave. */
  get closedHere(): boolean {
    return this.#closedHere
  }

  /** Bytes that wait to be sent. */
  get bufferedAmount(): number {
    return this.#messenger.bufferedAmount
  }

  /** The largest message that the peer accepts, in bytes; {@link DataConnection.stream} has no limit. */
  get maxMessageSize(): number {
    return this.#messenger.maxMessageSize
  }

  /** The largest JSON text that the peer accepts, in bytes: a whole JSON message, or the JSON part of a message with bytes. */
  get maxJsonSize(): number {
    return this.#messenger.maxJsonSize
  }

  /** The latest measured round-trip time, in milliseconds. */
  get roundTripTime(): number | undefined {
    return this.#messenger.roundTripTime
  }

  protected override listenersChanged(name: keyof DataConnectionEvents, change: 'added' | 'removed'): void {
    if (name === 'data' && change === 'added') this.#messenger.resume()
  }

  /**
   * Takes a value of the remote end's `signal` event: an offer, an answer or a candidate, in any order, from a swarmlink peer or
   * from any page with an `RTCPeerConnection` and one data channel. A malformed signal causes an `error` event and has no other
   * effect; an outdated or repeated signal is ignored.
   */
  signal(data: SignalData): void {
    if (!(this.#messenger instanceof StandaloneMessenger))
      throw misuse('this connection has its own signalling: call signal() only on one made with `new`')
    this.#messenger.signal(data)
  }

  /**
   * Sends a message: any JSON value, an `ArrayBuffer` or a view of one, or JSON that contains them. Returns false if the sender should
   * wait for `drain`; the message is sent anyway. Bytes of more than 16 KiB are not copied: do not change them until they have left. A
   * value that JSON would change or drop (a `Map`, `NaN`, a function) is refused with its path.
   *
   * @throws SwarmlinkError `ERR_MESSAGE_TOO_LARGE`, `ERR_CLOSED`, `ERR_QUEUE_FULL`, `ERR_INVALID_ARGUMENT`
   */
  send(message: Sent): boolean {
    return this.#messenger.send(message)
  }

  /**
   * Sends a request, which the peer's {@link DataConnection.respond} answers. Rejects with `ERR_REQUEST_TIMEOUT`, `ERR_REQUEST_FAILED`
   * if the peer's responder fails, `ERR_ABORTED`, or `ERR_CLOSED` if the connection ends first.
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
   * Sets the function that answers the peer's requests; without one they are refused.
   *
   * @example
   * connection.respond(async ({ ask }: { ask: string }) => (ask === 'version' ? { version: '1.0' } : null))
   */
  respond<Question = Received>(responder: Responder<Question, Sent | Sendable> | undefined): void {
    checkFunction('the responder', responder)
    this.#messenger.respond(claimed(responder))
  }

  /**
   * Sends a stream of bytes of any length, with backpressure: at most a window of it is in memory. Resolves when the peer has read
   * all bytes.
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

  /** Measures the round-trip time, in milliseconds. */
  async ping(): Promise<number> {
    return await this.#messenger.ping()
  }

  /**
   * Closes once all messages that `send` accepted have left, and all messages that the peer sent before it knew of the close have arrived.
   * Waits 1.5 s for a silent peer, and at most 5 s for a peer that keeps sending. Resolves when closed; the torrent's wire to the same peer
   * stays open.
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

  /** Without an `error` listener the first error goes to the log and to the swarm of the connection. */
  #fail(error: SwarmlinkError): void {
    if (this.emit('error', error) || this.#saidUnheard) return
    this.#saidUnheard = true
    const text = `a connection to ${this.remotePeerId} has no 'error' listener, so this is reported here: ${error.message}`
    const unheard = new SwarmlinkError(error.code, text, { cause: error })
    log('%s', unheard.message)
    this.#unheard?.(unheard)
  }
}

function isParts(given: DataConnectionOptions | DataConnectionDeps): given is DataConnectionDeps {
  return typeof given === 'object' && given !== null && 'messenger' in given
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', signal)
}

/** Excludes strings and `Uint8Array`s, whose iterators return characters and numbers. */
function isSource(source: unknown): source is StreamSource {
  if (typeof source !== 'object' || source === null || source instanceof Uint8Array) return false
  return 'getReader' in source || Symbol.asyncIterator in source || Symbol.iterator in source
}
