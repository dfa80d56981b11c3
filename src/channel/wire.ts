/**
 * What travels on a message channel: packets of frames, in bytes. Synchronous and total: knows nothing of channels, credit or time.
 *
 *     packet := frame*                              one message of the data channel
 *     frame  := type u8 | length u16 | body         numbers are big-endian
 *
 * A frame of a type that is not known here is skipped, so that later versions can say more.
 */
import { utf8 } from '../core/bytes.js'
import { ProtocolError } from '../core/errors.js'

/** Small enough for every engine there ever was, and for a small message to find its way between two parts of a large one. */
export const MAX_FRAME = 16 * 1024
/** A message of a data channel costs by its number: four frames in one are a tenth faster than four. */
export const MAX_PACKET = 64 * 1024
const VERSION = 1
/** What is said about a stream beside its bytes. */
export const MAX_META = 4 * 1024

const FRAME_HEAD = 3
/** What a frame costs of the credit beside its body, which is about what it takes to keep it: empty messages are not free. */
export const FRAME_COST = 64
const MAX_BODY = MAX_FRAME - FRAME_HEAD
/** Purpose and exchange of a `message`. */
const MESSAGE_HEAD = 5
const BEGIN_BODY = 13
const STREAM_HEAD = 10
const STOP_BODY = 5
const CREDIT_BODY = 10
const HELLO_BODY = 5
const WORD_BODY = 4
/** The id of a `part` or `chunk`. */
export const PART_HEAD = 4
/** The most that a message in one frame has. */
export const MAX_SMALL = MAX_BODY - MESSAGE_HEAD
/** The most that one part of a large message or of a stream has. */
export const MAX_PART = MAX_BODY - PART_HEAD
const UNKNOWN_SIZE = 2 ** 48 - 1

/** What a message is for; all but `plain` belong to an exchange of a request and its reply. */
export type Purpose = 'plain' | 'request' | 'reply' | 'failure'

export interface Head {
  binary: boolean
  purpose: Purpose
  /** Which request; 0 for plain messages. */
  exchange: number
}

/** Why a transfer ended before, or, with `done`, at its end. */
export type Verdict = 'done' | 'too-large' | 'busy' | 'unwanted' | 'idle' | 'cancelled'

export type Frame =
  | { type: 'hello'; version: number; maxMessageSize: number }
  /** A whole message. */
  | { type: 'message'; head: Head; payload: Uint8Array }
  /** A message that comes in parts. */
  | { type: 'begin'; id: number; head: Head; size: number }
  | { type: 'part'; id: number; payload: Uint8Array }
  /** Bytes that are read as they come; undefined when their number is not known. */
  | { type: 'stream'; id: number; size: number | undefined; meta: string }
  | { type: 'chunk'; id: number; payload: Uint8Array }
  /** `end` of a stream. `abort`: its sender gives a message or a stream up. `cancel`: nobody waits for this reply any more. */
  | Word
  /** The receiver does not want more of it, or has it all. */
  | { type: 'stop'; id: number; verdict: Verdict }
  /** How many bytes were taken since the beginning, of a stream, or with id 0 of all messages. */
  | { type: 'credit'; id: number; taken: number }
  /** Of no use; the next frame is unharmed. */
  | { type: 'fault'; of: string }

/** A frame that is one number. */
export interface Word {
  type: 'end' | 'abort' | 'ping' | 'pong' | 'cancel'
  value: number
}

type FrameType = Frame['type']

const CODES: Record<Exclude<FrameType, 'fault'>, number> = {
  hello: 1,
  message: 2,
  begin: 3,
  part: 4,
  stream: 5,
  chunk: 6,
  end: 7,
  abort: 8,
  stop: 9,
  credit: 10,
  ping: 11,
  pong: 12,
  cancel: 13,
}
const PURPOSES: readonly Purpose[] = ['plain', 'request', 'reply', 'failure']
const VERDICTS: readonly Verdict[] = ['done', 'too-large', 'busy', 'unwanted', 'idle', 'cancelled']

/** One frame as it came, with what it takes of the credit for messages. */
export interface Received {
  frame: Frame
  cost: number
}

/** The frames of one packet. Throws a ProtocolError when they cannot be told apart: nothing behind that can be trusted. */
export function decode(packet: Uint8Array): Received[] {
  const frames: Received[] = []
  for (let at = 0; at < packet.length;) {
    const length = u16(packet, at + 1)
    const end = at + FRAME_HEAD + length
    if (length > MAX_BODY || end > packet.length) throw bad(`a frame of ${length} bytes in a packet of ${packet.length}`)
    const code = packet[at]
    const frame = decodeBody(code, packet.subarray(at + FRAME_HEAD, end))
    if (frame !== undefined) frames.push({ frame, cost: isPaid(code) ? FRAME_COST + length : 0 })
    at = end
  }
  return frames
}

/** Frames of messages; all others are few and small, or have a window of their own. */
function isPaid(code: number | undefined): boolean {
  return code === CODES.message || code === CODES.begin || code === CODES.part
}

