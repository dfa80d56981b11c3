/**
 * What travels on a message channel: packets of frames, in bytes. Synchronous and total: knows nothing of channels, credit or time.
 *
 *     packet := frame*                              one message of the data channel
 *     frame  := type u8 | length u16 | body         numbers are big-endian
 *
 * A frame of a type that is not known here is skipped, so that later versions can say more.
 */
import { ProtocolError } from '../core/errors.js'
import type { MessageLimits } from './message-size.js'

/** Small enough for every engine there ever was, and for a small message to find its way between two parts of a large one. */
export const MAX_FRAME = 16 * 1024
/** A message of a data channel costs by its number: four frames in one are a tenth faster than four. */
export const MAX_PACKET = 64 * 1024
export const VERSION = 1
/** What is said about a stream beside its bytes. */
export const MAX_META = 4 * 1024

export const FRAME_HEAD = 3
/** What a frame costs of the credit beside its body, which is about what it takes to keep it: empty messages are not free. */
export const FRAME_COST = 64
export const MAX_BODY = MAX_FRAME - FRAME_HEAD
/** Purpose and exchange of a `message`. */
export const MESSAGE_HEAD = 5
export const BEGIN_BODY = 13
export const STREAM_HEAD = 10
export const STOP_BODY = 5
export const CREDIT_BODY = 10
export const HELLO_BODY = 9
/** What a `hello` had before JSON had a limit of its own. */
const EARLY_HELLO_BODY = 5
export const WORD_BODY = 4
/** The id of a `part` or `chunk`. */
export const PART_HEAD = 4
/** The most that a message in one frame has. */
export const MAX_SMALL = MAX_BODY - MESSAGE_HEAD
/** The most that one part of a large message or of a stream has. */
export const MAX_PART = MAX_BODY - PART_HEAD
export const UNKNOWN_SIZE = 2 ** 48 - 1

/** What a message is for; all but `plain` belong to an exchange of a request and its reply. */
export type Purpose = 'plain' | 'request' | 'reply' | 'failure'

/** How the payload of a message is written: see message-codec.ts. `unknown`: in a form of a later version. */
export type Form = 'json' | 'bytes' | 'mixed' | 'unknown'

export interface Head {
  form: Form
  purpose: Purpose
  /** Which request; 0 for plain messages. */
  exchange: number
}

/** Why a transfer ended before, or, with `done`, at its end. */
export type Verdict = 'done' | 'too-large' | 'busy' | 'unwanted' | 'idle' | 'cancelled'

export type Frame =
  | ({ type: 'hello'; version: number } & MessageLimits)
  /** A whole message. */
  | { type: 'message'; head: Head; payload: Uint8Array }
  /** A message that comes in parts. */
  | { type: 'begin'; id: number; head: Head; size: number }
  | { type: 'part'; id: number; payload: Uint8Array }
  /** Bytes that are read as they come; undefined when their number is not known. */
  | { type: 'stream'; id: number; size: number | undefined; meta: string }
  | { type: 'chunk'; id: number; payload: Uint8Array }
  /**
   * `end` of a stream. `abort`: its sender gives a message or a stream up. `cancel`: the reply to this request is not waited for any more.
   * `bye`: its sender is closing; only replies and words follow. Its number is 1 once everything that the receiver sent before its own has
   * arrived, and 0 before.
   */
  | Word
  /** The receiver does not want more of it, or has it all. */
  | { type: 'stop'; id: number; verdict: Verdict }
  /** How many bytes were taken since the beginning, of a stream, or with id 0 of all messages. */
  | { type: 'credit'; id: number; taken: number }
  /** Of no use; the next frame is unharmed. */
  | { type: 'fault'; of: string }

/** A frame that is one number. */
export interface Word {
  type: 'end' | 'abort' | 'ping' | 'pong' | 'cancel' | 'bye'
  value: number
}

type FrameType = Frame['type']

export const CODES: Record<Exclude<FrameType, 'fault'>, number> = {
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
  bye: 14,
}
export const PURPOSES: readonly Purpose[] = ['plain', 'request', 'reply', 'failure']
/** The first byte of a head: bits 1 and 2 are the purpose, the others the form. */
export const FORMS: readonly Form[] = ['json', 'bytes', 'mixed', 'unknown']
const PURPOSE_BITS = 0b110
export const VERDICTS: readonly Verdict[] = ['done', 'too-large', 'busy', 'unwanted', 'idle', 'cancelled']

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
export function isPaid(code: number | undefined): boolean {
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
      return decodeHello(body)
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
    case CODES.bye:
      return decodeWord('bye', body)
    default:
      return undefined
  }
}

/** A peer of an earlier version takes JSON as large as any message, and its `hello` ends before the limit of JSON. */
function decodeHello(body: Uint8Array): Frame {
  if (body.length < EARLY_HELLO_BODY) return fault('hello')
  const maxMessageSize = u32(body, 1)
  const maxJsonSize = body.length < HELLO_BODY ? maxMessageSize : u32(body, EARLY_HELLO_BODY)
  return { type: 'hello', version: body[0] ?? 0, maxMessageSize, maxJsonSize }
}

function decodeWord(type: Word['type'], body: Uint8Array): Frame {
  return body.length >= WORD_BODY ? { type, value: u32(body, 0) } : fault(type)
}

/** One of a later version ends the transfer as well. */
function verdictOf(code: number | undefined): Verdict {
  return VERDICTS[code ?? 0] ?? 'cancelled'
}

function decodeMessage(body: Uint8Array): Frame {
  if (body.length < MESSAGE_HEAD) return fault('message')
  return { type: 'message', head: decodeHead(body, 0), payload: body.subarray(MESSAGE_HEAD) }
}

function decodeBegin(body: Uint8Array): Frame {
  const size = u32(body, 9)
  if (body.length < BEGIN_BODY || size === 0) return fault('begin')
  return { type: 'begin', id: u32(body, 0), head: decodeHead(body, 4), size }
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

function decodeHead(body: Uint8Array, at: number): Head {
  const bits = body[at] ?? 0
  const purpose = PURPOSES[(bits & PURPOSE_BITS) >> 1] ?? 'plain' // two bits have four values, all of which mean something
  const form = FORMS[((bits & ~PURPOSE_BITS) >> 2) | (bits & 1)] ?? 'unknown'
  return { form, purpose, exchange: u32(body, at + 1) }
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws for what is no UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return text.decode(bytes)
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
