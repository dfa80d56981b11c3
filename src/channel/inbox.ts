/**
 * What arrives: puts large messages together again, keeps what nobody listens for yet, and says how much was taken, so that a
 * sender can never be further ahead than its window. Frames in, messages out; knows no channel.
 */
import { SwarmlinkError, type ErrorCode } from '../core/errors.js'
import { StreamReader } from './incoming-stream.js'
import { parse } from './json.js'
import { jsonSizeOf } from './message-codec.js'
import type { MessageLimits } from './message-size.js'
import type { IncomingStream, Json } from './messenger.js'
import { Milestones } from './milestones.js'
import { MAX_STREAMS, MAX_TRANSFERS, MESSAGE_WINDOW, PLAIN_WINDOW } from './outbox.js'
import { chunkCost, STREAM_WINDOW } from './transfer.js'
import type { Frame, Head, Received, Verdict } from './wire.js'

/** How much is taken before the sender is told: rarely enough to cost nothing, often enough that it never waits. */
const TELL_MESSAGES = MESSAGE_WINDOW / 4
const TELL_STREAM = STREAM_WINDOW / 4
/** Room that is made for a message, for each byte of it that came: a claim alone costs nothing, and growing it next to nothing. */
const AHEAD = 64
const NOTHING = new Uint8Array(0)
/** A message that has not come further for so long never will; the next part of it is ignored. */
const IDLE_LIMIT = 60_000

export interface InboxHost {
  now(): number
  /** Whether somebody waits for this reply. */
  awaits(exchange: number): boolean
  /** Whether plain messages are taken now. */
  wantsMessages(): boolean
  wantsStreams(): boolean
  message(head: Head, payload: Uint8Array): void
  stream(stream: IncomingStream): void
  progress(id: number, bytes: number, total: number | undefined, meta: Json | undefined): void
  /** To be sent. */
  credit(id: number, taken: number): void
  stop(id: number, verdict: Verdict): void
  /** The remote broke a rule; what it broke it with is gone. */
  fault(error: SwarmlinkError): void
  /** The reply to our request of this number was refused here. */
  lost(exchange: number, error: SwarmlinkError): void
  /** The error for the reader of a stream that the remote aborts. */
  givenUp(): SwarmlinkError
}

interface Partial {
  readonly head: Head
  readonly size: number
  bytes: Uint8Array
  received: number
  movedAt: number
  readonly milestones: Milestones
}

export class Inbox {
  readonly #host: InboxHost
  readonly #limits: MessageLimits
  readonly #partials = new Map<number, Partial>()
  readonly #streams = new Map<number, StreamReader>()
  /** Plain messages that came while nobody listened. */
  readonly #kept: Array<{ head: Head; payload: Uint8Array; cost: number }> = []
  /** What came of plain messages in parts meanwhile. */
  #keptCost = 0
  #received = 0
  #taken = 0
  #told = 0

  constructor(limits: MessageLimits, host: InboxHost) {
    this.#limits = limits
    this.#host = host
  }

