/**
 * The frames of peer exchange: bytes in, an {@link ExchangeFrame} or a ProtocolError out, and back. Synchronous and total; knows no
 * connection and no time, and never reads the body of a payload.
 *
 *     query       1 | topic 20 | want u8 | filter                       which members does the relay have that the filter lacks?
 *     members     2 | topic 20 | id 20 *                                the reply
 *     forward     3 | topic 20 | to 20 | kind u8 | offer id 20 | body   a payload for the relay to forward
 *     forwarded   4 | topic 20 | from 20 | kind u8 | offer id 20 | body a payload that the relay forwarded
 *     unreachable 5 | topic 20 | to 20 | offer id 20                    the relay has no connection to the dialled member
 *
 * `repair` and `dial-request` have no offer id. Unknown frame types and payload kinds are skipped: later versions may add some.
 */
import { concatBytes, toHex } from '../../core/bytes.js'
import { ProtocolError } from '../../core/errors.js'
import { ID_BYTES, idBytes, type Id } from '../../core/id.js'

/** The largest description that is read, and a quarter more for what a repair carries beside it. */
export const MAX_BODY = 20 * 1024
/** Members per reply: twice what most torrents lack at a time. A peer that lacks more sends another query. */
export const MAX_NAMED = 50
/** The salt, and 200 ids at ten bits, more than a client is connected to on one topic. */
export const MAX_FILTER = 4 + 256

const PAYLOAD_KINDS = ['offer', 'answer', 'candidate', 'refusal', 'repair', 'dial-request'] as const
type PayloadKind = (typeof PAYLOAD_KINDS)[number]

/** What a relay forwards without reading the body. */
export type Payload = OfferPayload | RepairPayload | DialRequest

/** An offer, or a message that refers to one. */
export interface OfferPayload {
  kind: Exclude<PayloadKind, 'repair' | 'dial-request'>
  offerId: Id
  body: Uint8Array
}

/** Restores a connection that lost its path; refers to no offer. */
export interface RepairPayload {
  kind: 'repair'
  body: Uint8Array
}

/** Asks the receiver to dial the sender. */
export interface DialRequest {
  kind: 'dial-request'
}

export type ExchangeFrame =
  | { type: 'query'; topic: Id; want: number; filter: Uint8Array }
  | { type: 'members'; topic: Id; members: Id[] }
  /** `peer`: the receiver (`forward`), or the sender (`forwarded`). */
  | { type: 'forward' | 'forwarded'; topic: Id; peer: Id; payload: Payload }
  | { type: 'unreachable'; topic: Id; peer: Id; offerId: Id }

const TYPES: ReadonlyArray<ExchangeFrame['type']> = ['query', 'members', 'forward', 'forwarded', 'unreachable']

/** Type and topic. */
const HEAD = 1 + ID_BYTES
const MAX_MESSAGE = HEAD + ID_BYTES + 1 + ID_BYTES + MAX_BODY

export function encode(message: ExchangeFrame): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(TYPES.indexOf(message.type) + 1), idBytes(message.topic), ...frameFields(message))
}

function frameFields(message: ExchangeFrame): Uint8Array[] {
  switch (message.type) {
    case 'query':
      return [Uint8Array.of(Math.min(message.want, MAX_NAMED)), message.filter]
    case 'members':
      return message.members.map(idBytes)
    case 'unreachable':
      return [idBytes(message.peer), idBytes(message.offerId)]
    default: {
      const { peer, payload } = message
      return [idBytes(peer), Uint8Array.of(PAYLOAD_KINDS.indexOf(payload.kind) + 1), ...payloadFields(payload)]
    }
  }
}

function payloadFields(payload: Payload): Uint8Array[] {
  if (payload.kind === 'dial-request') return []
  return payload.kind === 'repair' ? [payload.body] : [idBytes(payload.offerId), payload.body]
}

/** Undefined for an unknown type or kind. Throws only a {@link ProtocolError}. `filter` and `body` are views of the bytes. */
export function decode(bytes: Uint8Array): ExchangeFrame | undefined {
  if (bytes.length > MAX_MESSAGE) throw bad(`${bytes.length} bytes`)
  const type = TYPES[(bytes[0] ?? 0) - 1]
  if (bytes.length > 0 && type === undefined) return undefined
  const topic = idAt(bytes, 1)
  switch (type) {
    case 'query': {
      const want = byteAt(bytes, HEAD)
      const filter = bytes.subarray(HEAD + 1)
      if (filter.length > MAX_FILTER) throw bad(`a filter of ${filter.length} bytes`)
      return { type, topic, want: Math.min(want, MAX_NAMED), filter }
    }
    case 'members': {
      const count = (bytes.length - HEAD) / ID_BYTES
      if (!Number.isInteger(count) || count > MAX_NAMED) throw bad(`${count} members`)
      return { type, topic, members: Array.from({ length: count }, (_, i) => idAt(bytes, HEAD + i * ID_BYTES)) }
    }
    case 'unreachable': {
      if (bytes.length > HEAD + 2 * ID_BYTES) throw bad('bytes behind its end')
      return { type, topic, peer: idAt(bytes, HEAD), offerId: idAt(bytes, HEAD + ID_BYTES) }
    }
    case 'forward':
    case 'forwarded': {
      const peer = idAt(bytes, HEAD)
      const payload = decodePayload(bytes, HEAD + ID_BYTES)
      return payload && { type, topic, peer, payload }
    }
    default:
      throw bad('no content')
  }
}

function decodePayload(bytes: Uint8Array, at: number): Payload | undefined {
  const kind = PAYLOAD_KINDS[byteAt(bytes, at) - 1]
  if (kind === undefined) return undefined
  if (kind === 'repair') return { kind, body: body(bytes, at + 1) }
  if (kind === 'dial-request') {
    if (bytes.length > at + 1) throw bad('bytes behind its end')
    return { kind }
  }
  return { kind, offerId: idAt(bytes, at + 1), body: body(bytes, at + 1 + ID_BYTES) }
}

function body(bytes: Uint8Array, at: number): Uint8Array {
  if (bytes.length - at > MAX_BODY) throw bad(`a payload of ${bytes.length - at} bytes`)
  return bytes.subarray(at)
}

function idAt(bytes: Uint8Array, at: number): Id {
  if (bytes.length < at + ID_BYTES) throw bad('a truncated id')
  return toHex(bytes.subarray(at, at + ID_BYTES))
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw bad('a truncated number')
  return byte
}

function bad(what: string): ProtocolError {
  return new ProtocolError('ERR_BAD_FRAME', `dropped a peer exchange frame: it has ${what}`)
}