function decodeBody(code: number | undefined, body: Uint8Array): Frame | undefined {
  switch (code) {
    case CODES.message:
      return decodeMessage(body)
    case CODES.part:
    case CODES.chunk: {
      const type = code === CODES.part ? 'part' : 'chunk'
      return body.length > PART_HEAD ? { type, id: u32(body, 0), payload: body.subarray(PART_HEAD) } : fault(type)
    }
    case CODES.begin:
      return decodeBegin(body)
    case CODES.stream:
      return decodeStream(body)
    case CODES.hello:
      return body.length >= HELLO_BODY ? { type: 'hello', version: body[0] ?? 0, maxMessageSize: u32(body, 1) } : fault('hello')
    case CODES.stop:
      return body.length >= STOP_BODY ? { type: 'stop', id: u32(body, 0), verdict: verdictOf(body[4]) } : fault('stop')
    case CODES.credit:
      return body.length >= CREDIT_BODY ? { type: 'credit', id: u32(body, 0), taken: u48(body, 4) } : fault('credit')
    case CODES.end:
      return decodeWord('end', body)
    case CODES.abort:
      return decodeWord('abort', body)
    case CODES.ping:
      return decodeWord('ping', body)
    case CODES.pong:
      return decodeWord('pong', body)
    case CODES.cancel:
      return decodeWord('cancel', body)
    default:
      return undefined
  }
}

function decodeWord(type: Word['type'], body: Uint8Array): Frame {
  return body.length >= WORD_BODY ? { type, value: u32(body, 0) } : fault(type)
}

/** One of a later version ends the transfer as well. */
function verdictOf(code: number | undefined): Verdict {
  return VERDICTS[code ?? 0] ?? 'cancelled'
}

function decodeMessage(body: Uint8Array): Frame {
  const head = body.length >= MESSAGE_HEAD ? decodeHead(body, 0) : undefined
  return head === undefined ? fault('message') : { type: 'message', head, payload: body.subarray(MESSAGE_HEAD) }
}

function decodeBegin(body: Uint8Array): Frame {
  const head = body.length >= BEGIN_BODY ? decodeHead(body, 4) : undefined
  const size = u32(body, 9)
  if (head === undefined || size === 0) return fault('begin')
  return { type: 'begin', id: u32(body, 0), head, size }
}

function decodeStream(body: Uint8Array): Frame {
  if (body.length < STREAM_HEAD || body.length > STREAM_HEAD + MAX_META) return fault('stream')
  const size = u48(body, 4)
  try {
    const meta = decodeText(body.subarray(STREAM_HEAD))
    return { type: 'stream', id: u32(body, 0), size: size === UNKNOWN_SIZE ? undefined : size, meta }
  } catch {
    return fault('stream')
  }
}

function decodeHead(body: Uint8Array, at: number): Head | undefined {
  const bits = body[at] ?? 0
  const purpose = PURPOSES[bits >> 1]
  return purpose === undefined ? undefined : { binary: (bits & 1) === 1, purpose, exchange: u32(body, at + 1) }
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws for what is no UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return text.decode(bytes)
}

/** Writes frames one after the other into a buffer that it is given. */
export class PacketWriter {
  readonly #buffer: Uint8Array
  #length = 0
  #cost = 0

  constructor(size: number) {
    this.#buffer = new Uint8Array(size)
  }

  /** What was written so far; the next `clear` makes it worthless. */
  get packet(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  /** The most bytes that a part or chunk may have now. */
  get partRoom(): number {
    return this.#room - PART_HEAD
  }

  /** What the frames of messages among them take of the credit. */
  get cost(): number {
    return this.#cost
  }

  clear(): void {
    this.#length = 0
    this.#cost = 0
  }

  // Each writes its frame whole, or nothing and says false when there is no room for it.

  hello(maxMessageSize: number): boolean {
    if (!this.#frame(CODES.hello, HELLO_BODY)) return false
    this.#u8(VERSION)
    this.#u32(maxMessageSize)
    return true
  }

  message(head: Head, payload: string | Uint8Array): boolean {
    // A text's bytes are counted by writing them: three for each of its units are enough in any case.
    const most = MESSAGE_HEAD + (typeof payload === 'string' ? payload.length * 3 : payload.byteLength)
    if (most > this.#room) return false
    const start = this.#length
    this.#frame(CODES.message, 0)
    this.#head(head)
    if (typeof payload === 'string') this.#length += utf8.encodeInto(payload, this.#buffer.subarray(this.#length)).written
    else this.#bytes(payload)
    const length = this.#length - start - FRAME_HEAD
    this.#buffer[start + 1] = length >> 8
    this.#buffer[start + 2] = length
    this.#cost += length
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
    this.#bytes(meta)
    return true
  }

  chunk(id: number, payload: Uint8Array): boolean {
    return this.#piece(CODES.chunk, id, payload)
  }

  stop(id: number, verdict: Verdict): boolean {
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

  word(type: Word['type'], value: number): boolean {
    if (!this.#frame(CODES[type], WORD_BODY)) return false
    this.#u32(value)
    return true
  }

  get #room(): number {
    return Math.min(MAX_BODY, this.#buffer.length - this.#length - FRAME_HEAD)
  }

  #piece(code: number, id: number, payload: Uint8Array): boolean {
    if (!this.#frame(code, PART_HEAD + payload.byteLength)) return false
    this.#u32(id)
    this.#bytes(payload)
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

  #head({ binary, purpose, exchange }: Head): void {
    this.#u8((PURPOSES.indexOf(purpose) << 1) | (binary ? 1 : 0))
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

  #bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.byteLength
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0xff) << 8) | (bytes[at + 1] ?? 0xff) // a header that is cut short claims more than there is
}

function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) * 2 ** 16 + u16(bytes, at + 2)) >>> 0
}

function u48(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 2 ** 32 + u32(bytes, at + 2)
}

/** No error yet: a packet has room for 87 000 of them, and making one takes its time. */
function fault(of: FrameType): Frame {
  return { type: 'fault', of }
}

function bad(message: string): ProtocolError {
  return new ProtocolError('ERR_BAD_FRAME', message)
}
