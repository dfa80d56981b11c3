/**
 * The envelope of a P2PT message between two swarmlink peers, as bytes: the message's id, the id of the message that it answers, and the
 * message. Knows nothing of connections.
 *
 *     envelope := version u8 | form u8 | id f64 | re f64, 0 for none | the message as message-codec.ts writes it
 */
import { decode, encode, jsonSizeOf } from '../channel/messages/message-codec.js'
import type { Message } from '../channel/messages/messenger.js'
import { FORMS, type Form } from '../channel/messages/frame-codec.js'
import { concatBytes, utf8 } from '../core/bytes.js'
import { P2PTFrameError } from './stock-codec.js'

const VERSION = 2
const FORM_OFFSET = 1
const ID_OFFSET = 2
const RE_OFFSET = 10
const HEADER_BYTES = 18

export interface Envelope {
  /** The sender counts its messages from 1. */
  id: number
  /** The id of the other side's message that this one answers. */
  re: number | undefined
  message: Message
}

/** Encodes; throws a SwarmlinkError for a message that cannot be sent. */
export function seal({ id, re, message }: Omit<Envelope, 'message'> & { message: unknown }): Uint8Array {
  const { form, data } = encode(message)
  const header = new DataView(new ArrayBuffer(HEADER_BYTES))
  header.setUint8(0, VERSION)
  header.setUint8(FORM_OFFSET, FORMS.indexOf(form))
  header.setFloat64(ID_OFFSET, id)
  header.setFloat64(RE_OFFSET, re ?? 0)
  return concatBytes(new Uint8Array(header.buffer), typeof data === 'string' ? utf8.encode(data) : data)
}

/** The length of the JSON text in an envelope. */
export function jsonSizeIn(sealed: Uint8Array): number {
  return jsonSizeOf(formOf(sealed), sealed.subarray(HEADER_BYTES))
}

/** Decodes; throws only a {@link P2PTFrameError}. `jsonLimit`: the largest JSON text that this side takes, in bytes. */
export function open(data: Message, jsonLimit: number): Envelope {
  if (!(data instanceof Uint8Array) || data.byteLength < HEADER_BYTES || data[0] !== VERSION)
    throw new P2PTFrameError('bad-envelope')
  const header = new DataView(data.buffer, data.byteOffset, HEADER_BYTES)
  const id = header.getFloat64(ID_OFFSET)
  const answered = header.getFloat64(RE_OFFSET)
  const re = answered === 0 ? undefined : answered
  if (!isCount(id) || !(re === undefined || isCount(re))) throw new P2PTFrameError('bad-envelope')
  if (jsonSizeIn(data) > jsonLimit) throw new P2PTFrameError('too-much-json')
  try {
    return { id, re, message: decode(formOf(data), data.subarray(HEADER_BYTES)) }
  } catch (cause) {
    throw new P2PTFrameError('unreadable', { cause })
  }
}

function formOf(envelope: Uint8Array): Form {
  return FORMS[envelope[FORM_OFFSET] ?? FORMS.length] ?? 'unknown'
}

/** Whether this is a valid id of a message between two swarmlink peers. */
export function isCount(id: unknown): id is number {
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0
}
