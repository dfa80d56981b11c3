/**
 * The receiving side: reassembles large messages, keeps messages until there is a listener, and sends credit, so that a sender is
 * never more than its window ahead. Frames in, messages out; knows no channel.
 */
import { SwarmlinkError, type ErrorCode } from '../../core/errors.js'
import { IncomingStreams, type IncomingStreamsHost } from './incoming-streams.js'
import { jsonSizeOf } from './message-codec.js'
import type { MessageLimits } from './message-size.js'
import { MAX_TRANSFERS, MESSAGE_WINDOW, PLAIN_WINDOW } from './outbox.js'
import { bad, overrun } from './refusals.js'
import { ProgressThrottle } from './transfer.js'
import type { MessageFrame, Head, Received, SendResult } from './frame-codec.js'

/** Bytes that are read before credit is sent, as in incoming-streams.ts. */
const CREDIT_MESSAGES = MESSAGE_WINDOW / 4
/** Growth factor of the buffer of a message: a claimed size alone reserves no memory, and growing costs little. */
const AHEAD = 64
const NOTHING = new Uint8Array(0)
/** Milliseconds without progress after which a message is dropped; its further parts are ignored. */
const IDLE_LIMIT = 60_000

export interface InboxHost extends IncomingStreamsHost {
  now(): number
  /** Whether a request waits for this reply. */
  awaits(exchange: number): boolean
  wantsMessages(): boolean
  message(head: Head, payload: Uint8Array): void
  /** This end refused the reply to its request of this number. */
  lost(exchange: number, error: SwarmlinkError): void
}

interface Partial {
  readonly head: Head
  readonly size: number
  bytes: Uint8Array
  received: number
  movedAt: number
  readonly throttle: ProgressThrottle
}

export class Inbox {
  readonly #host: InboxHost
  readonly #limits: MessageLimits
  readonly #partials = new Map<number, Partial>()
  readonly #streams: IncomingStreams
  /** Plain messages that wait for a listener. */
  readonly #kept: Array<{ head: Head; payload: Uint8Array; cost: number }> = []
  /** Credit cost of parts of plain messages that arrived meanwhile. */
  #keptCost = 0
  #received = 0
  #taken = 0
  #credited = 0

  constructor(limits: MessageLimits, host: InboxHost) {
    this.#limits = limits
    this.#host = host
    this.#streams = new IncomingStreams(host, (id, verdict, message) => this.#refuse(id, verdict, 'ERR_BAD_FRAME', message))
  }

