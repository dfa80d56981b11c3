/** Messages between two of ours, over one channel: joins outbox, inbox, requests and pulse to the channel that carries them. */
import { utf8 } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'
import { Exchanges } from './exchanges.js'
import { Farewell } from './farewell.js'
import { Inbox } from './inbox.js'
import { linger } from './linger.js'
import { decode as decodeMessage, encode, encodeJson, jsonSizeOf } from './message-codec.js'
import { checkSize, DEFAULT_LIMITS, type MessageLimits } from './message-size.js'
import type { Message, Messenger, MessengerHost, RequestOptions, Responder, StreamOptions, StreamSource } from './messenger.js'
import { Outbox, type Sent } from './outbox.js'
import { Pulse } from './pulse.js'
import { bad, closed, refused, spoiled } from './refusals.js'
import { release } from './release.js'
import { pump } from './stream-pump.js'
import { StreamTransfer } from './transfer.js'
import { decode, MAX_META, type Head, type Purpose, type Received, type Verdict } from './wire.js'

const log = logger('channel')

/** Bytes that are given to the engine ahead: what a small message finds before it cannot be overtaken any more. */
const ENGINE_AHEAD = HIGH_WATER / 2
/** What `send` was given faster than the peer takes it; beyond this an application that ignores `false` is told. */
const MAX_QUEUED = 64 * 1024 * 1024
/** How long an engine may take from refusing to send on a closed channel to its `close` event. Some never tell. */
const CLOSE_LAG = 2_000
/** Rules that a remote may break before the connection ends. */
const MAX_FAULTS = 100

/** The limits are those of this side. */
export interface FramedMessengerOptions extends Partial<MessageLimits> {
  env: Env
  channel: EngineChannel
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
  readonly #limits: MessageLimits
  #state: 'starting' | 'open' | 'closing' | 'closed' = 'starting'
  #remoteLimits: MessageLimits = DEFAULT_LIMITS
  #faults = 0
  /** `send` returned false. */
  #full = false
  #flushing = false
  /** Runs when the engine refused to send because the channel is closed, until it tells of the close. */
  #dying: Timer | undefined
  readonly #farewell: Farewell
  #closing: Promise<void> | undefined

