/**
 * Codec of the control channel between two swarmlink peers. Synchronous and total: knows nothing of channels, time, or what a topic is.
 *
 *     message := frame*                             one message of the control channel
 *     frame   := type u8 | length u16 | body        numbers are big-endian
 *
 * The decoder skips frames of an unknown type, and ignores extra bytes at the end of a known frame, so that later versions can add to the
 * protocol.
 */
import { concatBytes, fromHex, toHex, utf8, viewOf } from '../../core/bytes.js'
import { ProtocolError } from '../../core/errors.js'
import { decodeText, FRAME_HEAD } from '../messages/frame-codec.js'

export const CONTROL_VERSION = 1
/** A capability: the peer forwards payloads of peer exchange. */
export const EXCHANGE = 1
/** A capability: the peer shares topics over this connection. */
export const SHARING = 2
/** The capabilities that this version knows; other bits belong to later versions and are ignored. */
const CAPABILITIES = EXCHANGE | SHARING

/** In bytes, three times what this version sends. A longer message is refused before it is parsed. */
export const MAX_CONTROL_MESSAGE = 64 * 1024
export const HASH_BYTES = 8
/** Hashes per frame: 4 KiB, which leaves room for other frames in the same message. */
export const MAX_HASHES = 512
/** In bytes, the same limit as for a description from a tracker. */
export const MAX_DESCRIPTION = 16 * 1024
/** In bytes: a description and its routing fields. */
export const MAX_RELAY = 20 * 1024

/** Too long to guess. */
export const KEY_BYTES = 16

const HELLO_BODY = 5
const WORD_BODY = 4

export type ControlFrame =
  /** The first frame on each channel. */
  | { type: 'hello'; version: number; capabilities: number }
  /** Topics that the sender has now, too, as keyed hashes in hex. */
  | { type: 'topics'; hashes: string[] }
  /** Topics that the sender no longer has. */
  | { type: 'gone'; hashes: string[] }
  | { type: 'bye' }
  | { type: 'ping'; token: number }
  | { type: 'pong'; token: number }
  | RestartFrame
  /** A payload of peer exchange. */
  | { type: 'relay'; message: Uint8Array }
  /** The answerer's application closed a topic's messages (without a hash: of the first topic): the offerer must not reopen them. */
  | { type: 'silent'; hash?: string }

/**
 * A frame of repair (ICE restart). Only the offerer of a connection can restart, so the answerer asks for one. Each side numbers its
 * attempts, because frames take several routes and may arrive late; an answer has the number of its offer.
 */
export type RestartFrame =
  | { type: 'restart'; number: number; offer: string }
  | { type: 'restarted'; number: number; answer: string }
  | { type: 'restart-please'; number: number }
  /** From the answerer: the key that encrypts frames of repair which other peers forward. */
  | { type: 'repair-key'; key: Uint8Array }

/** The code of a type is its index. */
const TYPES: ReadonlyArray<ControlFrame['type'] | undefined> = [
  undefined,
  'hello',
  'topics',
  'gone',
  'bye',
  'ping',
  'pong',
  'restart',
  'restarted',
  'restart-please',
  'relay',
  'repair-key',
  'silent',
]

/** Whether a remote peer accepts a frame of this size. */
export function fits(frame: ControlFrame): boolean {
  return encodeBody(frame).length <= most(frame.type)
}

/** Encodes a frame that {@link fits}. */
export function encodeControl(frame: ControlFrame): Uint8Array {
  const body = encodeBody(frame)
  return concatBytes(Uint8Array.of(TYPES.indexOf(frame.type), body.length >> 8, body.length), body)
}

