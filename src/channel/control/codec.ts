/**
 * What two of ours say to each other about their connection, in bytes. Synchronous and total: knows nothing of channels, time, or what a
 * topic is.
 *
 *     message := frame*                             one message of the control channel
 *     frame   := type u8 | length u16 | body        numbers are big-endian
 *
 * A frame of an unknown type is skipped, and what a known one says at its end beyond what is known here is not read, so that later
 * versions can say more.
 */
import { concatBytes, fromHex, toHex, utf8 } from '../core/bytes.js'
import { ProtocolError } from '../core/errors.js'
import { decodeText, FRAME_HEAD } from './wire.js'

export const CONTROL_VERSION = 1
/** A capability: it passes messages of peer exchange on. */
export const EXCHANGE = 1
/** A capability: topics in common are looked for on this connection. */
export const SHARING = 2
/** What is understood here; other bits belong to later versions and are left out. */
const CAPABILITIES = EXCHANGE | SHARING

/** Three times what this version sends at once; a longer one is not even looked at. */
export const MAX_CONTROL_MESSAGE = 64 * 1024
export const HASH_BYTES = 8
/** 4 KiB of them, which leaves room for others in the same message. */
export const MAX_HASHES = 512
/** As much as a description has that comes by a tracker. */
export const MAX_DESCRIPTION = 16 * 1024
/** A description and what is said about its way. */
export const MAX_RELAY = 20 * 1024

/** Nobody guesses it. */
export const KEY_BYTES = 16

const HELLO_BODY = 5
const WORD_BODY = 4

export type ControlFrame =
  /** The first on each channel. */
  | { type: 'hello'; version: number; capabilities: number }
  /** "I have these too", as keyed hashes in hex. */
  | { type: 'topics'; hashes: string[] }
  /** "Not any more." */
  | { type: 'gone'; hashes: string[] }
  | { type: 'bye' }
  | { type: 'ping'; token: number }
  | { type: 'pong'; token: number }
  | RestartFrame
  /** A message of peer exchange. */
  | { type: 'relay'; message: Uint8Array }
  /**
   * The callee's application closed its messages of a topic, so that the caller does not open that channel again. Without a hash it is the
   * topic that brought the two together.
   */
  | { type: 'silent'; hash?: string }

/**
 * A word of repair. Only the caller of a connection can begin an ICE restart, so the callee asks for one. Each side counts what it begins,
 * because words go several ways and may come late; an answer has the number of its offer.
 */
export type RestartFrame =
  | { type: 'restart'; number: number; offer: string }
  | { type: 'restarted'; number: number; answer: string }
  | { type: 'restart-please'; number: number }
  /** The callee's: what others pass on between the two is sealed with it. */
  | { type: 'repair-key'; key: Uint8Array }

/** Each type's code is its place. */
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

/** Whether a remote takes it. */
export function fits(frame: ControlFrame): boolean {
  return encodeBody(frame).length <= most(frame.type)
}

/** A frame that {@link fits}. */
export function encodeControl(frame: ControlFrame): Uint8Array {
  const body = encodeBody(frame)
  return concatBytes(Uint8Array.of(TYPES.indexOf(frame.type), body.length >> 8, body.length), body)
}

/** The frames of one message. Throws a ProtocolError for what makes no sense, with all of its frames. */
export function decodeControl(message: Uint8Array): ControlFrame[] {
  if (message.length > MAX_CONTROL_MESSAGE) throw bad(`a message of ${message.length} bytes`)
  const frames: ControlFrame[] = []
  for (let at = 0; at < message.length;) {
    if (at + FRAME_HEAD > message.length) throw bad('a frame without a length')
    const { code, end } = head(message, at)
    if (end > message.length) throw bad('a frame that is cut short')
    const frame = decodeBody(TYPES[code], message.subarray(at + FRAME_HEAD, end))
    if (frame !== undefined) frames.push(frame)
    at = end
  }
  return frames
}

function head(message: Uint8Array, at: number): { code: number; end: number } {
  const view = viewOf(message)
  return { code: view.getUint8(at), end: at + FRAME_HEAD + view.getUint16(at + 1) }
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
      return concatBytes(u32(frame.number), utf8.encode(frame.offer))
    case 'restarted':
      return concatBytes(u32(frame.number), utf8.encode(frame.answer))
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
    throw new ProtocolError('ERR_BAD_FRAME', 'a description that is no text', { cause })
  }
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function bad(what: string): ProtocolError {
  return new ProtocolError('ERR_BAD_FRAME', `on the control channel came ${what}`)
}
