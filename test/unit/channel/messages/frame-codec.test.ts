import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../../support/any-character.js'
import { PacketWriter } from '../../../../src/channel/messages/packet-writer.js'
import {
  decode,
  FORMS,
  FRAME_COST,
  MAX_FRAME,
  MAX_META,
  MAX_PACKET,
  MAX_PART,
  MAX_SMALL,
  type MessageFrame,
  type Head,
  type Purpose,
  type SendResult,
  type NumberFrame,
} from '../../../../src/channel/messages/frame-codec.js'
import { utf8 } from '../../../../src/core/bytes.js'
import { ProtocolError } from '../../../../src/core/errors.js'

const U32 = 2 ** 32 - 1
const u32 = fc.nat({ max: U32 })
const u48 = fc.nat({ max: 2 ** 48 - 2 })
const head: fc.Arbitrary<Head> = fc.record({
  form: fc.constantFrom(...FORMS),
  purpose: fc.constantFrom<Purpose>('plain', 'request', 'reply', 'failure'),
  exchange: u32,
})
const verdict = fc.constantFrom<SendResult>('done', 'too-large', 'busy', 'unwanted', 'idle', 'cancelled')
const word = fc.constantFrom<NumberFrame['type']>('end', 'abort', 'ping', 'pong', 'cancel', 'bye')
const payload = fc.uint8Array({ minLength: 1, maxLength: 300 })
/** All frames of the writer. */
const frame: fc.Arbitrary<Exclude<MessageFrame, { type: 'fault' }>> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), version: fc.constant(1), maxMessageSize: u32, maxJsonSize: u32 }),
  fc.record({ type: fc.constant('message' as const), head, payload: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('begin' as const), id: u32, head, size: fc.integer({ min: 1, max: U32 }) }),
  fc.record({ type: fc.constant('part' as const), id: u32, payload }),
  fc.record({
    type: fc.constant('stream' as const),
    id: u32,
    size: fc.option(u48, { nil: undefined }),
    meta: fc.string({ unit: 'grapheme', maxLength: 20 }),
  }),
  fc.record({ type: fc.constant('chunk' as const), id: u32, payload }),
  fc.record({ type: word, value: u32 }),
  fc.record({ type: fc.constant('stop' as const), id: u32, verdict }),
  fc.record({ type: fc.constant('credit' as const), id: u32, taken: u48 }),
)

function write(writer: PacketWriter, said: Exclude<MessageFrame, { type: 'fault' }>): boolean {
  switch (said.type) {
    case 'hello':
      return writer.hello(said)
    case 'message':
      return writer.message(said.head, said.payload)
    case 'begin':
      return writer.begin(said.id, said.head, said.size)
    case 'part':
      return writer.part(said.id, said.payload)
    case 'stream':
      return writer.stream(said.id, said.size, utf8.encode(said.meta))
    case 'chunk':
      return writer.chunk(said.id, said.payload)
    case 'stop':
      return writer.stop(said.id, said.verdict)
    case 'credit':
      return writer.credit(said.id, said.taken)
    default:
      return writer.word(said.type, said.value)
  }
}

function packetOf(frames: Array<Exclude<MessageFrame, { type: 'fault' }>>): Uint8Array {
  const writer = new PacketWriter(MAX_PACKET)
  for (const each of frames) expect(write(writer, each)).toBe(true)
  return writer.packet
}

const frames = fc.array(frame, { maxLength: 20 })