/** Decodes the frames of one message. A malformed frame throws a ProtocolError, and no frame of the message counts. */
export function decodeControl(message: Uint8Array): ControlFrame[] {
  if (message.length > MAX_CONTROL_MESSAGE) throw bad(`a message of ${message.length} bytes`)
  const frames: ControlFrame[] = []
  for (let at = 0; at < message.length;) {
    if (at + FRAME_HEAD > message.length) throw bad('a frame without a length')
    const end = at + FRAME_HEAD + viewOf(message).getUint16(at + 1)
    if (end > message.length) throw bad('a frame that is cut short')
    const frame = decodeBody(TYPES[message[at] ?? 0], message.subarray(at + FRAME_HEAD, end))
    if (frame !== undefined) frames.push(frame)
    at = end
  }
  return frames
}

function encodeBody(frame: ControlFrame): Uint8Array {
  switch (frame.type) {
    case 'hello':
      return concatBytes(Uint8Array.of(frame.version), u32(frame.capabilities))
    case 'topics':
    case 'gone':
      return fromHex(frame.hashes.join('')) ?? new Uint8Array(0) // they were made with toHex
    case 'ping':
    case 'pong':
      return u32(frame.token)
    case 'restart':
    case 'restarted':
      return concatBytes(u32(frame.number), utf8.encode('offer' in frame ? frame.offer : frame.answer))
    case 'restart-please':
      return u32(frame.number)
    case 'repair-key':
      return frame.key
    case 'relay':
      return frame.message
    case 'silent':
      return fromHex(frame.hash ?? '') ?? new Uint8Array(0) // it was made with toHex
    default:
      return new Uint8Array(0)
  }
}

function decodeBody(type: ControlFrame['type'] | undefined, body: Uint8Array): ControlFrame | undefined {
  if (type === undefined) return undefined
  if (body.length < least(type) || body.length > most(type)) throw bad(`${type} with ${body.length} bytes`)
  switch (type) {
    case 'hello':
      return { type, version: body[0] ?? 0, capabilities: viewOf(body).getUint32(1) & CAPABILITIES }
    case 'topics':
    case 'gone':
      return { type, hashes: decodeHashes(body) }
    case 'ping':
    case 'pong':
      return { type, token: viewOf(body).getUint32(0) }
    case 'restart':
      return { type, number: viewOf(body).getUint32(0), offer: decodeDescription(body) }
    case 'restarted':
      return { type, number: viewOf(body).getUint32(0), answer: decodeDescription(body) }
    case 'restart-please':
      return { type, number: viewOf(body).getUint32(0) }
    case 'repair-key':
      return { type, key: body.slice(0, KEY_BYTES) }
    case 'relay':
      return { type, message: body }
    case 'silent':
      return body.length < HASH_BYTES ? { type } : { type, hash: toHex(body.subarray(0, HASH_BYTES)) }
    default:
      return { type }
  }
}

function least(type: ControlFrame['type']): number {
  if (type === 'hello') return HELLO_BODY
  if (type === 'repair-key') return KEY_BYTES
  return type === 'ping' || type === 'pong' || type.startsWith('restart') ? WORD_BODY : 0
}

function most(type: ControlFrame['type']): number {
  if (type === 'topics' || type === 'gone') return MAX_HASHES * HASH_BYTES
  return type === 'restart' || type === 'restarted' ? WORD_BODY + MAX_DESCRIPTION : MAX_RELAY
}

function decodeHashes(body: Uint8Array): string[] {
  if (body.length % HASH_BYTES !== 0) throw bad(`hashes in ${body.length} bytes`)
  const hex = toHex(body)
  return Array.from({ length: body.length / HASH_BYTES }, (_, i) => hex.slice(2 * HASH_BYTES * i, 2 * HASH_BYTES * (i + 1)))
}

function decodeDescription(body: Uint8Array): string {
  try {
    return decodeText(body.subarray(WORD_BODY))
  } catch (cause) {
    throw new ProtocolError('ERR_BAD_FRAME', 'a description that is not UTF-8', { cause })
  }
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

function bad(what: string): ProtocolError {
  return new ProtocolError('ERR_BAD_FRAME', `the peer sent ${what} on the control channel`)
}
