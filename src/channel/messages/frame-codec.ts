/**
 * Codec of the message channel: packets of frames. Synchronous and total: knows nothing of channels, credit or time.
 *
 *     packet := frame*                              one message of the data channel
 *     frame  := type u8 | length u16 | body         numbers are big-endian
 *
 * The decoder skips frames of an unknown type, so that later versions can add to the protocol.
 */
import { ProtocolError } from '../../core/errors.js'
import type { MessageLimits } from './message-size.js'

/** In bytes: every engine carries it, and a small message can be sent between two parts of a large one. */
export const MAX_FRAME = 16 * 1024
/** In bytes. Each message of a data channel has a fixed cost: four frames in one message are 10 % faster than in four. */
export const MAX_PACKET = 64 * 1024
export const VERSION = 1
/** Limit for the `meta` of a stream, as JSON, in bytes. */
export const MAX_META = 4 * 1024

export const FRAME_HEAD = 3
/** Credit that a frame costs besides its body, about the memory to keep it, so that empty messages are not free. */
export const FRAME_COST = 64
export const MAX_BODY = MAX_FRAME - FRAME_HEAD
/** Purpose and exchange of a `message`. */
export const MESSAGE_HEAD = 5
export const BEGIN_BODY = 13
export const STREAM_HEAD = 10
export const STOP_BODY = 5
export const CREDIT_BODY = 10
export const HELLO_BODY = 9
/** The length of `hello` in versions without `maxJsonSize`. */
const EARLY_HELLO_BODY = 5
export const WORD_BODY = 4
/** The id of a `part` or `chunk`. */
export const PART_HEAD = 4
/** Longest payload of a message in one frame. */
export const MAX_SMALL = MAX_BODY - MESSAGE_HEAD
/** Longest part of a large message or of a stream. */
export const MAX_PART = MAX_BODY - PART_HEAD
export const UNKNOWN_SIZE = 2 ** 48 - 1

/** The kind of a message; all but `plain` belong to an exchange of a request and its reply. */
export type Purpose = 'plain' | 'request' | 'reply' | 'failure'

/** The encoding of a payload: see message-codec.ts. `unknown`: one of a later version. */
export type Form = 'json' | 'bytes' | 'mixed' | 'unknown'

export interface Head {
  form: Form
  purpose: Purpose
  /** The number of the request; 0 for plain messages. */
  exchange: number
}

/** Why the receiver ended a transfer early; `done`: at its end. */
export type SendResult = 'done' | 'too-large' | 'busy' | 'unwanted' | 'idle' | 'cancelled'

export type MessageFrame =
  | ({ type: 'hello'; version: number } & MessageLimits)
  | { type: 'message'; head: Head; payload: Uint8Array }
  /** Begins a message in parts. */
  | { type: 'begin'; id: number; head: Head; size: number }
  | { type: 'part'; id: number; payload: Uint8Array }
  /** Begins a stream; `size` is undefined if its length is not known. */
  | { type: 'stream'; id: number; size: number | undefined; meta: string }
  | { type: 'chunk'; id: number; payload: Uint8Array }
  /**
   * `end` of a stream. `abort`: the sender gives up a message or a stream. `cancel`: the sender no longer waits for the reply to this
   * request. `bye`: the sender is closing; only replies and control frames follow. Its value is 1 once all that the receiver sent before
   * its own `bye` has arrived, and 0 before.
   */
  | NumberFrame
  /** The receiver refuses the rest of a transfer, or has all of it. */
  | { type: 'stop'; id: number; verdict: SendResult }
  /** Total bytes that the receiver has read: of a stream, or with id 0 of all messages. */
  | { type: 'credit'; id: number; taken: number }
  /** A malformed frame; the next frame is still valid. */
  | { type: 'fault'; of: string }

/** A frame with one number. */
export interface NumberFrame {
  type: 'end' | 'abort' | 'ping' | 'pong' | 'cancel' | 'bye'
  value: number
}

type FrameType = MessageFrame['type']

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
const WORDS: ReadonlyArray<NumberFrame['type']> = ['end', 'abort', 'ping', 'pong', 'cancel', 'bye']
export const PURPOSES: readonly Purpose[] = ['plain', 'request', 'reply', 'failure']
/** In the first byte of a head, bits 1 and 2 are the purpose, the others the form. */
export const FORMS: readonly Form[] = ['json', 'bytes', 'mixed', 'unknown']
const PURPOSE_BITS = 0b110
export const VERDICTS: readonly SendResult[] = ['done', 'too-large', 'busy', 'unwanted', 'idle', 'cancelled']

