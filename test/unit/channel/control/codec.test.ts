import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CONTROL_VERSION,
  decodeControl,
  encodeControl,
  EXCHANGE,
  SHARING,
  fits,
  HASH_BYTES,
  KEY_BYTES,
  MAX_CONTROL_MESSAGE,
  MAX_DESCRIPTION,
  MAX_HASHES,
  MAX_RELAY,
  type ControlFrame,
} from '../../../../src/channel/control/codec.js'
import { concatBytes, toHex } from '../../../../src/core/bytes.js'
import { ProtocolError } from '../../../../src/core/errors.js'

const u32 = fc.nat({ max: 2 ** 32 - 1 })
const hash = fc.uint8Array({ minLength: HASH_BYTES, maxLength: HASH_BYTES }).map(toHex)
const hashes = fc.array(hash, { maxLength: 20 })
const description = fc.string({ unit: 'grapheme', maxLength: 100 })
const frame: fc.Arbitrary<ControlFrame> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    version: fc.nat({ max: 255 }),
    capabilities: fc.constantFrom(0, EXCHANGE, SHARING, EXCHANGE | SHARING),
  }),
  fc.record({ type: fc.constantFrom('topics' as const, 'gone' as const), hashes }),
  fc.record({ type: fc.constant('bye' as const) }),
  fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), token: u32 }),
  fc.record({ type: fc.constant('restart' as const), number: u32, offer: description }),
  fc.record({ type: fc.constant('restarted' as const), number: u32, answer: description }),
  fc.record({ type: fc.constant('restart-please' as const), number: u32 }),
  fc.record({ type: fc.constant('repair-key' as const), key: fc.uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES }) }),
  fc.record({ type: fc.constant('relay' as const), message: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('silent' as const), hash }, { requiredKeys: ['type'] }),
)
const frames = fc.array(frame, { maxLength: 20 })

function messageOf(said: ControlFrame[]): Uint8Array {
  return concatBytes(...said.map(each => encodeControl(each)))
}

/** Undefined for a malformed message; any error but a ProtocolError is a defect. */
function readable(message: Uint8Array): ControlFrame[] | undefined {
  try {
    return decodeControl(message)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error).toMatchObject({ code: 'ERR_BAD_FRAME' })
    return undefined
  }
}

