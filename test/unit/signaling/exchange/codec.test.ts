import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../../src/core/errors.js'
import { toHex } from '../../../../src/core/bytes.js'
import { readCandidate, readDescription, writeCandidate, writeDescription } from '../../../../src/signaling/relay/letters.js'
import { decode, encode, MAX_BODY, MAX_FILTER, MAX_NAMED, type RelayMessage } from '../../../../src/signaling/relay/wire.js'
import { offerSdp } from '../../../support/sdp-samples.js'
import { offer, TOPIC } from './relay-net.js'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toHex)
const body = fc.uint8Array({ maxLength: 300 })
const letter = fc.oneof(
  fc.record({
    kind: fc.constantFrom('offer' as const, 'answer' as const, 'candidate' as const, 'refusal' as const),
    offerId: id,
    body,
  }),
  fc.record({ kind: fc.constant('repair' as const), body }),
  fc.record({ kind: fc.constant('knock' as const) }),
)
const message: fc.Arbitrary<RelayMessage> = fc.oneof(
  fc.record({
    type: fc.constant('ask' as const),
    topic: id,
    want: fc.integer({ min: 0, max: MAX_NAMED }),
    filter: fc.uint8Array({ maxLength: MAX_FILTER }),
  }),
  fc.record({ type: fc.constant('members' as const), topic: id, members: fc.array(id, { maxLength: MAX_NAMED }) }),
  fc.record({ type: fc.constantFrom('pass' as const, 'passed' as const), topic: id, peer: id, letter }),
  fc.record({ type: fc.constant('lost' as const), topic: id, peer: id, offerId: id }),
)

/** What becomes of bytes: a message, nothing, or a ProtocolError; anything else fails the test. */
function read(bytes: Uint8Array): RelayMessage | 'malformed' | undefined {
  try {
    return decode(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error).toMatchObject({ code: 'ERR_BAD_FRAME' })
    return 'malformed'
  }
}

describe('X2 what peers say to each other about third ones', () => {
  test('what one writes the other reads', () => {
    fc.assert(
      fc.property(message, said => {
        expect(decode(encode(said))).toEqual(said)
      }),
    )
  })

  test('any bytes are read, skipped or refused with a ProtocolError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => void read(bytes)))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 2_000 }), (type, rest) => {
        read(Uint8Array.of(type, ...rest))
      }),
    )
  })

  test('a message that is cut off is no other message of the same kind', () => {
    fc.assert(
      fc.property(message, fc.nat(), (said, at) => {
        const bytes = encode(said)
        const cut = read(bytes.subarray(0, at % bytes.length))
        expect(cut).not.toEqual(said)
      }),
    )
    expect(read(new Uint8Array())).toBe('malformed')
    expect(read(encode({ type: 'members', topic: TOPIC, members: [TOPIC] }).subarray(0, 40))).toBe('malformed')
    expect(read(encode({ type: 'lost', topic: TOPIC, peer: TOPIC, offerId: TOPIC }).subarray(0, 60))).toBe('malformed')
  })

  test('what a later version says is skipped', () => {
    expect(read(Uint8Array.of(6))).toBeUndefined()
    expect(read(Uint8Array.of(0, 1, 2))).toBeUndefined()
    const later = encode({ type: 'pass', topic: TOPIC, peer: TOPIC, letter: { kind: 'repair', body: new Uint8Array(20) } })
    later[41] = 9
    expect(read(later)).toBeUndefined()
  })

  test('nothing is larger than its bound', () => {
    const large = (length: number) => new Uint8Array(length)
    const repair = (length: number) =>
      encode({ type: 'pass', topic: TOPIC, peer: TOPIC, letter: { kind: 'repair', body: large(length) } })
    const call = (length: number) =>
      encode({ type: 'pass', topic: TOPIC, peer: TOPIC, letter: { kind: 'offer', offerId: TOPIC, body: large(length) } })
    expect([read(repair(MAX_BODY)), read(call(MAX_BODY))]).toMatchObject([{ type: 'pass' }, { type: 'pass' }])
    expect([read(repair(MAX_BODY + 1)), read(call(MAX_BODY + 1))]).toEqual(['malformed', 'malformed'])
    const ask = (length: number) => encode({ type: 'ask', topic: TOPIC, want: 1, filter: large(length) })
    expect(read(ask(MAX_FILTER))).toMatchObject({ type: 'ask' })
    expect(read(ask(MAX_FILTER + 1))).toBe('malformed')
    const members = (count: number) =>
      encode({ type: 'members', topic: TOPIC, members: Array.from({ length: count }, () => TOPIC) })
    expect(read(members(MAX_NAMED))).toMatchObject({ type: 'members' })
    expect(read(members(MAX_NAMED + 1))).toBe('malformed')
    const knock = encode({ type: 'pass', topic: TOPIC, peer: TOPIC, letter: { kind: 'knock' } })
    expect([read(knock), read(Uint8Array.of(...knock, 1))]).toMatchObject([{ letter: { kind: 'knock' } }, 'malformed'])
    const greedy = encode({ type: 'ask', topic: TOPIC, want: 1, filter: large(5) })
    greedy[21] = 255
    expect(read(greedy)).toMatchObject({ want: MAX_NAMED })
  })
})

describe('X2 what stands in a letter', () => {
  test('a description with an identity is read, any other is refused', () => {
    expect(readDescription(writeDescription(offer))).toMatchObject({ identity: '1 anybody' })
    expect(() => readDescription(writeDescription(offerSdp))).toThrow(ProtocolError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        expect(() => readDescription(bytes)).toThrow(ProtocolError)
      }),
    )
  })

  test('a candidate is read, whatever is none is refused', () => {
    const candidate = { candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
    expect(readCandidate(writeCandidate(candidate))).toEqual(candidate)
    expect(readCandidate(writeCandidate({ ...candidate, sdpMid: null }))).toEqual({ ...candidate, sdpMid: null })
    const elsewhere = { ...candidate, candidate: 'candidate:1 1 UDP 1 tracker.example 9 typ host' }
    expect(() => readCandidate(writeCandidate(elsewhere))).toThrow(ProtocolError)
    expect(() => readCandidate(writeCandidate({ ...candidate, sdpMid: 'm'.repeat(65) }))).toThrow(ProtocolError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        expect(() => readCandidate(bytes)).toThrow(ProtocolError)
      }),
    )
  })
})
