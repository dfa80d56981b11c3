/**
 * What peers say to each other about third ones: bytes in, a {@link RelayMessage} or a ProtocolError out, and back. Synchronous and
 * total; knows no connection and no time, and never looks into a letter.
 *
 *     ask      1 | topic 20 | want u8 | filter                       who else is there, besides those in the filter
 *     members  2 | topic 20 | id 20 *                                these
 *     pass     3 | topic 20 | to 20 | kind u8 | offer id 20 | body   pass this on
 *     passed   4 | topic 20 | from 20 | kind u8 | offer id 20 | body somebody sends you this
 *     lost     5 | topic 20 | to 20 | offer id 20                    it is not here: your call went nowhere
 *
 * A `repair` and a `knock` have no offer id. Messages of a type, and letters of a kind, that are not known here are skipped: later versions say more.
 */
import { concatBytes, toHex } from '../../core/bytes.js'
import { ProtocolError } from '../../core/errors.js'
import { ID_BYTES, idBytes, type Id } from '../../core/id.js'

/** The largest description that is read, and a quarter more for what a repair says beside it. */
export const MAX_BODY = 20 * 1024
/** Twice what most torrents lack at a time; whoever lacks more asks again. */
export const MAX_NAMED = 50
/** Two hundred ids at ten bits, more than anybody holds of one topic, with the salt before them. */
export const MAX_FILTER = 4 + 256

const LETTER_KINDS = ['offer', 'answer', 'candidate', 'refusal', 'repair', 'knock'] as const
type LetterKind = (typeof LETTER_KINDS)[number]

/** What is passed on. Whoever passes it on does not read the body. */
export type Letter = OfferLetter | RepairLetter | KnockLetter

/** An offer, or what comes of it. */
export interface OfferLetter {
  kind: Exclude<LetterKind, 'repair' | 'knock'>
  offerId: Id
  body: Uint8Array
}

/** About a connection that broke: there is no offer behind it. */
export interface RepairLetter {
  kind: 'repair'
  body: Uint8Array
}

/** Whoever sends it waits for a call. */
export interface KnockLetter {
  kind: 'knock'
}

export type RelayMessage =
  | { type: 'ask'; topic: Id; want: number; filter: Uint8Array }
  | { type: 'members'; topic: Id; members: Id[] }
  /** `peer`: to whom it goes (`pass`), or from whom it comes (`passed`). */
  | { type: 'pass' | 'passed'; topic: Id; peer: Id; letter: Letter }
  | { type: 'lost'; topic: Id; peer: Id; offerId: Id }

const TYPES: ReadonlyArray<RelayMessage['type']> = ['ask', 'members', 'pass', 'passed', 'lost']

/** Behind type and topic. */
const HEAD = 1 + ID_BYTES
const MAX_MESSAGE = HEAD + ID_BYTES + 1 + ID_BYTES + MAX_BODY

export function encode(message: RelayMessage): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(TYPES.indexOf(message.type) + 1), idBytes(message.topic), ...rest(message))
}

function rest(message: RelayMessage): Uint8Array[] {
  switch (message.type) {
    case 'ask':
      return [Uint8Array.of(Math.min(message.want, MAX_NAMED)), message.filter]
    case 'members':
      return message.members.map(idBytes)
    case 'lost':
      return [idBytes(message.peer), idBytes(message.offerId)]
    default: {
      const { peer, letter } = message
      return [idBytes(peer), Uint8Array.of(LETTER_KINDS.indexOf(letter.kind) + 1), ...contents(letter)]
    }
  }
}

function contents(letter: Letter): Uint8Array[] {
  if (letter.kind === 'knock') return []
  return letter.kind === 'repair' ? [letter.body] : [idBytes(letter.offerId), letter.body]
}

/** Undefined for what a later version says. Throws nothing but a {@link ProtocolError}. What comes back are views of the bytes. */
export function decode(bytes: Uint8Array): RelayMessage | undefined {
  if (bytes.length > MAX_MESSAGE) throw bad(`${bytes.length} bytes`)
  const type = TYPES[(bytes[0] ?? 0) - 1]
  if (bytes.length > 0 && type === undefined) return undefined
  const topic = idAt(bytes, 1)
  switch (type) {
    case 'ask': {
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
    case 'lost': {
      if (bytes.length > HEAD + 2 * ID_BYTES) throw bad('something behind its end')
      return { type, topic, peer: idAt(bytes, HEAD), offerId: idAt(bytes, HEAD + ID_BYTES) }
    }
    case 'pass':
    case 'passed': {
      const peer = idAt(bytes, HEAD)
      const letter = decodeLetter(bytes, HEAD + ID_BYTES)
      return letter && { type, topic, peer, letter }
    }
    default:
      throw bad('nothing in it')
  }
}

function decodeLetter(bytes: Uint8Array, at: number): Letter | undefined {
  const kind = LETTER_KINDS[byteAt(bytes, at) - 1]
  if (kind === undefined) return undefined
  if (kind === 'repair') return { kind, body: body(bytes, at + 1) }
  if (kind === 'knock') {
    if (bytes.length > at + 1) throw bad('something behind its end')
    return { kind }
  }
  return { kind, offerId: idAt(bytes, at + 1), body: body(bytes, at + 1 + ID_BYTES) }
}

function body(bytes: Uint8Array, at: number): Uint8Array {
  if (bytes.length - at > MAX_BODY) throw bad(`a letter of ${bytes.length - at} bytes`)
  return bytes.subarray(at)
}

function idAt(bytes: Uint8Array, at: number): Id {
  if (bytes.length < at + ID_BYTES) throw bad('an id that is cut off')
  return toHex(bytes.subarray(at, at + ID_BYTES))
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw bad('a number that is cut off')
  return byte
}

function bad(what: string): ProtocolError {
  return new ProtocolError('ERR_BAD_FRAME', `dropped a message about third peers: it has ${what}`)
}
