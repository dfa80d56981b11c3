/**
 * Codec of the messages by which two members connect over the relays between them: offers, answers, candidates and refusals. Synchronous and
 * total. They travel on the mesh's channels beside the messages of the core, whose types are lower.
 *
 *     relayed := 64 | kind u8 | from id | to id | passed ids | route ids | offer id | body
 */
import type { Id } from '../core/id.js'
import { ByteReader } from './core/wire/byte-reader.js'
import { ByteWriter } from './core/wire/byte-writer.js'
import { MAX_RELAYS } from './core/wire/messages.js'

export const RELAYED = 64
const KINDS = ['offer', 'answer', 'candidate', 'refusal'] as const

export interface Relayed {
  kind: (typeof KINDS)[number]
  from: Id
  to: Id
  /** The relays behind and before the message, in the order of its way. */
  passed: readonly Id[]
  route: readonly Id[]
  offerId: Id
  body: Uint8Array
}

export function encodeRelayed({ kind, from, to, passed, route, offerId, body }: Relayed): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter()
  out.u8(RELAYED)
  out.u8(KINDS.indexOf(kind))
  out.id(from)
  out.id(to)
  out.ids(passed)
  out.ids(route)
  out.id(offerId)
  out.bytes(body)
  return out.take()
}

/** `undefined` for bytes that are no such message. */
export function decodeRelayed(bytes: Uint8Array): Relayed | undefined {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== RELAYED) return undefined
  const kind = KINDS[reader.u8()]
  const [from, to] = [reader.id(), reader.id()]
  const [passed, route] = [reader.ids(MAX_RELAYS), reader.ids(MAX_RELAYS)]
  const offerId = reader.id()
  const body = reader.rest()
  return kind === undefined || reader.failed ? undefined : { kind, from, to, passed, route, offerId, body }
}
