import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMessage } from '../../../../../src/mesh/core/wire/decode-message.js'
import { encodeMessage } from '../../../../../src/mesh/core/wire/encode-message.js'
import {
  KEY_BYTES,
  MAX_LISTED,
  MAX_MEMBERS,
  MAX_PAYLOAD,
  MAX_STEPS,
  SIGNATURE_BYTES,
} from '../../../../../src/mesh/core/wire/wire-format.js'
import { messageSize } from '../../../../../src/mesh/core/wire/message-size.js'
import { MAX_DEPTH, MAX_RELAYS, MAX_TRAIL, type MeshMessage } from '../../../../../src/mesh/core/wire/messages.js'

const hex = fc.stringMatching(/^[0-9a-f]{40}$/)
const number = fc.maxSafeNat()
const byte = fc.nat(255)
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const payload = fc.uint8Array({ maxLength: 300 })
const ids = (maxLength: number) => fc.array(hex, { maxLength })
const role = fc.constantFrom('ring', 'long', 'random')
const purpose = fc.constantFrom('ring', 'long', 'random', 'island', 'step')
const island = fc.record({ root: hex, beacon: number })
const optional = fc.option(hex, { nil: undefined })
const u32 = fc.nat(2 ** 32 - 1)
const depth = { depth: fc.nat(MAX_DEPTH), caughtUp: fc.boolean() }
const members = fc.nat(MAX_MEMBERS)
const position = fc.nat(2 ** 48 - 1)
const triples = fc.array(fc.tuple(number, number, number), { maxLength: 20 }).map(list => list.flat())
const is = <T extends string>(type: T) => fc.constant(type)

const post = fc.record({
  sequence: number,
  signature: bytes(SIGNATURE_BYTES),
  payload,
  large: fc.boolean(),
  redundancy: fc.constantFrom('tree', 'two-parents', 'flood'),
  confirm: fc.boolean(),
  ownTree: fc.boolean(),
})

// The records have the shape of the messages; the compiler cannot follow their unions through `oneof`.
const message = fc.oneof(
  fc.record({ type: is('hello'), island, ...depth, maxPeers: byte, role, digest: u32, neighbours: ids(MAX_LISTED) }),
  fc.record({ type: is('neighbours'), came: ids(5), went: ids(5) }),
  fc.record({ type: fc.constantFrom('ping', 'pong'), digest: u32, beacon: fc.nat(0xffff), ...depth }),
  fc.record({ type: is('bye'), reason: fc.constantFrom('left', 'evicted', 'misbehaved') }),
  fc.record({ type: is('seek'), origin: hex, position, purpose: role, trail: ids(MAX_TRAIL) }),
  fc.record({ type: is('found'), origin: hex, purpose: role, trail: ids(MAX_TRAIL) }),
  fc.record({
    type: is('knock'),
    origin: hex,
    purpose,
    edges: byte,
    room: byte,
    island,
    target: optional,
    route: ids(MAX_RELAYS),
    steps: fc.nat(MAX_STEPS),
    trail: ids(MAX_RELAYS),
  }),
  fc.record({
    type: is('knock-answer'),
    origin: hex,
    target: hex,
    trail: ids(MAX_RELAYS),
    accepted: fc.boolean(),
    purpose,
    splice: optional,
  }),
  fc.record({ type: is('splice'), newcomer: hex }),
  fc.record({
    type: is('open-feed'),
    alias: number,
    sender: hex,
    key: bytes(KEY_BYTES),
    epoch: position,
    topic: fc.string({ maxLength: 60 }),
  }),
  fc.record({ type: is('gossip'), alias: number, hops: byte, way: fc.constantFrom('push', 'urgent', 'repair', 'news'), post }),
  fc.record({ type: is('chunk'), alias: number, sequence: number, index: number, data: payload }),
  fc.record({ type: is('announce'), ranges: triples }),
  fc.record({ type: is('graft'), yourAlias: number, sequence: number }),
  fc.record({ type: is('want'), yourAlias: number, first: number, count: number, chunk: number }),
  fc.record({ type: is('prune'), yourAlias: number }),
  fc.record({ type: fc.constantFrom('branch', 'cut-branch') }),
  fc.record({ type: is('taken'), yourAlias: number, next: number, behind: number }),
  fc.record({ type: is('vector'), reply: fc.boolean(), entries: triples }),
  fc.record({
    type: is('beacon'),
    root: hex,
    number,
    size: members,
    key: bytes(KEY_BYTES),
    signature: bytes(SIGNATURE_BYTES),
    depth: byte,
  }),
  fc.record({ type: is('beacon-count'), number, count: members }),
  fc.record({ type: is('receipt'), yourAlias: number, sequence: number, count: members }),
) as fc.Arbitrary<MeshMessage>

describe('the codec of mesh messages', () => {
  test('decodes what it encoded, and knows the length before [X7]', () => {
    fc.assert(
      fc.property(message, value => {
        const encoded = encodeMessage(value)
        expect(encoded.length).toBe(messageSize(value))
        expect(decodeMessage(encoded)).toEqual(value)
      }),
      { numRuns: 1_000 },
    )
  })

  test('gives a message or undefined for any bytes, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(30), (body, type) => {
        const decoded = decodeMessage(Uint8Array.of(type, ...body))
        if (decoded !== undefined) expect(decodeMessage(encodeMessage(decoded))).toEqual(decoded)
      }),
      { numRuns: 2_000 },
    )
  })

  test('refuses a message that is cut short or has bytes too many', () => {
    fc.assert(
      fc.property(
        message.filter(({ type }) => type !== 'gossip' && type !== 'chunk'),
        fc.nat(),
        (value, cut) => {
          const encoded = encodeMessage(value)
          expect(decodeMessage(encoded.subarray(0, cut % encoded.length))).toBeUndefined()
          expect(decodeMessage(Uint8Array.of(...encoded, 0))).toBeUndefined()
        },
      ),
    )
  })

  test('refuses a payload above its bound', () => {
    const gossip = (length: number) =>
      encodeMessage({
        type: 'gossip',
        alias: 0,
        hops: 1,
        way: 'push',
        post: {
          sequence: 0,
          signature: new Uint8Array(SIGNATURE_BYTES),
          payload: new Uint8Array(length),
          large: false,
          redundancy: 'tree',
          confirm: false,
          ownTree: true,
        },
      })
    expect(decodeMessage(gossip(MAX_PAYLOAD))?.type).toBe('gossip')
    expect(decodeMessage(gossip(MAX_PAYLOAD + 1))).toBeUndefined()
  })
})
