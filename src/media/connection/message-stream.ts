/**
 * The messages of an application to one other end, over one data channel after the other. Knows nothing of connections.
 *
 * Between swarmlink ends no message is lost when a connection is replaced: both ends count what arrived, and the sender keeps
 * what the other end has not counted yet. A channel is reliable and in order, so a count is enough.
 */
import { utf8 } from '../../core/bytes.js'
import { SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { HIGH_WATER, LOW_WATER } from '../../engine/engine.js'
import { listen, quietly } from '../../engine/rtc.js'
import type { MessageData } from '../application-data.js'

const log = logger('media')

/** Bytes that are kept for an end that does not take them; messages beyond are refused. */
const MAX_KEPT = 16 * 1024 * 1024
/** Messages after which the receiver reports its count. */
const REPORT_EVERY = 32

export interface MessageStreamDeps {
  /** The other end counts, so messages are kept until it has them. */
  isCounted: boolean
  /** How many messages are kept while no channel is open. */
  queueSize: number
  received: (message: string | ArrayBuffer) => void
  opened: (channel: RTCDataChannel) => void
  drained: () => void
  /** The channel closed. */
  lost: () => void
  /** Tells the other end how many messages arrived. */
  report: (count: number) => void
  failed: (error: SwarmlinkError) => void
}

export class MessageStream {
  readonly #deps: MessageStreamDeps
  #channel: RTCDataChannel | undefined
  /** `opened` was called for it. */
  #isOpened = false
  #ends: Array<() => void> = []
  /** The messages that wait for a channel, oldest first. */
  #queue: MessageData[] = []
  /** The messages that were sent and not counted yet, oldest first; the first one has the number `#counted`. */
  #sent: MessageData[] = []
  #counted = 0
  #keptBytes = 0
  #arrived = 0
  /** The count of the other end has come on this connection. Firefox 153 may deliver it before it opens the channel of this end. */
  #hasCount = false
  /** The channel is open and, for an end that counts, its count has come. */
  #isReady = false
  #isFull = false
  /** `send` returned false, so `drain` has to follow. */
  #owesDrain = false

  constructor(deps: MessageStreamDeps) {
    this.#deps = deps
  }

  /** The number of messages that arrived. */
  get arrived(): number {
    return this.#arrived
  }

  get isOpen(): boolean {
    return this.#channel?.readyState === 'open'
  }

  /** Uses this channel from now on. */
  attach(channel: RTCDataChannel): void {
    this.#release()
    this.#channel = channel
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = LOW_WATER
    const opened = () => {
      if (this.#isOpened || channel !== this.#channel) return
      this.#isOpened = true
      this.#deps.opened(channel)
      if (this.#deps.isCounted) this.#deps.report(this.#arrived)
      this.#begin()
    }
    this.#ends = [
      listen(channel, 'open', opened),
      listen(channel, 'close', () => this.#lose(channel)),
      listen(channel, 'message', event => this.#take((event as MessageEvent<unknown>).data)),
      listen(channel, 'bufferedamountlow', () => {
        this.#isFull = false
        this.#drain()
      }),
    ]
    if (channel.readyState === 'open') queueMicrotask(opened)
  }

  /** Without a channel messages are queued. */
  detach(): void {
    this.#release()
    this.#hasCount = false
  }

  /**
   * Sends a message. False: it was queued because no channel is open, or it fills the buffer of the channel; `drained` follows. A queue keeps
   * the newest messages.
   */
  send(data: MessageData): boolean {
    const kept = copyOf(data)
    if (!this.#isReady) {
      this.#queue.push(kept)
      if (this.#queue.length > this.#deps.queueSize) this.#queue.shift()
    } else if (this.#pass(kept)) return true
    this.#owesDrain = true
    return false
  }

  /** Puts messages before those that wait. */
  precede(older: MessageData[]): void {
    this.#enqueue([...older, ...this.#queue])
  }

  /** The other end has this many messages. */
  counted(count: number): void {
    const gone = Math.min(Math.max(count - this.#counted, 0), this.#sent.length)
    for (const data of this.#sent.splice(0, gone)) this.#keptBytes -= sizeOf(data)
    this.#counted = count
    this.#hasCount = true
    if (this.#isReady) this.#drain()
    else this.#begin()
  }

  /** Sends what waited for the channel and the count, in its order. */
  #begin(): void {
    if (this.#isReady || !this.#isOpened || (this.#deps.isCounted && !this.#hasCount)) return
    this.#keptBytes = 0
    this.#resume([...this.#sent.splice(0), ...this.#queue.splice(0)])
  }

  #enqueue(messages: MessageData[]): void {
    this.#queue = messages.slice(Math.max(messages.length - this.#deps.queueSize, 0))
  }

  #release(): void {
    for (const end of this.#ends.splice(0)) end()
    this.#channel = undefined
    this.#isOpened = false
    this.#isReady = false
  }

  #resume(messages: MessageData[]): void {
    this.#isReady = true
    this.#isFull = false
    for (const data of messages) this.#pass(data)
    this.#drain()
  }

  #pass(data: MessageData): boolean {
    const channel = this.#channel
    if (channel === undefined) return false
    const size = sizeOf(data)
    if (this.#keptBytes + size > MAX_KEPT || channel.bufferedAmount + size > MAX_KEPT) {
      this.#deps.failed(
        new SwarmlinkError(
          'ERR_QUEUE_FULL',
          `${MAX_KEPT} bytes wait for the other end: wait for the event drain when send() returns false`,
        ),
      )
      return false
    }
    if (this.#deps.isCounted) {
      this.#sent.push(data)
      this.#keptBytes += size
    }
    try {
      channel.send(data as string) // one of the overloads; each takes its own type
    } catch (error) {
      log('a message channel failed: %o', error) // it is closing; a counted message is sent again
      this.#isReady = false
      if (!this.#deps.isCounted) this.#queue.push(data)
      quietly('close', () => channel.close()) // `close` follows, and another channel
      return false
    }
    this.#isFull ||= channel.bufferedAmount > HIGH_WATER
    return !this.#isFull
  }

  #drain(): void {
    if (!this.#owesDrain || this.#isFull || !this.#isReady) return
    this.#owesDrain = false
    this.#deps.drained()
  }

  #lose(channel: RTCDataChannel): void {
    if (channel !== this.#channel) return
    this.detach()
    this.#deps.lost()
  }

  #take(data: unknown): void {
    if (typeof data !== 'string' && !(data instanceof ArrayBuffer)) return
    this.#arrived++
    if (this.#deps.isCounted && this.#arrived % REPORT_EVERY === 0) this.#deps.report(this.#arrived)
    this.#deps.received(data)
  }
}

/** In bytes, as the channel counts. */
function sizeOf(data: MessageData): number {
  return typeof data === 'string' ? utf8.encode(data).length : data.byteLength
}

/** The application may write into its buffer after `send`. */
function copyOf(data: MessageData): MessageData {
  if (typeof data === 'string') return data
  return ArrayBuffer.isView(data) ? data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) : data.slice(0)
}
