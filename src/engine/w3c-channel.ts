/** One `RTCDataChannel` of any engine as an {@link EngineChannel}. Carries messages; knows nothing of what they mean. */
import { utf8 } from '../core/bytes.js'
import { Emitter } from '../core/emitter.js'
import type { Env, Timer } from '../core/env.js'
import { asCause, asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { read } from '../core/uncaught.js'
import { LOW_WATER, MAX_MESSAGE_SIZE, type ChannelState, type EngineChannel, type EngineChannelEvents } from './engine.js'
import { listen, quietly, unpromised, type RtcChannel } from './rtc.js'

const log = logger('engine')

/** Messages that wait for a listener: two full windows of a sender. A remote that sends more is not waiting for us. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024
const MAX_KEPT_MESSAGES = 4096
/** One engine drops without a word what would queue beyond 16 MiB; a sender that ignores `bufferedAmount` learns it earlier. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024

type Message = string | Uint8Array

/** What the connection gives to each of its channels. */
export interface ChannelHost {
  readonly env: Env
  readonly drainPoll: number | undefined
  /** How to close it, where a plain `close()` will not do. */
  readonly closeRtc: ((rtc: RtcChannel) => void) | undefined
  /** Settles when the engine can send on a channel whose `readyState` says so too early. Never rejects. */
  readonly confirmed?: Promise<unknown> | undefined
  /** A call failed that should not have: the connection may be dead without having said so. */
  suspect(): void
  opened(): void
  closed(channel: W3cChannel): void
}

export class W3cChannel extends Emitter<EngineChannelEvents> implements EngineChannel {
  readonly label: string
  readonly #host: ChannelHost
  readonly #rtc: RtcChannel
  readonly #unlisten: Array<() => void>
  #state: ChannelState = 'connecting'
  #confirmed: boolean
  /** Messages that no listener has taken yet, oldest first. */
  #kept: Message[] = []
  #keptBytes = 0
  /** Set while a Blob is being read: what comes behind it has to wait for it. */
  #reading: Promise<void> | undefined
  /** Set while somebody is owed a `drain`; its timer looks after engines that do not tell. */
  #owed: { timer: Timer | undefined } | undefined
  #lowWater = LOW_WATER

  constructor(rtc: RtcChannel, host: ChannelHost) {
    super()
    this.#rtc = rtc
    this.#host = host
    this.label = rtc.label
    this.#confirmed = host.confirmed === undefined
    if (this.#confirmed && rtc.readyState === 'open') this.#state = 'open'
    rtc.binaryType = 'arraybuffer'
    rtc.bufferedAmountLowThreshold = this.#lowWater
    this.#unlisten = [
      listen(rtc, 'open', () => this.#open()),
      listen(rtc, 'message', event => this.#receive((event as MessageEvent<unknown>).data)), // by the W3C's text
      listen(rtc, 'bufferedamountlow', () => this.#drain()),
      listen(rtc, 'closing', () => this.#remoteClosed()),
      listen(rtc, 'close', () => this.#remoteClosed()),
      listen(rtc, 'error', event => log('channel %s: %o', this.label, event)),
    ]
    void host.confirmed?.then(() => this.#confirm())
  }

  get state(): ChannelState {
    return this.#state
  }

  get bufferedAmount(): number {
    return this.#state === 'closed' ? 0 : this.#buffered
  }

  /** As the engine says; nothing while it cannot. */
  get #buffered(): number {
    const amount: unknown = read(() => this.#rtc.bufferedAmount)
    return typeof amount === 'number' && amount > 0 ? amount : 0
  }

  get lowWater(): number {
    return this.#lowWater
  }

  set lowWater(bytes: number) {
    this.#lowWater = bytes
    if (this.#state === 'closed') return
    try {
      this.#rtc.bufferedAmountLowThreshold = bytes
    } catch (error) {
      log('channel %s: %o', this.label, error)
      this.#host.suspect() // an engine refuses it only when the channel is gone
      return
    }
    if (this.bufferedAmount > bytes) {
      if (this.#owed === undefined && this.#state === 'open') this.#owe()
    } else if (this.#owed !== undefined) queueMicrotask(() => this.#drain()) // the engine tells nothing of a mark that was raised
  }

  override on<Name extends keyof EngineChannelEvents>(name: Name, listener: (...args: EngineChannelEvents[Name]) => void): this {
    if (name === 'message' && this.#kept.length > 0) queueMicrotask(() => this.#deliver())
    return super.on(name, listener)
  }

  override once<Name extends keyof EngineChannelEvents>(
    name: Name,
    listener: (...args: EngineChannelEvents[Name]) => void,
  ): this {
    if (name === 'message' && this.#kept.length > 0) queueMicrotask(() => this.#deliver())
    return super.once(name, listener)
  }

  send(message: Message): void {
    if (this.#state !== 'open') throw new SwarmlinkError('ERR_CLOSED', `the channel ${this.label} is ${this.#state}`)
    const queued = queuedWith(message, this.#buffered)
    try {
      if (typeof message === 'string') unpromised(this.#rtc.send(message))
      else unpromised(this.#rtc.send(message as Uint8Array<ArrayBuffer>)) // engines that take no shared memory say so themselves
    } catch (cause) {
      // libdatachannel refuses with these words some moments before its channel says so itself: the remote has closed it.
      const gone = this.#rtc.readyState !== 'open' || (cause instanceof Error && cause.message.endsWith('DataChannel is closed'))
      this.#host.suspect()
      if (gone || this.#state !== 'open')
        throw new SwarmlinkError('ERR_CLOSED', `the channel ${this.label} is closed`, { cause: asCause(cause) })
      throw asError(cause, 'ERR_ENGINE', 'the WebRTC engine refused to send')
    }
    if (queued > this.#lowWater && this.#owed === undefined && this.#buffered > this.#lowWater) this.#owe()
  }

  /** Closes, once, whoever began it. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#owed?.timer?.cancel()
    this.#owed = undefined
    this.#kept = []
    for (const unlisten of this.#unlisten) unlisten()
    const { closeRtc = rtc => rtc.close() } = this.#host
    quietly(`closing channel ${this.label}`, () => closeRtc(this.#rtc))
    this.emit('close')
    this.removeAllListeners()
    this.#host.closed(this)
  }

  #remoteClosed(): void {
    this.#deliver() // what came before, if somebody has just come to listen
    this.close()
  }

  /** Every engine refuses to send while its `readyState` is another one. */
  #open(): void {
    if (this.#state !== 'connecting' || !this.#confirmed || this.#rtc.readyState !== 'open') return
    this.#state = 'open'
    this.#host.opened()
    this.emit('open')
    this.#deliver()
  }

  #confirm(): void {
    this.#confirmed = true
    this.#open()
  }

  #receive(data: unknown): void {
    if (this.#state === 'closed') return
    this.#confirm() // the engine hands out no message of a channel that it cannot send on
    const message = toMessage(data)
    if (this.#reading === undefined && !(message instanceof Promise)) return this.#keep(message)
    const reading = (this.#reading ?? Promise.resolve())
      .then(() => message)
      .then(
        text => this.#keep(text),
        error => {
          log('channel %s: unreadable message: %o', this.label, error)
          this.close() // a reliable channel has no gaps
        },
      )
      .then(() => {
        if (this.#reading === reading) this.#reading = undefined
      })
    this.#reading = reading
  }

  #keep(message: Message): void {
    if (this.#state === 'closed') return
    this.#kept.push(message)
    this.#keptBytes += sizeOf(message)
    this.#deliver()
    if (this.#keptBytes <= MAX_KEPT_BYTES && this.#kept.length <= MAX_KEPT_MESSAGES) return
    log('channel %s: closed, %d bytes came and nobody listens', this.label, this.#keptBytes)
    this.close()
  }

  /** Chromium gives messages of a channel that was created on a living connection before it fires `open` (seen in version 156). */
  #deliver(): void {
    while (this.#state === 'open' && this.#kept.length > 0 && this.listenerCount('message') > 0) {
      const message = this.#kept.shift() as Message // the length was looked at
      this.#keptBytes -= sizeOf(message)
      this.emit('message', message)
    }
  }

  #owe(): void {
    const { env, drainPoll } = this.#host
    this.#owed = { timer: drainPoll === undefined ? undefined : env.timer(drainPoll, () => this.#poll()) }
  }

  #poll(): void {
    this.#drain()
    if (this.#owed !== undefined) this.#owe()
  }

  #drain(): void {
    if (this.#owed === undefined || this.#buffered > this.#lowWater) return
    this.#owed.timer?.cancel()
    this.#owed = undefined
    this.emit('drain')
  }
}

/** What waits with this message behind so many bytes; throws what `send` throws for one that is too large, or too much. */
export function queuedWith(message: Message, buffered: number): number {
  const size = sizeOf(message)
  if (size > MAX_MESSAGE_SIZE)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of ${size} bytes is above the ${MAX_MESSAGE_SIZE} that every engine takes`,
    )
  const queued = buffered + size
  if (queued > MAX_QUEUED_BYTES)
    throw new SwarmlinkError('ERR_QUEUE_FULL', `${queued} bytes wait on a channel; send again after 'drain'`)
  return queued
}

/** In bytes; a string that is short enough in any case is not encoded for it. */
function sizeOf(message: Message): number {
  if (typeof message !== 'string') return message.byteLength
  return message.length * 3 <= MAX_MESSAGE_SIZE ? message.length : utf8.encode(message).length
}

/** Engines hand out strings, ArrayBuffers, Buffers and Blobs. */
function toMessage(data: unknown): Message | Promise<Uint8Array> {
  if (typeof data === 'string') return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (typeof Blob !== 'undefined' && data instanceof Blob) return data.arrayBuffer().then(buffer => new Uint8Array(buffer))
  return new Uint8Array(data as ArrayBuffer) // the only kind that is left
}