  constructor({ env, channel, host, ...limits }: FramedMessengerOptions) {
    this.#env = env
    this.#channel = channel
    this.#host = host
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
    this.#exchanges = new Exchanges({
      env,
      send: (purpose, exchange, message) => this.#post(purpose, exchange, message),
      crowded: () => this.#outbox.crowded,
      flooded: () => this.#outbox.flooded,
      cancel: exchange => {
        this.#inbox.forget(exchange)
        this.#say(() => this.#outbox.word('cancel', exchange))
      },
      fault: error => this.#fault(error),
    })
    this.#pulse = new Pulse({
      env,
      ping: token => this.#say(() => this.#outbox.word('ping', token)),
      tick: () => this.#inbox.sweep(),
      dead: error => this.#end(error),
    })
    this.#inbox = new Inbox(this.#limits, {
      now: () => env.now(),
      awaits: exchange => this.#exchanges.awaits(exchange),
      // After close() messages without a listener are dropped instead of kept: kept ones would hold up the remote's `bye`.
      wantsMessages: () => this.#isUp && (this.#farewell.ours || host.wants('data')),
      wantsStreams: () => this.#isUp && host.wants('stream'),
      message: (head, payload) => this.#deliver(head, payload),
      stream: stream => host.stream(stream),
      progress: (id, bytes, total, message) => host.progress({ direction: 'receiving', id, bytes, total, message }),
      credit: (id, taken) => this.#say(() => this.#outbox.credit(id, taken)),
      stop: (id, verdict) => this.#say(() => this.#outbox.stop(id, verdict)),
      fault: error => this.#fault(error),
      lost: (exchange, error) => this.#exchanges.failed(exchange, error),
      givenUp: () => (this.#state === 'open' ? new SwarmlinkError('ERR_ABORTED', 'the peer gave this stream up') : closed()),
    })
    this.#farewell = new Farewell(env, {
      waiting: () => this.bufferedAmount + (this.#outbox.busy ? 1 : 0),
      unread: () => this.#outbox.unread + this.#inbox.unread,
      awaited: () => this.#exchanges.awaited,
      answering: () => this.#exchanges.answering,
      acknowledge: () => {
        this.#outbox.bye(1)
        this.#flush() // at once, so that the channel need not wait for another look
      },
      closed: () => channel.state === 'closed',
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
    return this.#remoteLimits.maxMessageSize
  }

  get maxJsonSize(): number {
    return this.#remoteLimits.maxJsonSize
  }

  get heardBye(): boolean {
    return this.#farewell.theirs
  }

  start(): boolean {
    if (this.#state !== 'starting') return false
    if (this.#channel.state === 'closed') {
      this.#end(undefined)
      return false
    }
    this.#state = 'open'
    this.#outbox.hello(this.#limits)
    this.#pulse.start()
    // Who takes what everybody takes says so with the first packet that leaves: many connections never need one.
    if (this.#outbox.bufferedAmount > 0) this.#pulse.used()
    if (this.#outbox.bufferedAmount > 0 || !isUsual(this.#limits)) this.#flush()
    this.#channel.on('message', packet => this.#receive(packet))
    return true
  }

  resume(): void {
    queueMicrotask(() => {
      if (this.#isUp) this.#inbox.resume()
    })
  }

  send(message: unknown): boolean {
    this.#post('plain', 0, message)
    this.#full ||= this.bufferedAmount > HIGH_WATER
    return !this.#full
  }

  request(message: unknown, options: RequestOptions): Promise<Message> {
    return this.#exchanges.request(message, options)
  }

  respond(responder: Responder | undefined): void {
    this.#exchanges.responder = responder
  }

  async stream(source: StreamSource, { size, meta, signal }: StreamOptions): Promise<void> {
    this.#checkOpen()
    const text = meta === undefined ? '' : encodeJson(meta, 'a stream carries bytes itself', 'meta')
    if (utf8.encode(text).byteLength > MAX_META)
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
    this.#farewell.leave()
    this.#closing ??= this.#close()
    this.resume()
    return this.#closing
  }

  /** Begins when the application closes this end, or when the remote says `bye`. See farewell.ts. */
  async #close(): Promise<void> {
    if (this.#state === 'closed') return
    const began = this.#state === 'open'
    this.#state = 'closing'
    this.#pulse.stop(closed())
    this.#outbox.closeStreams(new SwarmlinkError('ERR_CLOSED', 'the connection was closed before the peer had read everything'))
    if (began) this.#outbox.bye(0)
    this.#flush() // what was sent before the start, too
    if (began) await this.#farewell.over()
    else await linger(this.#env, () => (this.#channel.state === 'closed' ? 0 : this.bufferedAmount))
    this.#end(undefined)
  }

  get #isUp(): boolean {
    return this.#state === 'open' || this.#state === 'closing'
  }

  #checkOpen(): void {
    if (this.#state === 'closing' || this.#state === 'closed') throw closed()
  }

  /** Gives what takes the message back. */
  #post(purpose: Purpose, exchange: number, message: unknown): () => void {
    if (purpose === 'plain' || purpose === 'request' || !this.#isUp) this.#checkOpen()
    const { form, data: payload } = encode(message)
    if (this.#outbox.bufferedAmount > MAX_QUEUED)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `more than ${MAX_QUEUED} bytes wait for this peer; wait for 'drain' when send() returns false`,
      )
    checkSize(payload, typeof payload === 'string' ? 0 : jsonSizeOf(form, payload), this.#remoteLimits)
    const large = this.#outbox.push({ form, purpose, exchange }, payload, message)
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
    if (this.#state === 'starting' || this.#state === 'closed' || this.#dying !== undefined) return
    try {
      while (this.#channel.state === 'open' && this.#channel.bufferedAmount <= ENGINE_AHEAD) {
        const packet = this.#outbox.next()
        if (packet === undefined) break
        this.#channel.send(packet)
      }
    } catch (error) {
      const failed = asError(error, 'ERR_ENGINE', 'a message could not be sent')
      if (failed.code !== 'ERR_CLOSED') return this.#end(failed) // what has a gap is of no use
      // The remote closed the channel, and libdatachannel knows before the messages in front of that were handed to us. Its `close`
      // comes behind them.
      this.#dying = this.#env.timer(CLOSE_LAG, () => this.#end(undefined))
      return
    }
    if (this.#full && this.bufferedAmount <= HIGH_WATER) {
      this.#full = false
      this.#host.drain()
    }
    for (const { id, sent: bytes, total, message } of this.#outbox.moved())
      this.#host.progress({ direction: 'sending', id, bytes, total, message })
    for (const message of this.#outbox.spoiled()) this.#say(() => this.#undone(message, spoiled()))
  }

  #receive(packet: string | Uint8Array): void {
    if (this.#state === 'closed') return
    this.#pulse.heard()
    this.#farewell.moved()
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
        return this.#greeted(frame)
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
      case 'bye':
        this.#farewell.left(frame.value) // first, so that one `bye` says both
        return void (this.#closing ??= this.#close())
      default:
        return this.#inbox.receive(received)
    }
  }

  #greeted({ maxMessageSize, maxJsonSize }: MessageLimits): void {
    this.#remoteLimits = { maxMessageSize, maxJsonSize }
    for (const transfer of this.#outbox.limit(this.#remoteLimits)) this.#undone(transfer, refused('too-large', transfer.total))
    this.#flush()
  }

  #deliver({ form, purpose, exchange }: Head, payload: Uint8Array): void {
    if (purpose === 'request') return this.#exchanges.asked(exchange, { payload, read: bytes => decodeMessage(form, bytes) })
    let message: Message
    try {
      message = decodeMessage(form, payload)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_BAD_FRAME', 'the peer sent what cannot be read')
      if (purpose !== 'plain') this.#exchanges.failed(exchange, error) // our request shall not wait for its timeout
      return this.#fault(error)
    }
    if (purpose === 'plain') this.#host.data(message)
    else if (purpose === 'reply') this.#exchanges.replied(exchange, message)
    else this.#exchanges.failed(exchange, message)
  }

  #stopped(id: number, verdict: Verdict): void {
    const transfer = this.#outbox.stopped(id)
    if (!this.#outbox.knew(id)) return this.#fault(bad('the peer refused what was never sent'))
    if (verdict === 'done' && transfer instanceof StreamTransfer && transfer.complete) transfer.done()
    else if (transfer !== undefined) this.#undone(transfer, refused(verdict, transfer.total), true) // or it was given up here meanwhile
    this.#flush()
  }

  /** A message or stream came to nothing. `known`: the remote refused it, and so does not wait for this reply. */
  #undone(transfer: StreamTransfer | Sent, error: SwarmlinkError, known = false): void {
    if (transfer instanceof StreamTransfer) return transfer.fail(error)
    const { purpose, exchange } = transfer.head
    if (purpose === 'plain') this.#host.error(error)
    else if (purpose === 'request') this.#exchanges.failed(exchange, error)
    else if (!known) this.#exchanges.unanswered(exchange, error)
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
    const reason = error ?? closed()
    this.#dying?.cancel()
    this.#pulse.stop(reason)
    this.#inbox.close(reason)
    this.#outbox.close(reason)
    this.#exchanges.close(reason)
    this.#channel.close()
    this.#farewell.moved()
    this.#host.closed(error)
  }
}

/** Limits that a remote takes for granted. */
function isUsual({ maxMessageSize, maxJsonSize }: MessageLimits): boolean {
  return maxMessageSize === DEFAULT_LIMITS.maxMessageSize && maxJsonSize === DEFAULT_LIMITS.maxJsonSize
}