describe('the control codec [X1]', () => {
  test('decodes what it encoded, for any sequence of frames [X1]', () => {
    fc.assert(
      fc.property(frames, said => {
        expect(decodeControl(messageOf(said))).toEqual(said)
      }),
    )
  })

  test('encodes a hello and 20 topics in 171 bytes [X1]', () => {
    const said: ControlFrame[] = [
      { type: 'hello', version: CONTROL_VERSION, capabilities: EXCHANGE },
      { type: 'topics', hashes: Array.from({ length: 20 }, (_, i) => toHex(new Uint8Array(8).fill(i))) },
    ]
    expect(messageOf(said)).toHaveLength(171)
  })

  test('skips frames of a later version [X1]', () => {
    fc.assert(
      fc.property(
        frames,
        frames,
        fc.constantFrom(0, 13, 100, 255),
        fc.uint8Array({ maxLength: 100 }),
        (some, more, type, body) => {
          const unknown = Uint8Array.of(type, body.length >> 8, body.length, ...body)
          expect(decodeControl(concatBytes(messageOf(some), unknown, messageOf(more)))).toEqual([...some, ...more])
        },
      ),
    )
  })

  test.each([
    ['hello', [1, 0, 8, 2, 0, 0, 0, 1, 9, 9, 9], { type: 'hello', version: 2, capabilities: EXCHANGE }],
    ['bye', [4, 0, 1, 9], { type: 'bye' }],
    ['ping', [5, 0, 6, 0, 0, 1, 0, 9, 9], { type: 'ping', token: 256 }],
    ['pong', [6, 0, 5, 255, 255, 255, 255, 9], { type: 'pong', token: 2 ** 32 - 1 }],
    ['silent frame of the first topic', [12, 0, 1, 9], { type: 'silent' }],
    ['silent frame of another topic', [12, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9], { type: 'silent', hash: '0102030405060708' }],
    ['request for repair', [9, 0, 6, 0, 0, 0, 3, 9, 9], { type: 'restart-please', number: 3 }],
  ])('ignores extra bytes at the end of a %s [X1]', (_, bytes, read) => {
    expect(decodeControl(Uint8Array.from(bytes))).toEqual([read])
  })

  test('ignores capabilities of a later version [X1]', () => {
    expect(decodeControl(Uint8Array.of(1, 0, 5, 1, 255, 255, 255, 255))).toEqual([
      { type: 'hello', version: 1, capabilities: EXCHANGE | SHARING },
    ])
  })

  test('decodes the first frames of a truncated message, or throws a ProtocolError [Law 1]', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), said => {
        const message = messageOf(said)
        for (let length = 0; length < message.length; length++) {
          const read = readable(message.subarray(0, length))
          if (read !== undefined) expect(read).toEqual(said.slice(0, read.length))
        }
      }),
      { numRuns: 30 },
    )
  })

  test('decodes random bytes and damaged messages, or throws a ProtocolError [Law 1]', () => {
    const few = (message: Uint8Array) => {
      expect(readable(message)?.length ?? 0).toBeLessThanOrEqual(message.length / 3)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), few))
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat({ max: 255 }), (said, at, value) => {
        const message = messageOf(said)
        message[at % message.length] = value
        few(message)
      }),
    )
  })

  test('decodes a view of a larger buffer [Law 1]', () => {
    fc.assert(
      fc.property(frames, said => {
        const message = messageOf(said)
        const buffer = concatBytes(new Uint8Array(5).fill(0xff), message, new Uint8Array(5).fill(0xff))
        expect(decodeControl(buffer.subarray(5, 5 + message.length))).toEqual(said)
      }),
    )
  })

  test.each([
    ['a truncated head', [4]],
    ['a truncated length', [4, 0]],
    ['a truncated body', [5, 0, 4, 0, 0, 0]],
    ['a hello without capabilities', [1, 0, 4, 1, 0, 0, 0]],
    ['half a hash', [2, 0, 4, 1, 2, 3, 4]],
    ['a hash and a bit', [3, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['a ping without a token', [5, 0, 3, 0, 0, 0]],
    ['a pong without a token', [6, 0, 0]],
    ['an offer that is not UTF-8', [7, 0, 5, 0, 0, 0, 1, 0xff]],
    ['an answer that is not UTF-8', [8, 0, 6, 0, 0, 0, 1, 0xc3, 0x28]],
    ['an offer without a number', [7, 0, 3, 0, 0, 1]],
    ['a request for repair without a number', [9, 0, 0]],
    ['a key that is too short', [11, 0, 15, ...Array<number>(15).fill(1)]],
  ])('refuses a message with %s [Law 6]', (_, bytes) => {
    expect(readable(Uint8Array.from([...encodeControl({ type: 'bye' }), ...bytes]))).toBeUndefined()
  })

  test.each<[string, (length: number) => ControlFrame, number]>([
    ['topics', length => ({ type: 'topics', hashes: Array<string>(length).fill('0123456789abcdef') }), MAX_HASHES],
    ['gone', length => ({ type: 'gone', hashes: Array<string>(length).fill('0123456789abcdef') }), MAX_HASHES],
    ['restart', length => ({ type: 'restart', number: 1, offer: 'x'.repeat(length) }), MAX_DESCRIPTION],
    ['restarted', length => ({ type: 'restarted', number: 1, answer: 'x'.repeat(length) }), MAX_DESCRIPTION],
    ['relay', length => ({ type: 'relay', message: new Uint8Array(length) }), MAX_RELAY],
  ])('accepts %s up to its limit only [Law 6]', (_, make, bound) => {
    expect([fits(make(bound)), fits(make(bound + 1))]).toEqual([true, false])
    expect(readable(encodeControl(make(bound)))).toEqual([make(bound)])
    expect(readable(encodeControl(make(bound + 1)))).toBeUndefined()
  })

  test('refuses a message above 64 KiB unread [Law 6]', () => {
    const bye = encodeControl({ type: 'bye' })
    const most = Math.floor(MAX_CONTROL_MESSAGE / bye.length)
    const message = concatBytes(...Array<Uint8Array>(most + 1).fill(bye))
    expect(readable(message.subarray(0, most * bye.length))).toHaveLength(most)
    expect(readable(message)).toBeUndefined()
  })
})