/** One received frame, with its cost in message credit. */
export interface Received {
  frame: MessageFrame
  cost: number
}

/** Decodes the frames of one packet. Throws a ProtocolError if a length is invalid, because the rest cannot be parsed then. */
export function decode(packet: Uint8Array): Received[] {
  const frames: Received[] = []
  for (let at = 0; at < packet.length;) {
    const length = u16(packet, at + 1)
    const end = at + FRAME_HEAD + length
    if (length > MAX_BODY || end > packet.length)
      throw new ProtocolError('ERR_BAD_FRAME', `a frame of ${length} bytes in a packet of ${packet.length}`)
    const code = packet[at]
    const frame = decodeBody(code, packet.subarray(at + FRAME_HEAD, end))
    if (frame !== undefined) frames.push({ frame, cost: isPaid(code) ? FRAME_COST + length : 0 })
    at = end
  }
  return frames
}

/** Whether a frame costs message credit. All others are few and small, or have their own window. */
export function isPaid(code: number | undefined): boolean {
  return code === CODES.message || code === CODES.begin || code === CODES.part
}

function decodeBody(code: number | undefined, body: Uint8Array): MessageFrame | undefined {
  switch (code) {
    case CODES.message:
      if (body.length < MESSAGE_HEAD) return fault('message')
      return { type: 'message', head: decodeHead(body, 0), payload: body.subarray(MESSAGE_HEAD) }
    case CODES.part:
    case CODES.chunk: {
      const type = code === CODES.part ? 'part' : 'chunk'
      return body.length > PART_HEAD ? { type, id: u32(body, 0), payload: body.subarray(PART_HEAD) } : fault(type)
    }
    case CODES.begin: {
      const size = u32(body, 9)
      if (body.length < BEGIN_BODY || size === 0) return fault('begin')
      return { type: 'begin', id: u32(body, 0), head: decodeHead(body, 4), size }
    }
    case CODES.stream:
      return decodeStream(body)
    case CODES.hello:
      return decodeHello(body)
    case CODES.stop:
      // An unknown verdict of a later version counts as `cancelled`.
      return body.length >= STOP_BODY
        ? { type: 'stop', id: u32(body, 0), verdict: VERDICTS[body[4] ?? 0] ?? 'cancelled' }
        : fault('stop')
    case CODES.credit:
      return body.length >= CREDIT_BODY ? { type: 'credit', id: u32(body, 0), taken: u48(body, 4) } : fault('credit')
    default: {
      const type = WORDS.find(word => CODES[word] === code)
      if (type === undefined) return undefined
      return body.length >= WORD_BODY ? { type, value: u32(body, 0) } : fault(type)
    }
  }
}

/** A peer of an earlier version has no limit for JSON but that of messages, and a shorter `hello`. */
function decodeHello(body: Uint8Array): MessageFrame {
  if (body.length < EARLY_HELLO_BODY) return fault('hello')
  const maxMessageSize = u32(body, 1)
  const maxJsonSize = body.length < HELLO_BODY ? maxMessageSize : u32(body, EARLY_HELLO_BODY)
  return { type: 'hello', version: body[0] ?? 0, maxMessageSize, maxJsonSize }
}

function decodeStream(body: Uint8Array): MessageFrame {
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
  const purpose = PURPOSES[(bits & PURPOSE_BITS) >> 1] ?? 'plain' // two bits have four values, and there are four purposes
  const form = FORMS[((bits & ~PURPOSE_BITS) >> 2) | (bits & 1)] ?? 'unknown'
  return { form, purpose, exchange: u32(body, at + 1) }
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws if the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return text.decode(bytes)
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0xff) << 8) | (bytes[at + 1] ?? 0xff) // a truncated header then claims more bytes than there are
}

function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) * 2 ** 16 + u16(bytes, at + 2)) >>> 0
}

function u48(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 2 ** 32 + u32(bytes, at + 2)
}

/** Not an Error object: a packet may contain 87 000 faults, and creating errors is slow. */
function fault(of: FrameType): MessageFrame {
  return { type: 'fault', of }
}
