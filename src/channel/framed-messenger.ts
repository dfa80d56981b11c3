/** Messages between two of ours, over one channel: joins outbox, inbox, requests and pulse to the channel that carries them. */
import { utf8 } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'
import { Exchanges } from './exchanges.js'
import { Inbox, readMessage } from './inbox.js'
import { payloadOf, stringify } from './json.js'
import { linger } from './linger.js'
import { DEFAULT_MAX_MESSAGE_SIZE } from './message-size.js'
import type {
  Message,
  Messenger,
  MessengerHost,
  RequestOptions,
  Responder,
  Sendable,
  StreamOptions,
  StreamSource,
} from './messenger.js'
import { Outbox, type Sent } from './outbox.js'
import { Pulse } from './pulse.js'
import { release } from './release.js'
import { pump } from './stream-pump.js'
import { StreamTransfer } from './transfer.js'
import { decode, MAX_META, type Purpose, type Received, type Verdict } from './wire.js'

const log = logger('channel')

/** Bytes that are given to the engine ahead: what a small message finds before it cannot be overtaken any more. */
const ENGINE_AHEAD = HIGH_WATER / 2
/** What `send` was given faster than the peer takes it; beyond this an application that ignores `false` is told. */
const MAX_QUEUED = 64 * 1024 * 1024
/** Rules that a remote may break before the connection ends. */
const MAX_FAULTS = 100

export interface FramedMessengerOptions {
  env: Env
  channel: EngineChannel
  /** The largest message that we take. */
  maxMessageSize: number
  host: MessengerHost
}

export class FramedMessenger implements Messenger {
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #host: MessengerHost
  readonly #outbox = new Outbox()
  readonly #inbox: Inbox
  readonly #exchanges: Exchanges
  readonly #pulse: Pulse
  readonly #maxMessageSize: number
  #state: 'starting' | 'open' | 'closing' | 'closed' = 'starting'
  #remoteMax = DEFAULT_MAX_MESSAGE_SIZE
  #faults = 0
  /** `send` returned false. */
  #full = false
  #flushing = false
  #closing: Promise<void> | undefined

