/** One channel of a connection that others use as well: what may not go to the engine yet waits here. Knows nothing of the others. */
import { Emitter } from '../core/emitter.js'
import { SwarmlinkError } from '../core/errors.js'
import { LOW_WATER, type ChannelState, type EngineChannel, type EngineChannelEvents } from '../engine/engine.js'
import { queuedWith } from '../engine/w3c-channel.js'
import type { ChannelScheduler } from './channel-scheduler.js'

/** What waiting costs beside the bytes, so that many small messages meet the bound of the queue as well. */
const QUEUE_OVERHEAD = 64
/** What `close()` still hands over: a goodbye, not what a torrent wanted to send. */
const LAST_WORDS = 16 * 1024

type Message = string | Uint8Array

export class ScheduledChannel extends Emitter<EngineChannelEvents> implements EngineChannel {
  readonly label: string
  readonly #channel: EngineChannel
  readonly #scheduler: ChannelScheduler
  #queue: Array<{ message: Message; size: number }> = []
  #queuedBytes = 0
  /** Bytes in the engine at the last {@link look}: since then it can only have become less. */
  inside = 0
  #lowWater = LOW_WATER
  /** A sender waits for `drain`. */
  #owed = false
  readonly #forward = (message: Message) => void this.emit('message', message)

  constructor(channel: EngineChannel, scheduler: ChannelScheduler) {
    super()
    this.#channel = channel
    this.#scheduler = scheduler
    this.label = channel.label
    channel.on('open', () => this.emit('open'))
    channel.on('drain', () => scheduler.drained(this))
    channel.on('close', () => this.#closed())
  }

  get state(): ChannelState {
    return this.#channel.state
  }

  get bufferedAmount(): number {
    return this.#queuedBytes + this.#channel.bufferedAmount
  }

  get lowWater(): number {
    return this.#lowWater
  }

  set lowWater(bytes: number) {
    this.#lowWater = bytes
    this.#owed ||= this.bufferedAmount > bytes
    queueMicrotask(() => this.#scheduler.drained(this)) // as the engine does, not within the assignment
  }

  /** Whether anything waits here. */
  get waiting(): boolean {
    return this.#queue.length > 0
  }

  get waitingBytes(): number {
    return this.#queuedBytes
  }

  /** The engine's channel keeps messages until it has a listener, so it gets one only while this channel has one. */
  protected override listenersChanged(name: keyof EngineChannelEvents): void {
    if (name !== 'message') return
    this.#channel.off(name, this.#forward)
    if (this.listenerCount(name) > 0) this.#channel.on(name, this.#forward)
  }

  send(message: Message): void {
    if (this.#channel.state !== 'open')
      throw new SwarmlinkError('ERR_CLOSED', `the channel ${this.label} is ${this.#channel.state}`)
    if (!this.waiting && this.#scheduler.mayPass(this)) {
      this.#channel.send(message)
      this.#scheduler.passed(this)
    } else this.#wait(message)
    this.#owed ||= this.#queuedBytes + this.inside > this.#lowWater
  }

  close(): void {
    // An engine sends what it was given before it closes; the bulk of a wire is not worth the others' time.
    if (this.#queuedBytes <= LAST_WORDS) while (this.waiting) this.next()
    this.#channel.close()
  }

  /** Hands the oldest message to the engine; gives its size. */
  next(): number {
    const first = this.#queue.shift()
    if (first === undefined) return 0
    this.#queuedBytes -= first.size
    try {
      this.#channel.send(first.message)
    } catch {
      this.#channel.close() // a reliable channel has no gaps
    }
    return first.size
  }

  /** Looks how much is in the engine; gives how much more it is than at the last look. */
  look(): number {
    const before = this.inside
    this.inside = this.#channel.bufferedAmount
    return this.inside - before
  }

  /** Makes sure that the engine tells before all is gone that is inside: `drained` comes at half of it at the latest. */
  watch(): boolean {
    if (this.#channel.lowWater < this.inside) return false
    this.#channel.lowWater = this.inside >> 1
    return true
  }

  /** The engine tells again where senders want to know it. */
  unwatch(): void {
    if (this.#channel.lowWater !== this.#lowWater) this.#channel.lowWater = this.#lowWater
  }

  /** Tells who waits for it that there is room. */
  settle(): void {
    if (!this.#owed || this.state !== 'open' || this.bufferedAmount > this.#lowWater) return
    this.#owed = false
    this.emit('drain')
  }

  #wait(message: Message): void {
    const before = this.bufferedAmount + this.#queue.length * QUEUE_OVERHEAD
    const size = queuedWith(message, before) - before
    // Engines have copied a message when `send` returns; callers write the next one into the same buffer.
    this.#queue.push({ message: typeof message === 'string' ? message : message.slice(), size })
    this.#queuedBytes += size
    if (this.#queue.length === 1) this.#scheduler.waits(this)
  }

  #closed(): void {
    this.#queue = []
    this.#queuedBytes = 0
    this.#scheduler.closed(this)
    this.emit('close')
    this.removeAllListeners()
  }
}
