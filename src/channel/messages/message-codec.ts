/**
 * Writes messages as payloads and reads them: JSON text, bytes as they are, or JSON with bytes inside (`mixed`). Synchronous; `encode`
 * throws a SwarmlinkError with the path of what cannot be sent, `decode` a ProtocolError for a payload that cannot be read. Knows no channel.
 *
 *     mixed := length u32 | JSON text of that length | the bytes of each attachment, one after the other
 *     text  := [message, [[length, ...path], ...]]     0 stands in the message where an attachment belongs
 */
import { concatBytes, utf8 } from '../core/bytes.js'
import { ProtocolError, reasonOf, SwarmlinkError } from '../core/errors.js'
import { excessOf, parse } from './json.js'
import { type Attachment, Copier, detached, isBytes, isPlain, LIMITS, viewOf } from './message-form.js'
import { LARGEST_MESSAGE } from './message-size.js'
import type { Message } from './messenger.js'
import { decodeText, type Form } from './wire.js'

const ROOT = 'message'
const TEXT_LENGTH = 4

export interface Payload {
  readonly form: Form
  /** A text for `json`. The caller's own bytes for `bytes`, a copy for `mixed`. */
  readonly data: string | Uint8Array
}

/** Throws a SwarmlinkError for what cannot be sent. */
export function encode(message: unknown): Payload {
  if (isBytes(message)) return { form: 'bytes', data: attached(message) }
  const text = plainText(message)
  if (text !== undefined) return { form: 'json', data: countable(text) }
  const copier = new Copier(ROOT)
  const copy = copier.copy(message)
  const { attachments } = copier
  return attachments.length === 0
    ? { form: 'json', data: countable(textOf(copy)) }
    : { form: 'mixed', data: mix(copy, attachments) }
}

/** A copy of a message that is bytes: the caller may change its buffer afterwards. */
export function copyBytes(message: ArrayBuffer | ArrayBufferView): Uint8Array {
  return new Uint8Array(attached(message)) // `slice` of a Buffer would be no copy
}

/** JSON text, for peers and places that take no bytes; `noBytes` says why in the error. `root` is what errors call the message. */
export function encodeJson(message: unknown, noBytes: string, root = ROOT): string {
  return plainText(message) ?? textOf(new Copier(root, noBytes).copy(message))
}

/** The length of the JSON text in a payload, or 0 when the payload has none or its length has not arrived yet. */
export function jsonSizeOf(form: Form, payload: Uint8Array): number {
  if (form === 'json') return payload.byteLength
  if (form !== 'mixed' || payload.byteLength < TEXT_LENGTH) return 0
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0)
}

/** Throws a ProtocolError for a payload that cannot be read. */
export function decode(form: Form, payload: Uint8Array): Message {
  switch (form) {
    case 'bytes':
      return payload
    case 'json':
      return parse(readText(payload))
    case 'mixed':
      return unmix(payload)
    case 'unknown':
      throw bad('a message of a form that is not known here: both ends need the same version of swarmlink')
  }
}

function attached(message: ArrayBuffer | ArrayBufferView): Uint8Array {
  const bytes = viewOf(message)
  if (bytes === undefined) throw detached(ROOT)
  return bytes
}

/** Undefined when the message needs a `Copier`. */
function plainText(message: unknown): string | undefined {
  try {
    return isPlain(message) ? JSON.stringify(message) : undefined
  } catch {
    return undefined // a getter threw; `Copier` says where
  }
}

function textOf(copy: unknown): string {
  try {
    return JSON.stringify(copy)
  } catch (cause) {
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message is too large for one text (${reasonOf(cause)}): send it in parts`,
      {
        cause,
      },
    )
  }
}

/** Throws for JSON text with more values than a peer takes. */
function countable(text: string): string {
  if (excessOf(text, Number.POSITIVE_INFINITY) === 'values')
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of more than ${LIMITS.values} JSON values is above what peers take: send numbers as a typed array, or the message as bytes, as a stream or in parts`,
    )
  return text
}

function mix(copy: unknown, attachments: readonly Attachment[]): Uint8Array {
  const total = attachments.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  if (total > LARGEST_MESSAGE)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message with ${total} bytes in it is above ${LARGEST_MESSAGE}: send it in parts`,
    )
  const text = utf8.encode(countable(textOf([copy, attachments.map(({ path, bytes }) => [bytes.byteLength, ...path])])))
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
    put(whole, [0, ...path], payload.slice(at, at + size)) // a copy: a view would keep the whole message in memory
    at += size
  }
  if (at !== payload.byteLength) throw misfit()
  return (whole as [Message])[0] // JSON, with bytes that `put` has put into it
}

/** Replaces the 0 at this path with bytes. */
function put(whole: unknown, path: readonly unknown[], bytes: Uint8Array): void {
  let holder = whole
  for (const [i, key] of path.entries()) {
    if (!isField(holder, key)) throw misfit()
    const fields = holder as Record<string | number, unknown> // any object can be read so
    if (i < path.length - 1) holder = fields[key]
    else if (fields[key] === 0) fields[key] = bytes
    else throw misfit()
  }
}

/** Only own fields of objects (`JSON.parse` makes `__proto__` one) and items of lists, so that no path reaches a prototype. */
function isField(holder: unknown, key: unknown): key is string | number {
  if (typeof holder !== 'object' || holder === null) return false
  return typeof key === (Array.isArray(holder) ? 'number' : 'string') && Object.hasOwn(holder, key as string | number)
}

function misfit(): ProtocolError {
  return bad('a message whose bytes do not fit its text')
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
