/**
 * Codec of message payloads: JSON text, raw bytes, or JSON with bytes inside (`mixed`). Synchronous; `encode` throws a SwarmlinkError with
 * the path of a value that cannot be sent, `decode` a ProtocolError for a malformed payload. Knows no channel.
 *
 *     mixed := length u32 | JSON text of that length | the bytes of each attachment, one after the other
 *     text  := [message, [[length, ...path], ...]]     0 in the message in place of an attachment
 */
import { concatBytes, utf8 } from '../../core/bytes.js'
import { ProtocolError, reasonOf, tooLarge } from '../../core/errors.js'
import { excessOf, parse } from './json.js'
import { type Attachment, MessageCopier, detached, isBytes, isPlain, LIMITS, viewOf } from './message-copier.js'
import { LARGEST_MESSAGE } from './message-size.js'
import type { Message } from './messenger.js'
import { decodeText, type Form } from './frame-codec.js'

const ROOT = 'message'
const TEXT_LENGTH = 4

export interface EncodedMessage {
  readonly form: Form
  /** A string for `json`, the caller's own bytes for `bytes`, a copy for `mixed`. */
  readonly data: string | Uint8Array
}

/** Throws a SwarmlinkError for a value that cannot be sent. */
export function encode(message: unknown): EncodedMessage {
  if (isBytes(message)) return { form: 'bytes', data: attached(message) }
  const text = plainText(message)
  if (text !== undefined) return { form: 'json', data: checkedText(text) }
  const copier = new MessageCopier(ROOT)
  const copy = copier.copy(message)
  const { attachments } = copier
  return attachments.length === 0
    ? { form: 'json', data: checkedText(textOf(copy)) }
    : { form: 'mixed', data: mix(copy, attachments) }
}

/** Copies a message of bytes, so that the caller may change its buffer. */
export function copyBytes(message: ArrayBuffer | ArrayBufferView): Uint8Array {
  return new Uint8Array(attached(message)) // `slice` of a Buffer does not copy
}

/** Encodes as JSON, where bytes are not possible; `noBytes` is the reason in the error, `root` the name of the message in it. */
export function encodeJson(message: unknown, noBytes: string, root = ROOT): string {
  return plainText(message) ?? textOf(new MessageCopier(root, noBytes).copy(message))
}

/** The length of the JSON text in a payload, or 0 if the payload has none or its length has not arrived yet. */
export function jsonSizeOf(form: Form, payload: Uint8Array): number {
  if (form === 'json') return payload.byteLength
  if (form !== 'mixed' || payload.byteLength < TEXT_LENGTH) return 0
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0)
}

/** Throws a ProtocolError for a malformed payload. */
export function decode(form: Form, payload: Uint8Array): Message {
  switch (form) {
    case 'bytes':
      return payload
    case 'json':
      return parse(readText(payload))
    case 'mixed':
      return unmix(payload)
    case 'unknown':
      throw bad('a message of an unknown form: update swarmlink to the version of the peer')
  }
}

function attached(message: ArrayBuffer | ArrayBufferView): Uint8Array {
  const bytes = viewOf(message)
  if (bytes === undefined) throw detached(ROOT)
  return bytes
}

/** Undefined if the message needs a `Copier`. */
function plainText(message: unknown): string | undefined {
  try {
    return isPlain(message) ? JSON.stringify(message) : undefined
  } catch {
    return undefined // a getter threw; `Copier` reports its path
  }
}

function textOf(copy: unknown): string {
  try {
    return JSON.stringify(copy)
  } catch (cause) {
    throw tooLarge(`a message is too large for one JSON text (${reasonOf(cause)}): send it in parts`, {
      cause,
    })
  }
}

/** Throws if the JSON text has more values than a peer accepts. */
function checkedText(text: string): string {
  if (excessOf(text, Number.POSITIVE_INFINITY) === 'values')
    throw tooLarge(
      `a message of more than ${LIMITS.values} JSON values is above the limit of peers: send numbers as a typed array, or the message as bytes, as a stream or in parts`,
    )
  return text
}

function mix(copy: unknown, attachments: readonly Attachment[]): Uint8Array {
  const total = attachments.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  if (total > LARGEST_MESSAGE)
    throw tooLarge(`a message with ${total} bytes is above the limit of ${LARGEST_MESSAGE}: send it in parts`)
  const text = utf8.encode(checkedText(textOf([copy, attachments.map(({ path, bytes }) => [bytes.byteLength, ...path])])))
  const length = new Uint8Array(TEXT_LENGTH)
  new DataView(length.buffer).setUint32(0, text.byteLength)
  return concatBytes(length, text, ...attachments.map(({ bytes }) => bytes))
}

function unmix(payload: Uint8Array): Message {
  if (payload.byteLength < TEXT_LENGTH) throw misfit()
  let at = TEXT_LENGTH + jsonSizeOf('mixed', payload)
  if (at > payload.byteLength) throw misfit()
  const whole: unknown = parse(readText(payload.subarray(TEXT_LENGTH, at)), LIMITS.depth + 1)
  const table: unknown = Array.isArray(whole) && whole.length === 2 ? whole[1] : undefined
  if (!Array.isArray(table) || table.length > LIMITS.attachments) throw misfit()
  for (const entry of table as unknown[]) {
    const [size, ...path] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || at + size > payload.byteLength) throw misfit()
    put(whole, [0, ...path], payload.slice(at, at + size)) // a copy, because a view would keep the whole message in memory
    at += size
  }
  if (at !== payload.byteLength) throw misfit()
  return (whole as [Message])[0] // JSON, with bytes that `put` has added
}

/** Replaces the 0 at this path with bytes. */
function put(whole: unknown, path: readonly unknown[], bytes: Uint8Array): void {
  let holder = whole
  for (const [i, key] of path.entries()) {
    if (!isField(holder, key)) throw misfit()
    const fields = holder as Record<string | number, unknown> // any object's members may be read
    if (i < path.length - 1) holder = fields[key]
    else if (fields[key] === 0) fields[key] = bytes
    else throw misfit()
  }
}

/** Accepts own fields of objects (for `JSON.parse` `__proto__` is one) and items of lists only, so that no path reaches a prototype. */
function isField(holder: unknown, key: unknown): key is string | number {
  if (typeof holder !== 'object' || holder === null) return false
  return typeof key === (Array.isArray(holder) ? 'number' : 'string') && Object.hasOwn(holder, key as string | number)
}

function misfit(): ProtocolError {
  return bad('a message whose attachments do not match its JSON')
}

function readText(payload: Uint8Array): string {
  try {
    return decodeText(payload)
  } catch (cause) {
    throw new ProtocolError('ERR_BAD_FRAME', 'the peer sent a text that is not UTF-8', { cause })
  }
}

function bad(what: string): ProtocolError {
  return new ProtocolError('ERR_BAD_FRAME', `the peer sent ${what}`)
}
