import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../../src/core/errors.js'
import { toHex, utf8 } from '../../../../src/core/bytes.js'
import { readCandidate, readDescription, writeCandidate } from '../../../../src/signaling/exchange/payload-codec.js'
import { decode, encode, MAX_BODY, MAX_FILTER, MAX_NAMED, type ExchangeFrame } from '../../../../src/signaling/exchange/codec.js'
import { offerSdp } from '../../../support/sdp-samples.js'
import { offer, TOPIC } from './relay-net.js'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toHex)
const body = fc.uint8Array({ maxLength: 300 })
const payload = fc.oneof(
  fc.record({
    kind: fc.constantFrom('offer' as const, 'answer' as const, 'candidate' as const, 'refusal' as const),
    offerId: id,
    body,
  }),
  fc.record({ kind: fc.constant('repair' as const), body }),
  fc.record({ kind: fc.constant('dial-request' as const) }),
)
const message: fc.Arbitrary<ExchangeFrame> = fc.oneof(
  fc.record({
    type: fc.constant('query' as const),
    topic: id,
    want: fc.integer({ min: 0, max: MAX_NAMED }),
    filter: fc.uint8Array({ maxLength: MAX_FILTER }),
  }),
  fc.record({ type: fc.constant('members' as const), topic: id, members: fc.array(id, { maxLength: MAX_NAMED }) }),
  fc.record({ type: fc.constantFrom('forward' as const, 'forwarded' as const), topic: id, peer: id, payload }),
  fc.record({ type: fc.constant('unreachable' as const), topic: id, peer: id, offerId: id }),
)

/** Decodes bytes to a frame, to undefined, or to a ProtocolError; any other outcome fails the test. */
function read(bytes: Uint8Array): ExchangeFrame | 'malformed' | undefined {
  try {
    return decode(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error).toMatchObject({ code: 'ERR_BAD_FRAME' })
    return 'malformed'
  }
}

describe('peer exchange frames [X2]', () => {
  test('decodes every encoded frame to an equal one', () => {
    fc.assert(
      fc.property(message, said => {
        expect(decode(encode(said))).toEqual(said)
      }),
    )
  })

  test('decodes or skips any bytes, or throws a ProtocolError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => void read(bytes)))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 2_000 }), (type, rest) => {
        read(Uint8Array.of(type, ...rest))
      }),
    )
  })

  test('does not take a truncated frame for the whole one', () => {
    fc.assert(
      fc.property(message, fc.nat(), (said, at) => {
        const bytes = encode(said)
        const cut = read(bytes.subarray(0, at % bytes.length))
        expect(cut).not.toEqual(said)
      }),
    )
    expect(read(new Uint8Array())).toBe('malformed')
    expect(read(encode({ type: 'members', topic: TOPIC, members: [TOPIC] }).subarray(0, 40))).toBe('malformed')
    expect(read(encode({ type: 'unreachable', topic: TOPIC, peer: TOPIC, offerId: TOPIC }).subarray(0, 60))).toBe('malformed')
  })

  test('skips frame types and payload kinds of a later version', () => {
    expect(read(Uint8Array.of(6))).toBeUndefined()
    expect(read(Uint8Array.of(0, 1, 2))).toBeUndefined()
    const later = encode({ type: 'forward', topic: TOPIC, peer: TOPIC, payload: { kind: 'repair', body: new Uint8Array(20) } })
    later[41] = 9
    expect(read(later)).toBeUndefined()
  })

  test('refuses bodies, filters and member lists above their bounds', () => {
    const large = (length: number) => new Uint8Array(length)
    const repair = (length: number) =>
      encode({ type: 'forward', topic: TOPIC, peer: TOPIC, payload: { kind: 'repair', body: large(length) } })
    const call = (length: number) =>
      encode({ type: 'forward', topic: TOPIC, peer: TOPIC, payload: { kind: 'offer', offerId: TOPIC, body: large(length) } })
    expect([read(repair(MAX_BODY)), read(call(MAX_BODY))]).toMatchObject([{ type: 'forward' }, { type: 'forward' }])
    expect([read(repair(MAX_BODY + 1)), read(call(MAX_BODY + 1))]).toEqual(['malformed', 'malformed'])
    const query = (length: number) => encode({ type: 'query', topic: TOPIC, want: 1, filter: large(length) })
    expect(read(query(MAX_FILTER))).toMatchObject({ type: 'query' })
    expect(read(query(MAX_FILTER + 1))).toBe('malformed')
    const members = (count: number) =>
      encode({ type: 'members', topic: TOPIC, members: Array.from({ length: count }, () => TOPIC) })
    expect(read(members(MAX_NAMED))).toMatchObject({ type: 'members' })
    expect(read(members(MAX_NAMED + 1))).toBe('malformed')
    const request = encode({ type: 'forward', topic: TOPIC, peer: TOPIC, payload: { kind: 'dial-request' } })
    expect(read(request)).toMatchObject({ payload: { kind: 'dial-request' } })
    expect(read(Uint8Array.of(...request, 1))).toBe('malformed')
    const greedy = encode({ type: 'query', topic: TOPIC, want: 1, filter: large(5) })
    greedy[21] = 255
    expect(read(greedy)).toMatchObject({ want: MAX_NAMED })
  })
})

describe('the body of a payload [X2]', () => {
  test('takes a description with an identity and refuses any other', () => {
    expect(readDescription(utf8.encode(offer))).toMatchObject({ identity: '1 identity' })
    expect(() => readDescription(utf8.encode(offerSdp))).toThrow(ProtocolError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        expect(() => readDescription(bytes)).toThrow(ProtocolError)
      }),
    )
  })

  test('takes a candidate and refuses anything else', () => {
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
