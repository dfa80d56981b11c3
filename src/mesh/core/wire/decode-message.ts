/**
 * Decodes messages of the mesh: see `wire-format.ts`. Synchronous and total: bytes that are no message give `undefined`. Knows nothing of the
 * meaning of aliases, of signatures or of time.
 */
import { ByteReader } from './byte-reader.js'
import { MAX_DEPTH, MAX_RELAYS, MAX_TRAIL, type Gossip, type Knock, type MeshMessage, type Ping } from './messages.js'
import {
  BYES,
  CAUGHT_UP,
  CONFIRM,
  KEY_BYTES,
  LARGE,
  MAX_LISTED,
  MAX_MEMBERS,
  MAX_NUMBERS,
  MAX_PAYLOAD,
  MAX_STEPS,
  MAX_TOPIC,
  OWN_TREE,
  PURPOSES,
  REDUNDANCIES,
  ROLES,
  SIGNATURE_BYTES,
  TYPES,
  WAYS,
} from './wire-format.js'

/** `undefined` for an unknown type, a wrong length, or a value that is out of bounds. */
export function decodeMessage(bytes: Uint8Array): MeshMessage | undefined {
  const reader = new ByteReader(bytes)
  const type = TYPES.get(reader.u8())
  if (type === undefined) return undefined
  const message = readBody(reader, type)
  return reader.failed || !reader.atEnd ? undefined : message
}

function readBody(reader: ByteReader, type: MeshMessage['type']): MeshMessage {
  switch (type) {
    case 'hello':
      return {
        type,
        island: { root: reader.id(), beacon: reader.varint() },
        ...readDepth(reader),
        maxPeers: reader.u8(),
        role: oneOf(reader, ROLES, 'random'),
        digest: reader.fixed(4),
        neighbours: reader.ids(MAX_LISTED),
      }
    case 'neighbours':
      return { type, came: reader.ids(MAX_LISTED), went: reader.ids(MAX_LISTED) }
    case 'ping':
    case 'pong':
      return { type, digest: reader.fixed(4), beacon: reader.fixed(2), ...readDepth(reader) }
    case 'bye':
      return { type, reason: oneOf(reader, BYES, 'left') }
    case 'seek':
      return {
        type,
        origin: reader.id(),
        position: reader.fixed(6),
        purpose: oneOf(reader, ROLES, 'random'),
        trail: reader.ids(MAX_TRAIL),
      }
    case 'found':
      return { type, origin: reader.id(), purpose: oneOf(reader, ROLES, 'random'), trail: reader.ids(MAX_TRAIL) }
    case 'knock':
      return readKnock(reader)
    case 'knock-answer':
      return {
        type,
        origin: reader.id(),
        target: reader.id(),
        trail: reader.ids(MAX_RELAYS),
        accepted: reader.u8() === 1,
        purpose: oneOf(reader, PURPOSES, 'random'),
        splice: reader.ids(1)[0],
      }
    case 'splice':
      return { type, newcomer: reader.id() }
    case 'open-feed':
      return {
        type,
        alias: reader.varint(),
        sender: reader.id(),
        key: reader.bytes(KEY_BYTES),
        epoch: reader.fixed(6),
        topic: reader.text(MAX_TOPIC),
      }
    case 'gossip':
      return readGossip(reader)
    case 'chunk':
      return { type, alias: reader.varint(), sequence: reader.varint(), index: reader.varint(), data: boundedRest(reader) }
    case 'announce':
      return { type, ranges: readTriples(reader) }
    case 'graft':
      return { type, yourAlias: reader.varint(), sequence: reader.varint() }
    case 'want':
      return { type, yourAlias: reader.varint(), first: reader.varint(), count: reader.varint(), chunk: reader.varint() }
    case 'prune':
      return { type, yourAlias: reader.varint() }
    case 'branch':
    case 'cut-branch':
      return { type }
    case 'vector':
      return { type, reply: reader.u8() === 1, entries: readTriples(reader) }
    case 'beacon':
      return {
        type,
        root: reader.id(),
        number: reader.varint(),
        size: reader.count(MAX_MEMBERS),
        key: reader.bytes(KEY_BYTES),
        signature: reader.bytes(SIGNATURE_BYTES),
        depth: reader.u8(),
      }
    case 'beacon-count':
      return { type, number: reader.varint(), count: reader.count(MAX_MEMBERS) }
    case 'receipt':
      return { type, yourAlias: reader.varint(), sequence: reader.varint(), count: reader.count(MAX_MEMBERS) }
    case 'taken':
      return { type, yourAlias: reader.varint(), next: reader.varint(), behind: reader.varint() }
  }
}

function readDepth(reader: ByteReader): Pick<Ping, 'depth' | 'caughtUp'> {
  const byte = reader.u8()
  return { depth: byte & MAX_DEPTH, caughtUp: (byte & CAUGHT_UP) !== 0 }
}

function readKnock(reader: ByteReader): Knock {
  return {
    type: 'knock',
    origin: reader.id(),
    purpose: oneOf(reader, PURPOSES, 'random'),
    edges: reader.u8(),
    room: reader.u8(),
    island: { root: reader.id(), beacon: reader.varint() },
    target: reader.ids(1)[0],
    route: reader.ids(MAX_RELAYS),
    steps: reader.count(MAX_STEPS),
    trail: reader.ids(MAX_RELAYS),
  }
}

function readGossip(reader: ByteReader): Gossip {
  const flags = reader.u8()
  const alias = reader.varint()
  const sequence = reader.varint()
  const hops = reader.u8()
  const way = WAYS[flags & 3]
  const redundancy = REDUNDANCIES[(flags >> 2) & 3]
  if (way === undefined || redundancy === undefined || flags >= 128) reader.fail()
  return {
    type: 'gossip',
    alias,
    hops,
    way: way ?? 'push',
    post: {
      sequence,
      signature: reader.bytes(reader.u8()),
      payload: boundedRest(reader),
      large: (flags & LARGE) !== 0,
      redundancy: redundancy ?? 'tree',
      confirm: (flags & CONFIRM) !== 0,
      ownTree: (flags & OWN_TREE) !== 0,
    },
  }
}

function readTriples(reader: ByteReader): number[] {
  const numbers = reader.list(MAX_NUMBERS, () => reader.varint())
  if (numbers.length % 3 !== 0) reader.fail()
  return numbers
}

function boundedRest(reader: ByteReader): Uint8Array {
  const rest = reader.rest()
  if (rest.length > MAX_PAYLOAD) reader.fail()
  return rest
}

function oneOf<T>(reader: ByteReader, values: readonly T[], fallback: T): T {
  const value = values[reader.u8()]
  if (value === undefined) reader.fail()
  return value ?? fallback
}
