/** Wraps an `RTCDataChannel` of any engine as an {@link EngineChannel}. Knows nothing of what the messages mean. */
import { utf8 } from '../core/bytes.js'
import { Emitter } from '../core/emitter.js'
import type { Env, Timer } from '../core/env.js'
import { asCause, asError, SwarmlinkError, tooLarge } from '../core/errors.js'
import { logger } from '../core/log.js'
import { readSafely } from '../core/uncaught.js'
import { LOW_WATER, MAX_MESSAGE_SIZE, type ChannelState, type EngineChannel, type EngineChannelEvents } from './engine.js'
import { listen, quietly, unpromised, type RtcChannel } from './rtc.js'

const log = logger('engine')

/** Limit for messages that wait for a listener: two full windows of a sender. A remote peer that sends more ignores the window. */
const MAX_KEPT_BYTES = 2 * 1024 * 1024
const MAX_KEPT_MESSAGES = 4096
/** @roamhq/wrtc silently drops messages above 16 MiB of queue; a sender that ignores `bufferedAmount` gets an error before. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024

type Message = string | Uint8Array

/** What a channel needs from its connection. */
export interface ChannelHost {
  readonly env: Env
  readonly drainPoll: number | undefined
  readonly closeRtc: ((rtc: RtcChannel) => void) | undefined
  /** Settles when the engine can send, for engines whose `readyState` is `open` too early. Never rejects. */
  readonly confirmed?: Promise<unknown> | undefined
  /** A call failed unexpectedly: the connection may have closed without an event. */
  suspect(): void
  opened(): void
  closed(channel: W3cChannel): void
  /** The engine's channel has closed, which takes longer when this side closes it. For engines that tell it. */
  readonly gone?: (() => void) | undefined
}

export class W3cChannel extends Emitter<EngineChannelEvents> implements EngineChannel {
  readonly label: string
  readonly #host: ChannelHost
  readonly #rtc: RtcChannel
  readonly #unlisten: Array<() => void>
  #state: ChannelState = 'connecting'
  #confirmed: boolean
  /** The engine said that the channel is open. */
  #wasOpen: boolean
  /** Messages that wait for a listener, oldest first. */
  #kept: Message[] = []
  #keptBytes = 0
  /** Set while a Blob is read: later messages wait for it. */
  #reading: Promise<void> | undefined
  /** Set while a `drain` event is due; the timer polls engines that may not fire `bufferedamountlow`. */
  #pendingDrain: { timer: Timer | undefined } | undefined
  #lowWater = LOW_WATER