describe('the frame codec [E4]', () => {
  test('decodes what it encoded, for any sequence of frames [E4]', () => {
    fc.assert(
      fc.property(frames, said => {
        expect(decode(packetOf(said)).map(received => received.frame)).toEqual(said)
      }),
    )
  })

  test('computes the same cost for sender and receiver, which credit depends on [E4]', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 4 }),
        fc.array(fc.string({ unit: anyCharacter, maxLength: 200 })),
        (packets, texts) => {
          const writer = new PacketWriter(MAX_PACKET)
          for (const said of packets) {
            writer.clear()
            for (const each of said) write(writer, each)
            for (const text of texts) writer.message({ form: 'json', purpose: 'plain', exchange: 0 }, text)
            const cost = decode(writer.packet).reduce((sum, received) => sum + received.cost, 0)
            expect(cost).toBe(writer.cost)
          }
        },
      ),
    )
  })

  test('charges messages their bytes plus 64, and other frames nothing [E4]', () => {
    const writer = new PacketWriter(MAX_PACKET)
    writer.message({ form: 'bytes', purpose: 'plain', exchange: 0 }, new Uint8Array(0))
    expect(writer.cost).toBeGreaterThanOrEqual(FRAME_COST)
    writer.clear()
    writer.part(1, new Uint8Array(1))
    expect(writer.cost).toBeGreaterThanOrEqual(FRAME_COST + 1)
    writer.clear()
    writer.chunk(1, new Uint8Array(100))
    writer.word('ping', 1)
    writer.credit(0, 1)
    expect(writer.cost).toBe(0)
  })

  test('writes frames of at most 16 KiB, and none that does not fit [E4]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_PACKET }), frame, (used, said) => {
        const writer = new PacketWriter(used)
        const [length, cost] = [writer.length, writer.cost]
        if (write(writer, said)) {
          expect(writer.length).toBeLessThanOrEqual(Math.min(used, MAX_FRAME))
          expect(decode(writer.packet).map(received => received.frame)).toEqual([said])
        } else expect([writer.length, writer.cost]).toEqual([length, cost])
      }),
    )
    const writer = new PacketWriter(MAX_PACKET)
    expect(writer.message({ form: 'bytes', purpose: 'plain', exchange: 0 }, new Uint8Array(MAX_SMALL))).toBe(true)
    expect(writer.length).toBe(MAX_FRAME)
    expect(writer.message({ form: 'bytes', purpose: 'plain', exchange: 0 }, new Uint8Array(MAX_SMALL + 1))).toBe(false)
    expect(writer.part(1, new Uint8Array(MAX_PART))).toBe(true)
    expect(writer.part(1, new Uint8Array(MAX_PART + 1))).toBe(false)
    expect(writer.length).toBe(2 * MAX_FRAME)
  })

  test('skips frames of a later version [E4]', () => {
    fc.assert(
      fc.property(
        frames,
        frames,
        fc.constantFrom(0, 15, 100, 255),
        fc.uint8Array({ maxLength: 100 }),
        (some, more, type, body) => {
          const unknown = Uint8Array.of(type, body.length >> 8, body.length, ...body)
          const packet = Uint8Array.of(...packetOf(some), ...unknown, ...packetOf(more))
          expect(decode(packet).map(received => received.frame)).toEqual([...some, ...more])
        },
      ),
    )
  })

  test('ignores extra bytes at the end of a frame [E4]', () => {
    const longer = Uint8Array.of(1, 0, 11, 1, 0, 0, 4, 0, 0, 0, 2, 0, 99, 99) // a hello
    expect(decode(longer).map(received => received.frame)).toEqual([
      { type: 'hello', version: 1, maxMessageSize: 1_024, maxJsonSize: 512 },
    ])
  })

  test.each([
    ['ends behind the size of messages', [1, 0, 5, 1, 0, 0, 4, 0]],
    ['has half a size of JSON', [1, 0, 7, 1, 0, 0, 4, 0, 0, 0]],
  ])('has no separate JSON limit for a peer whose hello %s [E4]', (_, bytes) => {
    expect(decode(Uint8Array.of(...bytes)).map(received => received.frame)).toEqual([
      { type: 'hello', version: 1, maxMessageSize: 1_024, maxJsonSize: 1_024 },
    ])
  })

  test('decodes the first frames of a truncated packet, or throws a ProtocolError [Law 1]', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), said => {
        const packet = packetOf(said)
        for (let length = 0; length < packet.length; length++) {
          const read = readable(packet.subarray(0, length))
          if (read !== undefined) expect(read).toEqual(said.slice(0, read.length))
        }
      }),
      { numRuns: 30 },
    )
  })

  test('decodes random bytes and damaged packets, or throws a ProtocolError [Law 1]', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), bytes => void readable(bytes)))
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat({ max: 255 }), (said, at, value) => {
        const packet = packetOf(said).slice()
        packet[at % packet.length] = value
        readable(packet)
      }),
    )
  })

  test.each([
    ['a frame above 16 KiB', Uint8Array.of(2, 0x40, 0, ...new Uint8Array(0x4000))],
    ['a truncated head', Uint8Array.of(2)],
    ['a truncated length', Uint8Array.of(2, 0)],
    ['a truncated body', Uint8Array.of(2, 0, 5, 0)],
  ])('refuses a packet with %s [Law 6]', (_, bytes) => {
    expect(() => decode(bytes)).toThrow(ProtocolError)
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ code: 'ERR_BAD_FRAME' }))
  })

  test.each([
    ['a message without a head', [2, 0, 4, 0, 0, 0, 0]],
    ['a begin that is too short', [3, 0, 4, 0, 0, 0, 1]],
    ['an empty begin', [3, 0, 13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['an empty part', [4, 0, 4, 0, 0, 0, 1]],
    ['a part without an id', [4, 0, 3, 0, 0, 0]],
    ['an empty chunk', [6, 0, 4, 0, 0, 0, 1]],
    ['a stream that is too short', [5, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0]],
    ['a stream whose meta is not UTF-8', [5, 0, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff]],
    ['a hello that is too short', [1, 0, 4, 1, 0, 0, 0]],
    ['a stop without a verdict', [9, 0, 4, 0, 0, 0, 1]],
    ['a credit that is too short', [10, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0]],
    ['an empty end', [7, 0, 0]],
    ['an abort that is too short', [8, 0, 3, 0, 0, 0]],
    ['a ping that is too short', [11, 0, 1, 0]],
    ['a pong that is too short', [12, 0, 2, 0, 0]],
    ['a cancel that is too short', [13, 0, 3, 0, 0, 0]],
    ['a bye that is too short', [14, 0, 3, 0, 0, 0]],
  ])('reports %s as a fault, and decodes the next frame [Law 6]', (_, bytes) => {
    const good = packetOf([{ type: 'ping', value: 7 }])
    const read = decode(Uint8Array.of(...bytes, ...good)).map(received => received.frame.type)
    expect(read).toEqual(['fault', 'ping'])
  })

  test('refuses the meta of a stream above 4 KiB [Law 6]', () => {
    const writer = new PacketWriter(MAX_PACKET)
    writer.stream(1, undefined, new Uint8Array(MAX_META).fill(0x20))
    writer.stream(2, undefined, new Uint8Array(MAX_META + 1).fill(0x20))
    expect(decode(writer.packet).map(({ frame: { type } }) => type)).toEqual(['stream', 'fault'])
  })

  test('decodes the purpose of a message in an unknown form, so that a request can be answered [E4]', () => {
    for (const bits of [0b1011, 0b10010, 0b11111010])
      expect(decode(Uint8Array.of(2, 0, 6, bits, 0, 0, 0, 7, 99)).map(received => received.frame)).toEqual([
        { type: 'message', head: { form: 'unknown', purpose: 'request', exchange: 7 }, payload: Uint8Array.of(99) },
      ])
  })

  test('does not change a packet if the bytes of the next frame are detached [Law 6]', () => {
    const writer = new PacketWriter(MAX_PACKET)
    const plain: Head = { form: 'bytes', purpose: 'plain', exchange: 0 }
    writer.message(plain, Uint8Array.of(1))
    const { length, cost } = writer
    const detached = new Uint8Array(20)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    expect(() => writer.message(plain, detached)).toThrow(TypeError)
    expect(() => writer.part(1, detached)).toThrow(TypeError)
    expect([writer.length, writer.cost]).toEqual([length, cost])
    writer.message(plain, Uint8Array.of(2))
    expect(decode(writer.packet).map(read => read.frame.type === 'message' && read.frame.payload)).toEqual([
      Uint8Array.of(1),
      Uint8Array.of(2),
    ])
  })

  test('decodes an unknown verdict as cancelled [E4]', () => {
    expect(decode(Uint8Array.of(9, 0, 5, 0, 0, 0, 1, 99)).map(received => received.frame)).toEqual([
      { type: 'stop', id: 1, verdict: 'cancelled' },
    ])
  })
})

/** Undefined for a malformed packet; any error but a ProtocolError is a defect. */
function readable(packet: Uint8Array): MessageFrame[] | undefined {
  try {
    return decode(packet).map(received => received.frame)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    return undefined
  }
}