  /** Takes a frame. Throws if the remote peer exceeds its credit, because nothing else can slow it down. */
  receive({ frame, cost }: Received): void {
    this.#received += cost
    if (this.#received - this.#taken > MESSAGE_WINDOW) throw overrun()
    if (frame.type === 'message') return this.#message(frame.head, frame.payload, cost)
    if (frame.type === 'part') return this.#part(frame.id, frame.payload, cost)
    this.#take(cost)
    this.#receiveRare(frame)
  }

  get unread(): number {
    return this.#streams.unread
  }

  /** There is a listener: delivers the kept messages. */
  resume(): void {
    let given = 0
    for (const { head, payload, cost } of this.#kept) {
      if (!this.#host.wantsMessages()) break
      given++
      this.#take(cost)
      this.#host.message(head, payload)
    }
    this.#kept.splice(0, given) // shifting one by one takes 0.33 s for 30 000 messages
    if (this.#kept.length > 0 || !this.#host.wantsMessages()) return
    this.#take(this.#keptCost)
    this.#keptCost = 0
    // Held-back messages could make no progress.
    for (const partial of this.#partials.values()) partial.movedAt = this.#host.now()
  }

  /** No request waits for this reply any more. */
  forget(exchange: number): void {
    for (const [id, { head }] of this.#partials) {
      if (!isReply(head) || head.exchange !== exchange) continue
      this.#partials.delete(id)
      this.#host.stop(id, 'cancelled')
    }
  }

  /** Drops messages without progress. */
  sweep(): void {
    const limit = this.#host.now() - IDLE_LIMIT
    for (const [id, { movedAt, head }] of this.#partials)
      if (movedAt < limit && !this.#isHeldBack(head))
        this.#refuse(id, 'idle', 'ERR_BAD_FRAME', 'timeout: a message did not arrive in full')
  }

  close(error: SwarmlinkError): void {
    this.#streams.close(error)
    this.#partials.clear()
    this.#kept.length = 0
  }

  #receiveRare(frame: MessageFrame): void {
    switch (frame.type) {
      case 'begin':
        return this.#begin(frame.id, frame.head, frame.size)
      case 'stream':
        return this.#streams.open(frame.id, frame.size, frame.meta)
      case 'chunk':
        return this.#streams.chunk(frame.id, frame.payload)
      case 'end':
        return this.#streams.end(frame.value)
      case 'abort':
        this.#partials.delete(frame.value)
        return this.#streams.abort(frame.value)
      case 'fault':
        return this.#host.fault(bad(`the peer sent a malformed frame (${frame.of})`))
      default:
    }
  }

  /** Plain messages wait for a listener, in order. Requests and replies do not. */
  #isHeldBack({ purpose }: Head): boolean {
    return purpose === 'plain' && (this.#kept.length > 0 || !this.#host.wantsMessages())
  }

  #message(head: Head, payload: Uint8Array, cost: number): void {
    if (this.#isHeldBack(head)) {
      // A copy, because the packet may be much larger than the credit that the message cost.
      this.#kept.push({ head, payload: payload.slice(), cost })
      return
    }
    this.#take(cost)
    this.#host.message(head, head.form === 'bytes' ? payload.slice() : payload)
  }

  #begin(id: number, head: Head, size: number): void {
    if (this.#partials.has(id)) return this.#host.fault(bad('the peer began a message twice'))
    if (isReply(head) && !this.#host.awaits(head.exchange)) return this.#host.stop(id, 'unwanted')
    const { maxMessageSize } = this.#limits
    if (size > maxMessageSize) {
      const message = `the peer began a message of ${size} bytes, above \`maxMessageSize\` (${maxMessageSize})`
      return this.#refuse(id, 'too-large', 'ERR_MESSAGE_TOO_LARGE', message, head)
    }
    if (head.form === 'json' && size > this.#limits.maxJsonSize) return this.#refuseJson(id, size, head)
    let claimed = size
    for (const partial of this.#partials.values()) claimed += partial.size
    if (this.#partials.size >= MAX_TRANSFERS || (this.#partials.size > 0 && claimed > maxMessageSize))
      return this.#refuse(id, 'busy', 'ERR_BAD_FRAME', 'the peer has too many unfinished messages', head)
    this.#partials.set(id, {
      head,
      size,
      bytes: NOTHING,
      received: 0,
      movedAt: this.#host.now(),
      throttle: new ProgressThrottle(size),
    })
  }

  #part(id: number, payload: Uint8Array, cost: number): void {
    const partial = this.#partials.get(id)
    if (partial !== undefined && this.#isHeldBack(partial.head)) this.#keptCost += cost
    else this.#take(cost)
    if (partial === undefined) return // refused or dropped; the sender did not know yet
    if (partial.received + payload.byteLength > partial.size)
      return this.#refuse(id, 'cancelled', 'ERR_BAD_FRAME', 'a message of the peer is longer than its size')
    partial.bytes = withRoom(partial.bytes, partial.received + payload.byteLength, partial.size)
    partial.bytes.set(payload, partial.received)
    partial.received += payload.byteLength
    partial.movedAt = this.#host.now()
    const jsonSize = jsonSizeOf(partial.head.form, partial.bytes.subarray(0, partial.received))
    if (jsonSize > this.#limits.maxJsonSize) return this.#refuseJson(id, jsonSize)
    if (partial.throttle.reached(partial.received)) this.#host.progress(id, partial.received, partial.size, undefined)
    if (partial.received < partial.size) return
    this.#partials.delete(id)
    if (this.#isHeldBack(partial.head)) this.#kept.push({ head: partial.head, payload: partial.bytes, cost: 0 })
    else this.#host.message(partial.head, partial.bytes)
  }

  #refuseJson(id: number, size: number, head?: Head): void {
    const message = `the peer began a message with ${size} bytes of JSON, above \`maxJsonSize\` (${this.#limits.maxJsonSize})`
    this.#refuse(id, 'too-large', 'ERR_MESSAGE_TOO_LARGE', message, head)
  }

  #refuse(id: number, verdict: SendResult, code: ErrorCode, message: string, head = this.#partials.get(id)?.head): void {
    this.#partials.delete(id)
    this.#host.stop(id, verdict)
    const error = new SwarmlinkError(code, message)
    if (head !== undefined && isReply(head)) this.#host.lost(head.exchange, error)
    this.#host.fault(error)
  }

  #take(cost: number): void {
    this.#taken += cost
    // While plain messages are held back, little of the window is left for requests and replies: all credit is sent at once.
    const keeps = this.#kept.length > 0 || this.#keptCost > 0
    const isTight = keeps && this.#received - this.#credited > PLAIN_WINDOW - CREDIT_MESSAGES
    if (this.#taken === this.#credited || (this.#taken - this.#credited < CREDIT_MESSAGES && !isTight)) return
    this.#credited = this.#taken
    this.#host.credit(0, this.#taken)
  }
}

/** Grows the buffer to at least `needed` bytes, and at most to `size`. */
function withRoom(bytes: Uint8Array, needed: number, size: number): Uint8Array {
  if (needed <= bytes.byteLength) return bytes
  const larger = new Uint8Array(Math.min(size, needed * AHEAD))
  larger.set(bytes)
  return larger
}

function isReply({ purpose }: Head): boolean {
  return purpose === 'reply' || purpose === 'failure'
}
