/** Encodes the frames of frame-codec.ts into a buffer of fixed size. Knows no channel and no order. */
import { utf8 } from '../../core/bytes.js'
import type { MessageLimits } from './message-size.js'
import {
  BEGIN_BODY,
  CODES,
  CREDIT_BODY,
  FRAME_COST,
  FORMS,
  FRAME_HEAD,
  HELLO_BODY,
  isPaid,
  MAX_BODY,
  MESSAGE_HEAD,
  PART_HEAD,
  PURPOSES,
  STOP_BODY,
  STREAM_HEAD,
  UNKNOWN_SIZE,
  VERDICTS,
  VERSION,
  WORD_BODY,
  type Head,
  type SendResult,
  type NumberFrame,
} from './frame-codec.js'

export class PacketWriter {
  readonly #buffer: Uint8Array
  #length = 0
  #cost = 0

  constructor(size: number) {
    this.#buffer = new Uint8Array(size)
  }

  /** The frames so far; valid until the next `clear`. */
  get packet(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  /** The longest part or chunk that fits now, in bytes. */
  get partRoom(): number {
    return this.#room - PART_HEAD
  }

  /** The cost of the frames in message credit. */
  get cost(): number {
    return this.#cost
  }

  clear(): void {
    this.#length = 0
    this.#cost = 0
  }

  // Each method writes a whole frame, or returns false and writes nothing if it does not fit.

  hello({ maxMessageSize, maxJsonSize }: MessageLimits): boolean {
    if (!this.#frame(CODES.hello, HELLO_BODY)) return false
    this.#u8(VERSION)
    this.#u32(maxMessageSize)
    this.#u32(maxJsonSize)
    return true
  }

  message(head: Head, payload: string | Uint8Array): boolean {
    // A string has at most three bytes per UTF-16 unit; its exact length is known after writing it.
    const most = MESSAGE_HEAD + (typeof payload === 'string' ? payload.length * 3 : payload.byteLength)
    if (most > this.#room) return false
    let length = payload.length
    if (typeof payload === 'string')
      length = utf8.encodeInto(payload, this.#buffer.subarray(this.#length + FRAME_HEAD + MESSAGE_HEAD)).written
    else this.#place(MESSAGE_HEAD, payload)
    this.#frame(CODES.message, MESSAGE_HEAD + length)
    this.#head(head)
    this.#length += length
    return true
  }

  begin(id: number, head: Head, size: number): boolean {
    if (!this.#frame(CODES.begin, BEGIN_BODY)) return false
    this.#u32(id)
    this.#head(head)
    this.#u32(size)
    return true
  }

  part(id: number, payload: Uint8Array): boolean {
    return this.#piece(CODES.part, id, payload)
  }

  stream(id: number, size: number | undefined, meta: Uint8Array): boolean {
    if (!this.#frame(CODES.stream, STREAM_HEAD + meta.byteLength)) return false
    this.#u32(id)
    this.#u48(size ?? UNKNOWN_SIZE)
    this.#buffer.set(meta, this.#length)
    this.#length += meta.byteLength
    return true
  }

  chunk(id: number, payload: Uint8Array): boolean {
    return this.#piece(CODES.chunk, id, payload)
  }

  stop(id: number, verdict: SendResult): boolean {
    if (!this.#frame(CODES.stop, STOP_BODY)) return false
    this.#u32(id)
    this.#u8(VERDICTS.indexOf(verdict))
    return true
  }

  credit(id: number, taken: number): boolean {
    if (!this.#frame(CODES.credit, CREDIT_BODY)) return false
    this.#u32(id)
    this.#u48(taken)
    return true
  }

  word(type: NumberFrame['type'], value: number): boolean {
    if (!this.#frame(CODES[type], WORD_BODY)) return false
    this.#u32(value)
    return true
  }

  get #room(): number {
    return Math.min(MAX_BODY, this.#buffer.length - this.#length - FRAME_HEAD)
  }

  #piece(code: number, id: number, payload: Uint8Array): boolean {
    const length = PART_HEAD + payload.byteLength
    if (length > this.#room) return false
    this.#place(PART_HEAD, payload)
    this.#frame(code, length)
    this.#u32(id)
    this.#length += payload.byteLength
    return true
  }

  #frame(code: number, length: number): boolean {
    if (length > this.#room) return false
    if (isPaid(code)) this.#cost += FRAME_COST + length
    this.#u8(code)
    this.#u8(length >> 8)
    this.#u8(length)
    return true
  }

  #head({ form, purpose, exchange }: Head): void {
    const bits = FORMS.indexOf(form)
    this.#u8(((bits & ~1) << 2) | (PURPOSES.indexOf(purpose) << 1) | (bits & 1))
    this.#u32(exchange)
  }

  #u8(value: number): void {
    this.#buffer[this.#length++] = value
  }

  #u32(value: number): void {
    this.#u8(value >>> 24)
    this.#u8(value >>> 16)
    this.#u8(value >>> 8)
    this.#u8(value)
  }

  #u48(value: number): void {
    const high = Math.floor(value / 2 ** 32)
    this.#u8(high >>> 8)
    this.#u8(high)
    this.#u32(value % 2 ** 32)
  }

  /** Copies the bytes behind the head before the head is written: a detached buffer throws here, and the packet is unchanged. */
  #place(head: number, payload: Uint8Array): void {
    this.#buffer.set(payload, this.#length + FRAME_HEAD + head)
  }
}