  /** Throws when the remote sends more than it has credit for: who does not keep to that cannot be held back otherwise. */
  receive({ frame, cost }: Received): void {
    this.#received += cost
    if (this.#received - this.#taken > MESSAGE_WINDOW) throw overrun()
    if (frame.type === 'message') return this.#message(frame.head, frame.payload, cost)
    if (frame.type === 'part') return this.#part(frame.id, frame.payload, cost)
    this.#take(cost)
    this.#receiveRare(frame)
  }

  /** Streams of which everything has arrived, and that are not read to their end. */
  get unread(): number {
    return [...this.#streams.values()].filter(({ ended }) => ended).length
  }

  /** Somebody listens: hands out what was kept. */
  resume(): void {
    let given = 0
    for (const { head, payload, cost } of this.#kept) {
      if (!this.#host.wantsMessages()) break
      given++
      this.#take(cost)
      this.#host.message(head, payload)
    }
    this.#kept.splice(0, given) // one by one, 30 000 empty ones take a third of a second
    if (this.#kept.length > 0 || !this.#host.wantsMessages()) return
    this.#take(this.#keptCost)
    this.#keptCost = 0
    // Those that were held back could not come further.
    for (const partial of this.#partials.values()) partial.movedAt = this.#host.now()
  }

  /** Nobody waits for this reply any more. */
  forget(exchange: number): void {
    for (const [id, { head }] of this.#partials) {
      if (!isReply(head) || head.exchange !== exchange) continue
      this.#partials.delete(id)
      this.#host.stop(id, 'cancelled')
    }
  }

  /** Forgets messages that do not come further. */
  sweep(): void {
    const limit = this.#host.now() - IDLE_LIMIT
    for (const [id, { movedAt, head }] of this.#partials)
      if (movedAt < limit && !this.#isHeldBack(head))
        this.#refuse(id, 'idle', 'ERR_BAD_FRAME', 'a message did not arrive in full')
  }

  /** Streams of which everything has arrived can still be read. */
  close(error: SwarmlinkError): void {
    for (const stream of this.#streams.values()) if (!stream.ended) stream.fail(error)
    this.#streams.clear()
    this.#partials.clear()
    this.#kept.length = 0
  }

  #receiveRare(frame: Frame): void {
    switch (frame.type) {
      case 'begin':
        return this.#begin(frame.id, frame.head, frame.size)
      case 'stream':
        return this.#open(frame.id, frame.size, frame.meta)
      case 'chunk':
        return this.#chunk(frame.id, frame.payload)
      case 'end':
        return this.#end(frame.value)
      case 'abort':
        return this.#abort(frame.value)
      case 'fault':
        return this.#host.fault(bad(`a malformed frame (${frame.of})`))
      default:
    }
  }

  #keeps(): boolean {
    return this.#kept.length > 0 || this.#keptCost > 0
  }

  /** Plain messages wait for a listener, and those behind them too; an exchange has somebody who waits. */
  #isHeldBack({ purpose }: Head): boolean {
    return purpose === 'plain' && (this.#kept.length > 0 || !this.#host.wantsMessages())
  }

  #message(head: Head, payload: Uint8Array, cost: number): void {
    if (this.#isHeldBack(head)) {
      // A copy: the packet that it came in may be much larger than what it pays for.
      this.#kept.push({ head, payload: payload.slice(), cost })
      return
    }
    this.#take(cost)
    this.#host.message(head, head.form === 'bytes' ? payload.slice() : payload)
  }

  #begin(id: number, head: Head, size: number): void {
    if (this.#partials.has(id)) return this.#host.fault(bad('a message began twice'))
    if (isReply(head) && !this.#host.awaits(head.exchange)) return this.#host.stop(id, 'unwanted')
    const { maxMessageSize } = this.#limits
    if (size > maxMessageSize)
      return this.#refuse(
        id,
        'too-large',
        'ERR_MESSAGE_TOO_LARGE',
        `the peer began a message of ${size} bytes, above \`maxMessageSize\` (${maxMessageSize})`,
        head,
      )
    if (head.form === 'json' && size > this.#limits.maxJsonSize) return this.#refuseJson(id, size, head)
    let claimed = size
    for (const partial of this.#partials.values()) claimed += partial.size
    if (this.#partials.size >= MAX_TRANSFERS || (this.#partials.size > 0 && claimed > maxMessageSize))
      return this.#refuse(id, 'busy', 'ERR_BAD_FRAME', 'the peer began more messages than may be unfinished', head)
    this.#partials.set(id, {
      head,
      size,
      bytes: NOTHING,
      received: 0,
      movedAt: this.#host.now(),
      milestones: new Milestones(size),
    })
  }

  #part(id: number, payload: Uint8Array, cost: number): void {
    const partial = this.#partials.get(id)
    if (partial !== undefined && this.#isHeldBack(partial.head)) this.#keptCost += cost
    else this.#take(cost)
    if (partial === undefined) return // refused or forgotten; the sender did not know yet
    if (partial.received + payload.byteLength > partial.size)
      return this.#refuse(id, 'cancelled', 'ERR_BAD_FRAME', 'a message is longer than it claimed to be')
    partial.bytes = withRoom(partial.bytes, partial.received + payload.byteLength, partial.size)
    partial.bytes.set(payload, partial.received)
    partial.received += payload.byteLength
    partial.movedAt = this.#host.now()
    const jsonSize = jsonSizeOf(partial.head.form, partial.bytes.subarray(0, partial.received))
    if (jsonSize > this.#limits.maxJsonSize) return this.#refuseJson(id, jsonSize)
    if (partial.milestones.reached(partial.received)) this.#host.progress(id, partial.received, partial.size, undefined)
    if (partial.received < partial.size) return
    this.#partials.delete(id)
    if (this.#isHeldBack(partial.head)) this.#kept.push({ head: partial.head, payload: partial.bytes, cost: 0 })
    else this.#host.message(partial.head, partial.bytes)
  }

  #open(id: number, size: number | undefined, text: string): void {
    if (this.#streams.has(id)) return this.#host.fault(bad('a stream began twice'))
    if (!this.#host.wantsStreams()) return this.#host.stop(id, 'unwanted')
    if (this.#streams.size >= MAX_STREAMS) return this.#refuse(id, 'busy', 'ERR_BAD_FRAME', 'the peer opened too many streams')
    let meta: Json | undefined
    try {
      meta = text === '' ? undefined : parse(text)
    } catch {
      return this.#refuse(id, 'cancelled', 'ERR_BAD_FRAME', 'what a stream says about itself is not JSON')
    }
    let told = 0
    const stream = new StreamReader({
      size,
      meta,
      read: taken => {
        if (taken - told < TELL_STREAM) return
        told = taken
        this.#host.credit(id, taken)
      },
      done: () => this.#finish(id, 'done'),
      cancelled: () => this.#finish(id, 'cancelled'),
    })
    this.#streams.set(id, stream)
    this.#host.stream(stream)
  }

  #chunk(id: number, payload: Uint8Array): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return // the sender did not know yet that nobody reads it any more
    if (stream.unread + chunkCost(payload.byteLength) > STREAM_WINDOW) throw overrun()
    if (stream.size !== undefined && stream.received + payload.byteLength > stream.size)
      return this.#break(id, stream, 'a stream is longer than it claimed to be')
    stream.push(payload)
    if (stream.milestones.reached(stream.received)) this.#host.progress(id, stream.received, stream.size, stream.meta)
  }

  #end(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (!stream.end()) return this.#break(id, stream, 'a stream is shorter than it claimed to be')
    if (stream.milestones.reached(stream.received, true)) this.#host.progress(id, stream.received, stream.size, stream.meta)
  }

  #abort(id: number): void {
    this.#partials.delete(id)
    const stream = this.#streams.get(id)
    this.#streams.delete(id)
    stream?.fail(this.#host.givenUp())
  }

  #finish(id: number, verdict: Verdict): void {
    if (this.#streams.delete(id)) this.#host.stop(id, verdict)
  }

  #break(id: number, stream: StreamReader, message: string): void {
    this.#streams.delete(id)
    stream.fail(bad(message))
    this.#refuse(id, 'cancelled', 'ERR_BAD_FRAME', message)
  }

  #refuseJson(id: number, size: number, head?: Head): void {
    const message = `the peer began a message with ${size} bytes of JSON, above \`maxJsonSize\` (${this.#limits.maxJsonSize})`
    this.#refuse(id, 'too-large', 'ERR_MESSAGE_TOO_LARGE', message, head)
  }

  #refuse(id: number, verdict: Verdict, code: ErrorCode, message: string, head = this.#partials.get(id)?.head): void {
    this.#partials.delete(id)
    this.#host.stop(id, verdict)
    const error = new SwarmlinkError(code, message)
    if (head !== undefined && isReply(head)) this.#host.lost(head.exchange, error)
    this.#host.fault(error)
  }

  #take(cost: number): void {
    this.#taken += cost
    // While plain messages are held back, requests and replies have little left of the window: every bit of it counts then.
    const isTight = this.#received - this.#told > PLAIN_WINDOW - TELL_MESSAGES && this.#keeps()
    if (this.#taken === this.#told || (this.#taken - this.#told < TELL_MESSAGES && !isTight)) return
    this.#told = this.#taken
    this.#host.credit(0, this.#taken)
  }
}

/** Room for so many bytes, and in the end for exactly `size`. */
function withRoom(bytes: Uint8Array, needed: number, size: number): Uint8Array {
  if (needed <= bytes.byteLength) return bytes
  const larger = new Uint8Array(Math.min(size, needed * AHEAD))
  larger.set(bytes)
  return larger
}

function isReply({ purpose }: Head): boolean {
  return purpose === 'reply' || purpose === 'failure'
}

function bad(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', message)
}

function overrun(): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', 'the peer sends more than it has credit for')
}
