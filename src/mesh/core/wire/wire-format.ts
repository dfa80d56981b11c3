/**
 * What the two halves of the codec share: `encode-message.ts` and `decode-message.ts`. One message of the mesh is one message of the data channel:
 *
 *     message := type u8 | body        numbers are varints unless a length is given, ids 20 bytes, positions 6 bytes
 *
 * A receiver drops messages of an unknown type, so that later versions can add some.
 */
import type { Bye, EdgePurpose, EdgeRole, Gossip, MeshMessage, Redundancy } from './messages.js'

/**
 * In bytes: with the head of its message it fits one frame of a message channel, so that messages stay in order. A larger payload is posted as a
 * table of chunks.
 */
export const MAX_PAYLOAD = 16 * 1024 - 320
export const MAX_TOPIC = 255
/** A node with `maxPeers` 64 has up to two more edges for a while, and lists the latest. */
export const MAX_LISTED = 64
/** More members than any mesh has. Sums of counts stay within it, so that a false count does not make the messages of others malformed. */
export const MAX_MEMBERS = 2 ** 24
/** Numbers in an `announce` or a `vector`: 512 triples. */
export const MAX_NUMBERS = 3 * 512
export const MAX_STEPS = 6
/** Of a beacon. That of a post may have 1 to 255 bytes. */
export const SIGNATURE_BYTES = 64
export const KEY_BYTES = 32

export const CODES: Record<MeshMessage['type'], number> = {
  hello: 1,
  neighbours: 2,
  ping: 3,
  pong: 4,
  bye: 5,
  seek: 6,
  found: 7,
  knock: 8,
  'knock-answer': 9,
  splice: 10,
  'open-feed': 16,
  gossip: 17,
  chunk: 18,
  announce: 19,
  graft: 20,
  want: 21,
  prune: 22,
  branch: 23,
  'cut-branch': 24,
  vector: 25,
  beacon: 26,
  'beacon-count': 27,
  receipt: 28,
  taken: 29,
}
export const TYPES = new Map(Object.entries(CODES).map(([type, code]) => [code, type as MeshMessage['type']])) // the keys of CODES

export const BYES: ReadonlyArray<Bye['reason']> = ['left', 'evicted', 'misbehaved']
export const ROLES: readonly EdgeRole[] = ['ring', 'long', 'random']
export const PURPOSES: readonly EdgePurpose[] = [...ROLES, 'island', 'step']
export const REDUNDANCIES: readonly Redundancy[] = ['tree', 'two-parents', 'flood']
export const WAYS: ReadonlyArray<Gossip['way']> = ['push', 'urgent', 'repair', 'news']
/** Beside a depth of seven bits. */
export const CAUGHT_UP = 128
/** Bits of the first byte of a gossip: two of the way, two of the redundancy, three flags. */
export const LARGE = 16
export const CONFIRM = 32
export const OWN_TREE = 64
