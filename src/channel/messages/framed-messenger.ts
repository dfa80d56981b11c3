/** Messages between two swarmlink peers over one channel: connects sender, inbox, requests and keepalive to the channel. */
import type { Env } from '../../core/env.js'
import { asError, SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import type { EngineChannel } from '../../engine/engine.js'
import { RequestTable } from './request-table.js'
import { drainBeforeClose, Farewell } from './farewell.js'
import { Inbox } from './inbox.js'
import { decode as decodeMessage } from './message-codec.js'
import { DEFAULT_LIMITS, type MessageLimits } from './message-size.js'
import type { Message, Messenger, MessengerHost, RequestOptions, Responder, StreamOptions, StreamSource } from './messenger.js'
import { KeepAlive } from './keep-alive.js'
import { MessageSender } from './message-sender.js'
import { closed } from './refusals.js'
import { release } from './release-packet.js'
import { decode, type Head, type Purpose, type Received } from './frame-codec.js'

const log = logger('channel')

/** Protocol violations of the remote peer before the connection ends. */
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
  readonly #sender: MessageSender
  readonly #inbox: Inbox
  readonly #requests: RequestTable
  readonly #keepAlive: KeepAlive
  readonly #limits: MessageLimits
  #state: 'starting' | 'open' | 'closing' | 'closed' = 'starting'
  #faults = 0
  readonly #farewell: Farewell
  #closing: Promise<void> | undefined

  constructor({ env, channel, host, ...limits }: FramedMessengerOptions) {
    this.#env = env
    this.#channel = channel
    this.#host = host
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
    this.#sender = new MessageSender({
      env,
      channel,
      host,
      isUp: () => this.#isUp,
      failed: (head, error, known) => this.#failed(head, error, known),
      fault: error => this.#fault(error),
      ended: error => this.#end(error),
    })
    const { outbox } = this.#sender
    this.#requests = new RequestTable({
      env,
      send: (purpose, exchange, message) => this.#post(purpose, exchange, message),
      crowded: () => outbox.crowded,
      flooded: () => outbox.flooded,
      cancel: exchange => {
        this.#inbox.forget(exchange)
        this.#sender.say(control => control.word('cancel', exchange))
      },
      fault: error => this.#fault(error),
    })
    this.#keepAlive = new KeepAlive({
      env,
      ping: token => this.#sender.say(control => control.word('ping', token)),
      tick: () => this.#inbox.sweep(),
      dead: error => this.#end(error),
    })
    this.#inbox = new Inbox(this.#limits, {
      now: () => env.now(),
      awaits: exchange => this.#requests.awaits(exchange),
      // After close() messages without a listener are dropped, because kept ones would delay the remote `bye`.
      wantsMessages: () => this.#isUp && (this.#farewell.closedLocally || host.wants('data')),
      wantsStreams: () => this.#isUp && host.wants('stream'),
      message: (head, payload) => this.#deliver(head, payload),
      stream: stream => host.stream(stream),
      progress: (id, bytes, total, message) => host.progress({ direction: 'receiving', id, bytes, total, message }),
      credit: (id, taken) => this.#sender.say(control => control.credit(id, taken)),
      stop: (id, verdict) => this.#sender.say(control => control.stop(id, verdict)),
      fault: error => this.#fault(error),
      lost: (exchange, error) => this.#requests.failed(exchange, error),
      givenUp: () => (this.#state === 'open' ? new SwarmlinkError('ERR_ABORTED', 'the peer aborted this stream') : closed()),
    })
    this.#farewell = new Farewell(env, {
      waiting: () => this.bufferedAmount + (outbox.busy ? 1 : 0),
      unread: () => outbox.unread + this.#inbox.unread,
      awaited: () => this.#requests.awaited,
      answering: () => this.#requests.answering,
      acknowledge: () => {
        outbox.control.bye(1)
        this.#sender.flush() // at once, so that the close is not delayed
      },
      closed: () => channel.state === 'closed',
    })
    channel.on('close', () => this.#end(undefined))
    channel.on('drain', () => this.#sender.flush())
  }

  get bufferedAmount(): number {
    return this.#sender.bufferedAmount
  }

  get roundTripTime(): number | undefined {
    return this.#keepAlive.roundTripTime
  }

  get maxMessageSize(): number {
    return this.#sender.remoteLimits.maxMessageSize
  }

  get maxJsonSize(): number {
    return this.#sender.remoteLimits.maxJsonSize
  }

  get heardBye(): boolean {
    return this.#farewell.byeReceived
  }

  start(): boolean {
    if (this.#state !== 'starting') return false
    if (this.#channel.state === 'closed') {
      this.#end(undefined)
      return false
    }
    this.#state = 'open'
    const { outbox } = this.#sender
    outbox.control.hello(this.#limits)
    this.#keepAlive.start()
    // Default limits are sent with the first packet only, because many connections never send one.
    if (outbox.bufferedAmount > 0) this.#keepAlive.used()
    if (outbox.bufferedAmount > 0 || !isUsual(this.#limits)) this.#sender.flush()
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
    return this.#sender.hasRoom()
  }

  request(message: unknown, options: RequestOptions): Promise<Message> {
    return this.#requests.request(message, options)
  }

  respond(responder: Responder | undefined): void {
    this.#requests.responder = responder
  }

  async stream(source: StreamSource, options: StreamOptions): Promise<void> {
    this.#checkOpen()
    await this.#sender.stream(source, options)
  }

  async ping(): Promise<number> {
    this.#checkOpen()
    return await this.#keepAlive.ping()
  }

  close(): Promise<void> {
    this.#farewell.leave()
    this.#closing ??= this.#close()
    this.resume()
    return this.#closing
  }

  /** Runs when the application closes this end, or when the remote peer sends `bye`. See farewell.ts. */
  async #close(): Promise<void> {
    if (this.#state === 'closed') return
    const began = this.#state === 'open'
    this.#state = 'closing'
    this.#keepAlive.stop(closed())
    const unread = new SwarmlinkError('ERR_CLOSED', 'the connection was closed before the peer had read everything')
    this.#sender.outbox.closeStreams(unread)
    if (began) this.#sender.outbox.control.bye(0)
    this.#sender.flush() // also messages that were sent before the start
    if (began) await this.#farewell.over()
    else await drainBeforeClose(this.#env, () => (this.#channel.state === 'closed' ? 0 : this.bufferedAmount))
    this.#end(undefined)
  }

  get #isUp(): boolean {
    return this.#state === 'open' || this.#state === 'closing'
  }

  #checkOpen(): void {
    if (this.#state === 'closing' || this.#state === 'closed') throw closed()
  }

  #post(purpose: Purpose, exchange: number, message: unknown): () => void {
    if (purpose === 'plain' || purpose === 'request' || !this.#isUp) this.#checkOpen()
    const takeBack = this.#sender.post(purpose, exchange, message)
    if (this.#state === 'open') this.#keepAlive.used()
    return takeBack
  }

  #receive(packet: string | Uint8Array): void {
    if (this.#state === 'closed') return
    this.#keepAlive.heard()
    this.#farewell.moved()
    try {
      if (typeof packet === 'string') throw new SwarmlinkError('ERR_BAD_FRAME', 'the peer sent a text on a binary channel')
      for (const received of decode(packet)) {
        this.#take(received)
        if (this.#channel.state === 'closed') return
      }
    } catch (error) {
      this.#end(asError(error, 'ERR_BAD_FRAME', 'the peer sent a malformed packet'))
    }
    if (typeof packet !== 'string') release(packet) // all parts that are kept were copied
  }

  #take(received: Received): void {
    const { frame } = received
    switch (frame.type) {
      case 'hello':
        return this.#sender.greeted(frame)
      case 'credit':
        return this.#sender.credited(frame.id, frame.taken)
      case 'stop':
        return this.#sender.stopped(frame.id, frame.verdict)
      case 'ping':
        return this.#sender.say(control => control.pong(frame.value))
      case 'pong':
        return this.#keepAlive.pong(frame.value)
      case 'cancel':
        return this.#requests.cancelled(frame.value)
      case 'bye':
        this.#farewell.left(frame.value) // first, so that one `bye` closes and acknowledges
        return void (this.#closing ??= this.#close())
      default:
        return this.#inbox.receive(received)
    }
  }

  #deliver({ form, purpose, exchange }: Head, payload: Uint8Array): void {
    if (purpose === 'request') return this.#requests.asked(exchange, { payload, read: bytes => decodeMessage(form, bytes) })
    let message: Message
    try {
      message = decodeMessage(form, payload)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_BAD_FRAME', 'the peer sent a malformed message')
      if (purpose !== 'plain') this.#requests.failed(exchange, error) // so that the request need not wait for its timeout
      return this.#fault(error)
    }
    if (purpose === 'plain') this.#host.data(message)
    else if (purpose === 'reply') this.#requests.replied(exchange, message)
    else this.#requests.failed(exchange, message)
  }

  /** A message was not sent, or not taken. `known`: the remote peer refused it, and so does not wait for this reply. */
  #failed({ purpose, exchange }: Head, error: SwarmlinkError, known: boolean): void {
    if (purpose === 'plain') this.#host.error(error)
    else if (purpose === 'request') this.#requests.failed(exchange, error)
    else if (!known) this.#requests.unanswered(exchange, error)
  }

  /** Reports a malformed frame; ends the connection after too many. */
  #fault(error: SwarmlinkError): void {
    log('fault: %s', error.message)
    if (++this.#faults > MAX_FAULTS) this.#end(error)
    else this.#host.error(error)
  }

  #end(error: SwarmlinkError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const reason = error ?? closed()
    this.#keepAlive.stop(reason)
    this.#inbox.close(reason)
    this.#sender.close(reason)
    this.#requests.close(reason)
    this.#channel.close()
    this.#farewell.moved()
    this.#host.closed(error)
  }
}

/** Whether these are the limits that a remote peer assumes by default. */
function isUsual({ maxMessageSize, maxJsonSize }: MessageLimits): boolean {
  return maxMessageSize === DEFAULT_LIMITS.maxMessageSize && maxJsonSize === DEFAULT_LIMITS.maxJsonSize
}
