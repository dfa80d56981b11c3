/**
 * A message of a P2PT room between two that run swarmlink: what it is called and what it answers, around the message itself.
 * Knows nothing of connections.
 *
 * JSON travels as `{ id, re?, msg }`; bytes behind a header of a version byte and the two numbers as doubles, 0 for none.
 */
import { checkForm } from '../channel/json.js'
import type { Json, Message } from '../channel/messenger.js'
import { concatBytes } from '../core/bytes.js'
import { P2PTFrameError } from './p2pt-wire.js'

const VERSION = 1
const ID_OFFSET = 1
const RE_OFFSET = 9
const HEADER_BYTES = 17

export interface Envelope {
  /** The sender counts its messages from 1. */
  id: number
  /** Which message of the other side this one answers. */
  re: number | undefined
  message: Message
}

export function seal({ id, re, message }: Envelope): Message {
  if (message instanceof Uint8Array) {
    const header = new DataView(new ArrayBuffer(HEADER_BYTES))
    header.setUint8(0, VERSION)
    header.setFloat64(ID_OFFSET, id)
    header.setFloat64(RE_OFFSET, re ?? 0)
    return concatBytes(new Uint8Array(header.buffer), message)
  }
  return { id, ...(re !== undefined && { re }), msg: inJson(message) }
}

/** Throws nothing but a {@link P2PTFrameError}. */
export function open(data: Message): Envelope {
  const { id, re, message } = data instanceof Uint8Array ? openBytes(data) : openJson(data)
  if (!isCount(id) || !(re === undefined || isCount(re)) || message === undefined) throw new P2PTFrameError('bad-envelope')
  return { id, re, message }
}

/** Whether a message between two of ours can be called so. */
export function isCount(id: unknown): id is number {
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0
}

interface Opened {
  id: unknown
  re: unknown
  message: Message | undefined
}

function openBytes(data: Uint8Array): Opened {
  if (data.byteLength < HEADER_BYTES || data[0] !== VERSION) throw new P2PTFrameError('bad-envelope')
  const header = new DataView(data.buffer, data.byteOffset, HEADER_BYTES)
  const re = header.getFloat64(RE_OFFSET)
  return { id: header.getFloat64(ID_OFFSET), re: re === 0 ? undefined : re, message: data.subarray(HEADER_BYTES) }
}

function openJson(data: Json): Opened {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new P2PTFrameError('bad-envelope')
  return { id: data['id'], re: data['re'], message: data['msg'] }
}

/** Inside of an object, what has no JSON form would be left out, or become an empty one, without a word. */
function inJson(message: Json): Json {
  // A type says what an application should hand in, not what it does.
  const given: unknown = message
  const made = hasToJson(given) ? given.toJSON('') : given
  checkForm(made)
  return made as Json // the rest either has a JSON form or makes JSON.stringify throw
}

function hasToJson(value: unknown): value is { toJSON(key: string): unknown } {
  return typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function'
}
