/** The sending side of a framed messenger: fills the outbox, and moves its packets to the channel while the engine has room. */
import { utf8 } from '../../core/bytes.js'
import type { Env, Timer } from '../../core/env.js'
import { asError, misuse, type SwarmlinkError } from '../../core/errors.js'
import { oncePerTurn } from '../../core/once-per-turn.js'
import { HIGH_WATER, type EngineChannel } from '../../engine/engine.js'
import type { ControlQueue } from './control-queue.js'
import { MAX_META, type Head, type SendResult } from './frame-codec.js'
import { encode, encodeJson, jsonSizeOf } from './message-codec.js'
import { checkSize, DEFAULT_LIMITS, type MessageLimits } from './message-size.js'
import type { MessengerHost, StreamOptions, StreamSource } from './messenger.js'
import { Outbox } from './outbox.js'
import { bad, queueFull, refused, spoiled } from './refusals.js'
import { pump } from './stream-pump.js'
import { StreamTransfer } from './transfer.js'

/** Bytes that are queued in the engine: a small message cannot overtake these. */
const ENGINE_AHEAD = HIGH_WATER / 2
/** Queue limit in bytes; above it `send` throws, for an application that ignores `false`. */
const MAX_QUEUED = 64 * 1024 * 1024
/** Milliseconds from an engine's refusal to send on a closed channel to its `close` event. Some engines never fire it. */
const CLOSE_LAG = 2_000

export interface MessageSenderDeps {
  env: Env
  channel: EngineChannel
  host: MessengerHost
  isUp: () => boolean
  /** A message failed. `known`: the remote peer refused it, and so does not wait for this reply. */
  failed: (head: Head, error: SwarmlinkError, known: boolean) => void
  fault: (error: SwarmlinkError) => void
  /** The channel cannot send any more. */
  ended: (error: SwarmlinkError | undefined) => void
}

export class MessageSender {
  readonly outbox = new Outbox()
  readonly #deps: MessageSenderDeps
  /** Flushes at the end of this turn, so that small messages are batched. */
  readonly #flushSoon = oncePerTurn(() => this.flush())
  #remoteLimits: MessageLimits = DEFAULT_LIMITS
  /** `send` returned false. */
  #full = false
  /** Runs from the engine's refusal to send on a closed channel until its `close` event. */
  #dying: Timer | undefined

  constructor(deps: MessageSenderDeps) {
    this.#deps = deps
  }

  get bufferedAmount(): number {
    return this.outbox.bufferedAmount + this.#deps.channel.bufferedAmount
  }

  get remoteLimits(): MessageLimits {
    return this.#remoteLimits
  }

  /** Whether more messages should be sent now; if not, `drain` follows. */
  hasRoom(): boolean {
    this.#full ||= this.bufferedAmount > HIGH_WATER
    return !this.#full
  }

  /** Queues a message; returns a function that takes it back while it has not left. */
  post(purpose: Head['purpose'], exchange: number, message: unknown): () => void {
    const { form, data: payload } = encode(message)
    if (this.outbox.bufferedAmount > MAX_QUEUED) throw queueFull(MAX_QUEUED)
    checkSize(payload, typeof payload === 'string' ? 0 : jsonSizeOf(form, payload), this.#remoteLimits)
    const large = this.outbox.push({ form, purpose, exchange }, payload, message)
    this.#flushSoon()
    return () => {
      if (large === undefined) return
      this.outbox.abort(large)
      this.#flushSoon()
    }
  }

  async stream(source: StreamSource, { size, meta, signal }: StreamOptions): Promise<void> {
    const text = meta === undefined ? '' : encodeJson(meta, 'a stream carries bytes itself', 'meta')
    if (utf8.encode(text).byteLength > MAX_META)
      throw misuse(`the meta of a stream is above ${MAX_META} bytes of JSON: shorten it`)
    const transfer = this.outbox.stream(size, meta)
    try {
      await pump(transfer, source, { signal, moved: () => this.#flushSoon() })
    } catch (error) {
      this.outbox.abort(transfer)
      this.#flushSoon()
      throw error
    }
  }

  say(write: (control: ControlQueue) => void): void {
    write(this.outbox.control)
    this.#flushSoon()
  }

  greeted({ maxMessageSize, maxJsonSize }: MessageLimits): void {
    this.#remoteLimits = { maxMessageSize, maxJsonSize }
    for (const { head, total } of this.outbox.limit(this.#remoteLimits))
      this.#deps.failed(head, refused('too-large', total), false)
    this.flush()
  }

  credited(id: number, taken: number): void {
    if (!this.outbox.credited(id, taken)) this.#deps.fault(bad('the peer sent credit for bytes that were never sent'))
    this.flush()
  }

  /** The remote peer refused a transfer, or has all of it. */
  stopped(id: number, verdict: SendResult): void {
    const transfer = this.outbox.stopped(id)
    if (!this.outbox.knew(id)) return this.#deps.fault(bad('the peer refused a transfer that was never sent'))
    if (verdict === 'done' && transfer instanceof StreamTransfer && transfer.complete) transfer.done()
    else if (transfer instanceof StreamTransfer) transfer.fail(refused(verdict, transfer.total))
    else if (transfer !== undefined) this.#deps.failed(transfer.head, refused(verdict, transfer.total), true) // else aborted meanwhile
    this.flush()
  }

  flush(): void {
    const { env, channel, host, isUp, failed, ended } = this.#deps
    if (!isUp() || this.#dying !== undefined) return
    try {
      while (channel.state === 'open' && channel.bufferedAmount <= ENGINE_AHEAD) {
        const packet = this.outbox.next()
        if (packet === undefined) break
        channel.send(packet)
      }
    } catch (error) {
      const failure = asError(error, 'ERR_ENGINE', 'sending a message failed')
      if (failure.code !== 'ERR_CLOSED') return ended(failure) // the channel has a gap
      // The remote peer closed the channel. libdatachannel refuses to send before it has delivered the messages that arrived earlier;
      // its `close` event comes after them.
      this.#dying = env.timer(CLOSE_LAG, () => ended(undefined))
      return
    }
    if (this.#full && this.bufferedAmount <= HIGH_WATER) {
      this.#full = false
      host.drain()
    }
    for (const { id, sent: bytes, total, message } of this.outbox.moved())
      host.progress({ direction: 'sending', id, bytes, total, message })
    for (const { head } of this.outbox.spoiled()) {
      failed(head, spoiled(), false)
      this.#flushSoon()
    }
  }

  close(reason: SwarmlinkError): void {
    this.#dying?.cancel()
    this.outbox.close(reason)
  }
}