  constructor({ env, channel, maxMessageSize, host }: FramedMessengerOptions) {
    this.#env = env
    this.#channel = channel
    this.#host = host
    this.#maxMessageSize = maxMessageSize
    this.#exchanges = new Exchanges({
      env,
      send: (purpose, exchange, message) => this.#post(purpose, exchange, message),
      crowded: () => this.#outbox.crowded,
      flooded: () => this.#outbox.flooded,
      cancel: exchange => {
        this.#inbox.forget(exchange)
        this.#say(() => this.#outbox.word('cancel', exchange))
      },
    })
    this.#pulse = new Pulse({
      env,
      ping: token => this.#say(() => this.#outbox.word('ping', token)),
      tick: () => this.#inbox.sweep(),
      dead: error => this.#end(error),
    })
    this.#inbox = new Inbox(maxMessageSize, {
      now: () => env.now(),
      awaits: exchange => this.#exchanges.awaits(exchange),
      wantsMessages: () => this.#state === 'open' && host.wants('data'),
      wantsStreams: () => this.#state === 'open' && host.wants('stream'),
      message: (head, payload) => this.#deliver(head, payload),
      stream: stream => host.stream(stream),
      progress: (id, bytes, total, message) => host.progress({ direction: 'receiving', id, bytes, total, message }),
      credit: (id, taken) => this.#say(() => this.#outbox.credit(id, taken)),
      stop: (id, verdict) => this.#say(() => this.#outbox.stop(id, verdict)),
      fault: error => this.#fault(error),
    })
    channel.on('close', () => this.#end(undefined))
    channel.on('drain', () => this.#flush())
  }

  get bufferedAmount(): number {
    return this.#outbox.bufferedAmount + this.#channel.bufferedAmount
  }

  get roundTripTime(): number | undefined {
    return this.#pulse.roundTripTime
  }

  get maxMessageSize(): number {
    return this.#remoteMax
  }

  start(): boolean {
    if (this.#state !== 'starting') return false
    if (this.#channel.state === 'closed') {
      this.#end(undefined)
      return false
    }
    this.#state = 'open'
    this.#outbox.hello(this.#maxMessageSize)
    this.#pulse.start()
    // Who takes what everybody takes says so with the first packet that leaves: many connections never need one.
    if (this.#outbox.bufferedAmount > 0) this.#pulse.used()
    if (this.#outbox.bufferedAmount > 0 || this.#maxMessageSize !== DEFAULT_MAX_MESSAGE_SIZE) this.#flush()
    this.#channel.on('message', packet => this.#receive(packet))
    return true
  }

  resume(): void {
    queueMicrotask(() => {
      if (this.#state === 'open') this.#inbox.resume()
    })
  }

  send(message: Sendable): boolean {
    this.#post('plain', 0, message)
    this.#full ||= this.bufferedAmount > HIGH_WATER
    return !this.#full
  }

  request(message: Sendable, options: RequestOptions): Promise<Message> {
    return this.#exchanges.request(message, options)
  }

  respond(responder: Responder | undefined): void {
    this.#exchanges.responder = responder
  }

  async stream(source: StreamSource, { size, meta, signal }: StreamOptions): Promise<void> {
    this.#checkOpen()
    if (meta !== undefined && utf8.encode(stringify(meta)).byteLength > MAX_META)
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `what is said about a stream has at most ${MAX_META} bytes as JSON`)
    const transfer = this.#outbox.stream(size, meta)
    try {
      await pump(transfer, source, { signal, moved: () => this.#flushSoon() })
    } catch (error) {
      this.#say(() => this.#outbox.abort(transfer))
      throw error
    }
  }

  async ping(): Promise<number> {
    this.#checkOpen()
    return await this.#pulse.ping()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closing'
    this.#outbox.closeStreams(new SwarmlinkError('ERR_CLOSED', 'the connection was closed before the peer had read everything'))
    this.#flush() // what was sent before the start
    await linger(this.#env, () => (this.#channel.state === 'closed' ? 0 : this.bufferedAmount))
    this.#end(undefined)
  }

  #checkOpen(): void {
    if (this.#state === 'closing' || this.#state === 'closed') throw new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
  }

  /** Gives what takes the message back. */
  #post(purpose: Purpose, exchange: number, message: Sendable): () => void {
    this.#checkOpen()
    const payload = payloadOf(message)
    const binary = typeof payload !== 'string'
    if (this.#outbox.bufferedAmount > MAX_QUEUED)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `more than ${MAX_QUEUED} bytes wait for this peer; wait for 'drain' when send() returns false`,
      )
    // A text's bytes are at least its units and at most three times as many; only a doubtful one is counted.
    const size = binary ? payload.byteLength : payload.length * 3 > this.#remoteMax ? utf8.encode(payload).byteLength : 0
    if (size > this.#remoteMax)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `a message of ${size} bytes is above the ${this.#remoteMax} that this peer takes; stream() sends any length`,
      )
    const large = this.#outbox.push({ binary, purpose, exchange }, payload, message)
    if (this.#state === 'open') this.#pulse.used()
    this.#flushSoon()
    return () => {
      if (large !== undefined) this.#say(() => this.#outbox.abort(large))
    }
  }

  #say(word: () => void): void {
    word()
    this.#flushSoon()
  }

  /** Once at the end of this turn of the event loop's queue, so that small messages travel together. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#state === 'starting' || this.#state === 'closed') return
    try {
      while (this.#channel.state === 'open' && this.#channel.bufferedAmount <= ENGINE_AHEAD) {
        const packet = this.#outbox.next()
        if (packet === undefined) break
        this.#channel.send(packet)
      }
    } catch (error) {
      const failed = asError(error, 'ERR_ENGINE', 'a message could not be sent')
      return this.#end(failed.code === 'ERR_CLOSED' ? undefined : failed) // what has a gap is of no use
    }
    if (this.#full && this.bufferedAmount <= HIGH_WATER) {
      this.#full = false
      this.#host.drain()
    }
    for (const { id, sent: bytes, total, message } of this.#outbox.moved())
      this.#host.progress({ direction: 'sending', id, bytes, total, message })
  }

  #receive(packet: string | Uint8Array): void {
    if (this.#state === 'closed') return
    this.#pulse.heard()
    try {
      if (typeof packet === 'string') throw new SwarmlinkError('ERR_BAD_FRAME', 'the peer sent a text where packets travel')
      for (const received of decode(packet)) {
        this.#take(received)
        if (this.#channel.state === 'closed') return
      }
    } catch (error) {
      this.#end(asError(error, 'ERR_BAD_FRAME', 'the peer sent what cannot be read'))
    }
    if (typeof packet !== 'string') release(packet) // whoever keeps something of it has a copy
  }

  #take(received: Received): void {
    const { frame } = received
    switch (frame.type) {
      case 'hello':
        return this.#greeted(frame.maxMessageSize)
      case 'credit':
        if (!this.#outbox.credited(frame.id, frame.taken)) this.#fault(bad('the peer took what was never sent'))
        return this.#flush()
      case 'stop':
        return this.#stopped(frame.id, frame.verdict)
      case 'ping':
        return this.#say(() => this.#outbox.pong(frame.value))
      case 'pong':
        return this.#pulse.pong(frame.value)
      case 'cancel':
        return this.#exchanges.cancelled(frame.value)
      default:
        return this.#inbox.receive(received)
    }
  }

  #greeted(maxMessageSize: number): void {
    this.#remoteMax = maxMessageSize
    for (const transfer of this.#outbox.limit(maxMessageSize)) this.#refused(transfer, 'too-large')
    this.#flush()
  }

  #deliver({ binary, purpose, exchange }: { binary: boolean; purpose: Purpose; exchange: number }, payload: Uint8Array): void {
    let message: Message
    try {
      message = readMessage({ binary }, payload)
    } catch (thrown) {
      return this.#fault(asError(thrown, 'ERR_BAD_FRAME', 'the peer sent a text that is not JSON'))
    }
    if (purpose === 'plain') this.#host.data(message)
    else if (purpose === 'request') void this.#exchanges.asked(exchange, message)
    else if (purpose === 'reply') this.#exchanges.replied(exchange, message)
    else this.#exchanges.failed(exchange, message)
  }

  #stopped(id: number, verdict: Verdict): void {
    const transfer = this.#outbox.stopped(id)
    if (!this.#outbox.knew(id)) return this.#fault(bad('the peer refused what was never sent'))
    if (verdict === 'done' && transfer instanceof StreamTransfer && transfer.complete) transfer.done()
    else if (transfer !== undefined) this.#refused(transfer, verdict) // or it was given up here meanwhile
    this.#flush()
  }

  #refused(transfer: StreamTransfer | Sent, verdict: Verdict): void {
    const error =
      verdict === 'too-large'
        ? new SwarmlinkError('ERR_MESSAGE_TOO_LARGE', `the peer takes no message of ${transfer.total ?? 'so many'} bytes`)
        : new SwarmlinkError('ERR_REFUSED', REASONS[verdict] ?? 'the peer refused a message')
    if (transfer instanceof StreamTransfer) transfer.fail(error)
    else if (transfer.head.purpose === 'request') this.#exchanges.failed(transfer.head.exchange, error)
    else if (transfer.head.purpose === 'plain') this.#host.error(error) // nobody waits for this reply any more
  }

  /** One frame was of no use; a remote that goes on like that is not worth its connection. */
  #fault(error: SwarmlinkError): void {
    log('fault: %s', error.message)
    if (++this.#faults > MAX_FAULTS) this.#end(error)
    else this.#host.error(error)
  }

  #end(error: SwarmlinkError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const reason = error ?? new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
    this.#pulse.stop(reason)
    this.#inbox.close(reason)
    this.#outbox.close(reason)
    this.#exchanges.close(reason)
    this.#channel.close()
    this.#host.closed(error)
  }
}

const REASONS: Partial<Record<Verdict, string>> = {
  busy: 'the peer has too many unfinished messages',
  unwanted: "nobody listens for 'stream' at the peer",
  idle: 'the peer waited too long for the rest',
  cancelled: 'the peer does not want the rest',
}

function bad(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', message)
}
