/**
 * Messages to a stock peer over its one channel: JSON as text and bytes as they are, one channel message each, as ActionNet pages
 * send them. No parts, no credit, no requests, because a stock peer does not support them.
 */
import { utf8 } from '../../core/bytes.js'
import type { Env } from '../../core/env.js'
import { asError, SwarmlinkError, tooLarge } from '../../core/errors.js'
import { HIGH_WATER, MAX_MESSAGE_SIZE, type EngineChannel } from '../../engine/engine.js'
import { parse } from './json.js'
import { drainBeforeClose } from './farewell.js'
import { copyBytes, encodeJson } from './message-codec.js'
import { isBytes } from './message-copier.js'
import { DEFAULT_LIMITS } from './message-size.js'
import type { Json, Message, Messenger, MessengerHost } from './messenger.js'
import { closed, queueFull } from './refusals.js'

/** Queue limit in bytes; above it `send` throws, for an application that ignores `false`. */
const MAX_QUEUED = 16 * 1024 * 1024
/** Limit in bytes for messages that wait for a listener; there is no backpressure for a stock peer. */
const MAX_KEPT = 1024 * 1024
/** Overhead per kept message, so that many small ones count too. */
const KEPT_OVERHEAD = 64
const NO_BYTES = 'this peer does not run swarmlink and takes bytes only as a message of their own, or as a string'
/** Invalid texts before the connection ends. */
const MAX_FAULTS = 100

export interface PlainMessengerOptions {
  env: Env
  channel: EngineChannel
  /** The `max-message-size` of the remote description. */
  maxMessageSize: number
  /** The largest JSON text that this side accepts. */
  jsonLimit?: number | undefined
  host: MessengerHost
}

export class PlainMessenger implements Messenger {
  readonly roundTripTime = undefined
  readonly heardBye = true // a stock peer never sends one
  readonly maxMessageSize: number
  readonly #jsonLimit: number
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #host: MessengerHost
  readonly #queue: Array<{ payload: string | Uint8Array; size: number }> = []
  /** Kept unparsed, because the objects of a JSON text take up to 50 times its length. */
  readonly #kept: Array<{ payload: string | Uint8Array; cost: number }> = []
  #queuedBytes = 0
  #keptBytes = 0
  #full = false
  #faults = 0
  #state: 'starting' | 'open' | 'closing' | 'closed' = 'starting'

  constructor({ env, channel, maxMessageSize, jsonLimit = DEFAULT_LIMITS.maxJsonSize, host }: PlainMessengerOptions) {
    this.#env = env
    this.#channel = channel
    this.#host = host
    this.maxMessageSize = Math.min(maxMessageSize, MAX_MESSAGE_SIZE)
    this.#jsonLimit = jsonLimit
    channel.on('close', () => this.#end(undefined))
    channel.on('drain', () => this.#flush())
  }

  /** A stock peer does not announce one. */
  get maxJsonSize(): number {
    return this.maxMessageSize
  }

  get bufferedAmount(): number {
    return this.#queuedBytes + this.#channel.bufferedAmount
  }

  start(): boolean {
    if (this.#state !== 'starting') return false
    if (this.#channel.state === 'closed') {
      this.#end(undefined)
      return false
    }
    this.#state = 'open'
    this.#flush()
    this.#channel.on('message', message => this.#receive(message))
    return true
  }

  resume(): void {
    queueMicrotask(() => {
      while (this.#host.wants('data')) {
        const next = this.#kept.shift()
        if (next === undefined) return
        this.#keptBytes -= next.cost
        this.#deliver(next.payload)
      }
    })
  }

  send(message: unknown): boolean {
    if (this.#state === 'closing' || this.#state === 'closed') throw closed()
    const payload = isBytes(message) ? copyBytes(message) : encodeJson(message, NO_BYTES)
    const size = typeof payload === 'string' ? utf8.encode(payload).byteLength : payload.byteLength
    if (size > this.maxMessageSize)
      throw tooLarge(
        `a message of ${size} bytes is above the ${this.maxMessageSize} that this stock peer accepts: send it in parts`,
      )
    if (this.#queuedBytes + size > MAX_QUEUED) throw queueFull(MAX_QUEUED)
    this.#queue.push({ payload, size })
    this.#queuedBytes += size
    this.#flush()
    this.#full ||= this.bufferedAmount > HIGH_WATER
    return !this.#full
  }

  request(): Promise<Message> {
    return Promise.reject(unsupported('requests'))
  }

  /** Does nothing: a stock peer sends no requests. */
  respond(): void {}

  stream(): Promise<void> {
    return Promise.reject(unsupported('streams'))
  }

  ping(): Promise<number> {
    return Promise.reject(unsupported('pings'))
  }

  async close(): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#flush() // messages that were sent before the start
    this.#state = 'closing'
    await drainBeforeClose(this.#env, () => (this.#channel.state === 'closed' ? 0 : this.bufferedAmount))
    this.#end(undefined)
  }

  #flush(): void {
    try {
      while (this.#channel.state === 'open' && this.#channel.bufferedAmount <= HIGH_WATER) {
        const next = this.#queue.shift()
        if (next === undefined) break
        this.#queuedBytes -= next.size
        this.#channel.send(next.payload)
      }
    } catch (error) {
      this.#host.error(asError(error, 'ERR_CLOSED', 'sending a message failed'))
    }
    if (!this.#full || this.bufferedAmount > HIGH_WATER) return
    this.#full = false
    this.#host.drain()
  }

  #receive(payload: string | Uint8Array): void {
    if (this.#kept.length === 0 && this.#host.wants('data')) return this.#deliver(payload)
    const cost = payload.length + KEPT_OVERHEAD
    if (this.#keptBytes + cost > MAX_KEPT)
      return this.#fault(
        new SwarmlinkError('ERR_QUEUE_FULL', "a message was dropped, because this connection has no 'data' listener: add one"),
      )
    this.#keptBytes += cost
    this.#kept.push({ payload, cost })
  }

  #deliver(payload: string | Uint8Array): void {
    let message: Message
    try {
      message = typeof payload === 'string' ? this.#parse(payload) : payload
    } catch (thrown) {
      return this.#fault(asError(thrown, 'ERR_BAD_FRAME', 'the peer sent a text that is not JSON'))
    }
    this.#host.data(message)
  }

  #parse(text: string): Json {
    if (text.length > this.#jsonLimit)
      throw tooLarge(`the peer sent JSON of ${text.length} characters, above \`maxJsonSize\` (${this.#jsonLimit})`)
    return parse(text)
  }

  #fault(error: SwarmlinkError): void {
    if (++this.#faults > MAX_FAULTS) this.#end(error)
    else this.#host.error(error)
  }

  #end(error: SwarmlinkError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.#kept.length = 0
    this.#channel.close()
    this.#host.closed(error)
  }
}

function unsupported(feature: string): SwarmlinkError {
  return new SwarmlinkError('ERR_REFUSED', `this peer does not run swarmlink and does not support ${feature}: use send()`)
}