  constructor(rtc: RtcChannel, host: ChannelHost) {
    super()
    this.#rtc = rtc
    this.#host = host
    this.label = rtc.label
    this.#confirmed = host.confirmed === undefined
    this.#wasOpen = rtc.readyState === 'open'
    if (this.#confirmed && this.#wasOpen) this.#state = 'open'
    rtc.binaryType = 'arraybuffer'
    rtc.bufferedAmountLowThreshold = this.#lowWater
    this.#unlisten = [
      listen(rtc, 'open', () => this.#open()),
      listen(rtc, 'message', event => this.#receive((event as MessageEvent<unknown>).data)), // as the W3C specifies
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

  /** The engine's value, or 0 if it has none. */
  get #buffered(): number {
    const amount: unknown = readSafely(() => this.#rtc.bufferedAmount)
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
      this.#host.suspect() // an engine throws here only if the channel was destroyed
      return
    }
    if (this.bufferedAmount > bytes) {
      if (this.#pendingDrain === undefined && this.#state === 'open') this.#awaitDrain()
    } else if (this.#pendingDrain !== undefined) queueMicrotask(() => this.#drain()) // no event follows when the mark is raised
  }

  protected override listenersChanged(name: keyof EngineChannelEvents): void {
    if (name === 'message' && this.#kept.length > 0) queueMicrotask(() => this.#deliver())
  }

  send(message: Message): void {
    if (this.#state !== 'open') throw new SwarmlinkError('ERR_CLOSED', `the channel ${this.label} is ${this.#state}`)
    const queued = queuedWith(message, this.#buffered)
    try {
      if (typeof message === 'string') unpromised(this.#rtc.send(message))
      else unpromised(this.#rtc.send(message as Uint8Array<ArrayBuffer>)) // engines that refuse shared memory throw
    } catch (cause) {
      // libdatachannel throws this error shortly before the channel's `close` event: the remote peer has closed it.
      const gone = this.#rtc.readyState !== 'open' || (cause instanceof Error && cause.message.endsWith('DataChannel is closed'))
      this.#host.suspect()
      this.#closeIfStuck()
      if (gone || this.#state !== 'open')
        throw new SwarmlinkError('ERR_CLOSED', `the channel ${this.label} is closed`, { cause: asCause(cause) })
      throw asError(cause, 'ERR_ENGINE', 'the WebRTC engine refused to send')
    }
    if (queued > this.#lowWater && this.#pendingDrain === undefined && this.#buffered > this.#lowWater) this.#awaitDrain()
  }

  /** Closes the channel, whichever side began it. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#pendingDrain?.timer?.cancel()
    this.#pendingDrain = undefined
    this.#kept = []
    for (const unlisten of this.#unlisten) unlisten()
    const { closeRtc = rtc => rtc.close(), gone } = this.#host
    if (gone !== undefined) this.#whenGone(gone)
    quietly(`closing channel ${this.label}`, () => closeRtc(this.#rtc))
    this.emit('close')
    this.removeAllListeners()
    this.#host.closed(this)
  }

  #whenGone(gone: () => void): void {
    if (this.#rtc.readyState === 'closed') return queueMicrotask(gone)
    const unlisten = listen(this.#rtc, 'close', () => {
      unlisten()
      gone()
    })
  }

  #remoteClosed(): void {
    this.#deliver() // a listener may have been added in this turn
    this.close()
  }

  /** Each engine refuses to send in any other `readyState`. */
  #open(): void {
    const isOpen = this.#rtc.readyState === 'open'
    this.#wasOpen ||= isOpen
    this.#closeIfStuck()
    if (this.#state !== 'connecting' || !this.#confirmed || !isOpen) return
    this.#state = 'open'
    this.#host.opened()
    this.emit('open')
    this.#deliver()
  }

  /**
   * Chromium 156 may put a channel of the remote peer from `open` back to `connecting` and leave it there: a page on a busy machine saw it in 1 of 10 000
   * connections. It receives, and refuses to send for ever.
   */
  #closeIfStuck(): void {
    if (!this.#wasOpen || this.#rtc.readyState !== 'connecting') return
    log('channel %s: closed, because the engine is connecting it again and would not tell when it is open', this.label)
    this.close()
  }

  #confirm(): void {
    this.#confirmed = true
    this.#open()
  }

  #receive(data: unknown): void {
    if (this.#state === 'closed') return
    this.#confirm() // an engine that delivers messages of a channel can send on it
    const message = toMessage(data)
    if (this.#reading === undefined && !(message instanceof Promise)) return this.#keep(message)
    const reading = (this.#reading ?? Promise.resolve())
      .then(() => message)
      .then(
        text => this.#keep(text),
        error => {
          log('channel %s: unreadable message: %o', this.label, error)
          this.close() // a reliable channel must not skip a message
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
    log('channel %s: closed, because %d bytes wait and there is no listener', this.label, this.#keptBytes)
    this.close()
  }

  /** Waits for `open`, because Chromium 156 fires `message` before `open` for a channel that was created on an open connection. */
  #deliver(): void {
    while (this.#state === 'open' && this.#kept.length > 0 && this.listenerCount('message') > 0) {
      const message = this.#kept.shift() as Message // the length was checked
      this.#keptBytes -= sizeOf(message)
      this.emit('message', message)
    }
  }

  #awaitDrain(): void {
    const { env, drainPoll } = this.#host
    const poll = () => {
      this.#drain()
      if (this.#pendingDrain !== undefined) this.#awaitDrain()
    }
    this.#pendingDrain = { timer: drainPoll === undefined ? undefined : env.timer(drainPoll, poll) }
  }

  #drain(): void {
    if (this.#pendingDrain === undefined || this.#buffered > this.#lowWater) return
    this.#pendingDrain.timer?.cancel()
    this.#pendingDrain = undefined
    this.emit('drain')
  }
}

/** Bytes that are queued with this message; throws if the message is too large, or the queue too long. */
export function queuedWith(message: Message, buffered: number): number {
  const size = sizeOf(message)
  if (size > MAX_MESSAGE_SIZE)
    throw tooLarge(`a message of ${size} bytes is above the limit of ${MAX_MESSAGE_SIZE} bytes: send it in parts`)
  const queued = buffered + size
  if (queued > MAX_QUEUED_BYTES)
    throw new SwarmlinkError('ERR_QUEUE_FULL', `${queued} bytes are queued on the channel: send again after 'drain'`)
  return queued
}

/** In bytes, or a lower estimate for a string that is below the limit in any encoding, which saves the encoding. */
function sizeOf(message: Message): number {
  if (typeof message !== 'string') return message.byteLength
  return message.length * 3 <= MAX_MESSAGE_SIZE ? message.length : utf8.encode(message).length
}

/** Engines deliver strings, ArrayBuffers, Buffers and Blobs. */
function toMessage(data: unknown): Message | Promise<Uint8Array> {
  if (typeof data === 'string') return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (typeof Blob !== 'undefined' && data instanceof Blob) return data.arrayBuffer().then(buffer => new Uint8Array(buffer))
  return new Uint8Array(data as ArrayBuffer) // the only remaining kind
}
