import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../support/any-character.js'
import type { Json } from '../../../src/channel/messages/messenger.js'
import { MessageAssembly } from '../../../src/p2pt/message-assembly.js'
import {
  bodyOf,
  CHUNK_LENGTH,
  chunkLength,
  decode,
  encode,
  isFrame,
  MAX_FRAME_LENGTH,
  MAX_TEXT_LENGTH,
  P2PTFrameError,
  type StockFrame,
  type StockMessage,
  type MessageId,
} from '../../../src/p2pt/stock-codec.js'

const frame = (fields: object) => `^${JSON.stringify(fields)}`
const frames = (id: MessageId, message: Json, length?: number) => [...encode(id, bodyOf(message), length)]

/** Decodes frames to messages and faults. */
function read(texts: Iterable<string>, assembly = new MessageAssembly(MAX_TEXT_LENGTH)): Array<StockMessage | string> {
  return [...texts].flatMap(text => {
    try {
      return assembly.add(decode(text), 0) ?? []
    } catch (error) {
      if (error instanceof P2PTFrameError) return error.fault
      throw error
    }
  })
}

function faultOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    if (error instanceof P2PTFrameError) return error.fault
    throw error
  }
  return undefined
}

const json = fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as Json) // JSON has no -0
const text = fc.string({ unit: anyCharacter, maxLength: 200 }) // lone surrogates included
const message = fc.oneof(json, text)
const messageId = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ minLength: 1, maxLength: 64 }),
)

describe('the frames of the published p2pt [E4] [E5]', () => {
  test('carry every message in chunks of any length [E4]', () => {
    fc.assert(
      fc.property(messageId, message, fc.integer({ min: 1, max: 50 }), (id, value, length) => {
        const sent = frames(id, value, length)
        expect(sent.every(isFrame)).toBe(true)
        expect(read(sent)).toEqual([{ id: Object.is(id, -0) ? 0 : id, message: value }])
      }),
    )
  })

  // Output of the published package for these arguments, with 123456 for its random number.
  test.each([
    ['a text', 'hello', ['^{"id":123456,"msg":"hello","c":0,"last":true}']],
    ['an object', { a: [1] }, ['^{"id":123456,"msg":"{\\"a\\":[1]}","o":1,"c":0,"last":true}']],
    ['null', null, ['^{"id":123456,"msg":"null","o":1,"c":0,"last":true}']],
    [
      'a text of more than one chunk, cut within a surrogate pair',
      `${'x'.repeat(CHUNK_LENGTH - 1)}😀`,
      [`^{"id":123456,"msg":"${'x'.repeat(CHUNK_LENGTH - 1)}\\ud83d","c":0}`, '^{"id":123456,"msg":"\\ude00","c":1,"last":true}'],
    ],
    [
      'a text of exactly one chunk',
      'y'.repeat(CHUNK_LENGTH),
      [`^{"id":123456,"msg":"${'y'.repeat(CHUNK_LENGTH)}","c":0,"last":true}`],
    ],
  ])('equal those of the package, both ways: %s [E5]', (_, value, published) => {
    const parsed = (texts: string[]) => texts.map(each => JSON.parse(each.slice(1)) as object)
    expect(parsed(frames(123456, value))).toEqual(parsed(published))
    expect(read(published)).toEqual([{ id: 123456, message: value }])
  })

  // The published package cannot send these, but it can read them.
  test.each([
    ['the empty text', '', '', undefined],
    ['0', 0, '0', 1],
    ['a number', 42.5, '42.5', 1],
    ['true', true, 'true', 1],
    ['false', false, 'false', 1],
  ])('carry what the package cannot send: %s [E4]', (_, value, msg, o) => {
    expect(frames(7, value).map(each => JSON.parse(each.slice(1)) as object)).toEqual([
      { id: 7, msg, c: 0, last: true, ...(o !== undefined && { o }) },
    ])
    expect(read(frames(7, value))).toEqual([{ id: 7, message: value }])
  })

  test('convert objects as JSON does [E4]', () => {
    const date = new Date(0)
    expect(bodyOf(date as unknown as Json)).toEqual({ text: JSON.stringify(date), isJson: true })
    for (const none of [undefined, () => {}, Symbol('x'), 1n, { toJSON: () => undefined }])
      expect(() => bodyOf(none as unknown as Json)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('fit into the message limit of the remote, escapes included', () => {
    expect([chunkLength(262_144), chunkLength(100_000)]).toEqual([CHUNK_LENGTH, CHUNK_LENGTH])
    for (const size of [65_536, 16_384, 2_000]) {
      const worst = frames('i'.repeat(64), '\u0000'.repeat(40_000), chunkLength(size))
      expect(Math.max(...worst.map(each => each.length))).toBeLessThanOrEqual(size)
    }
    expect(chunkLength(0)).toBe(256)
  })

  test('of several messages may arrive mixed [E4]', () => {
    const shuffled = fc.array(message, { minLength: 2, maxLength: 5 }).chain(messages => {
      const queues = messages.map((value, index) => frames(index + 1, value, 20))
      const order = fc.shuffledSubarray(
        queues.flatMap((queue, index) => queue.map(() => index)),
        { minLength: queues.flat().length },
      )
      return fc.tuple(fc.constant(messages), fc.constant(queues), order)
    })
    fc.assert(
      fc.property(shuffled, ([messages, queues, order]) => {
        const left = queues.map(queue => [...queue])
        const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
        const found = read(
          order.map(index => left[index]!.shift()!),
          assembly,
        )
        expect(found.length).toBe(messages.length)
        expect(new Set(found)).toEqual(new Set(messages.map((value, index) => ({ id: index + 1, message: value }))))
        expect([assembly.size, assembly.length]).toEqual([0, 0])
      }),
    )
  })
})

const good = { id: 1, msg: 'x', c: 0, last: true }

describe('frames that the published p2pt does not send [Law 6]', () => {
  test.each([
    ['no JSON', '^{', 'not-json'],
    ['nothing behind the mark', '^', 'not-json'],
    ['a text', '^"x"', 'not-json'],
    ['null', '^null', 'not-json'],
    ['a list', '^[1]', 'not-json'],
    ['a frame above the limit', `^${'['.repeat(MAX_FRAME_LENGTH)}`, 'too-large'],
    ['a deep frame', frame({ ...good, id: [1] }).replace('[1]', '['.repeat(50_000) + ']'.repeat(50_000)), 'bad-id'],
    ['no id', frame({ ...good, id: undefined }), 'bad-id'],
    ['an id that is null', frame({ ...good, id: null }), 'bad-id'],
    ['an id that is a list', frame({ ...good, id: [1] }), 'bad-id'],
    ['an id that is true', frame({ ...good, id: true }), 'bad-id'],
    ['an id that is empty', frame({ ...good, id: '' }), 'bad-id'],
    ['an id that is too long', frame({ ...good, id: 'i'.repeat(65) }), 'bad-id'],
    ['an infinite id', '^{"id":1e999,"msg":"x","c":0,"last":true}', 'bad-id'],
    ['no text', frame({ ...good, msg: undefined }), 'bad-chunk'],
    ['a text that is a number', frame({ ...good, msg: 42 }), 'bad-chunk'],
    ['a text that is an object', frame({ ...good, msg: { length: 1 } }), 'bad-chunk'],
    ['no number', frame({ ...good, c: undefined }), 'bad-chunk'],
    ['a number that is a text', frame({ ...good, c: '0' }), 'bad-chunk'],
    ['a number below 0', frame({ ...good, c: -1 }), 'bad-chunk'],
    ['a fraction', frame({ ...good, c: 0.5 }), 'bad-chunk'],
    ['a giant number', frame({ ...good, c: 2 ** 32 - 2 }), 'too-large'],
    ['an infinite number', '^{"id":1,"msg":"x","c":1e999,"last":true}', 'bad-chunk'],
    ['malformed JSON', frame({ ...good, msg: '{', o: 1 }), 'not-json'],
    ['JSON that is empty', frame({ ...good, msg: '', o: 1 }), 'not-json'],
    ['deep JSON', frame({ ...good, msg: '['.repeat(501) + ']'.repeat(501), o: 1 }), 'too-deep'],
    ['deep objects', frame({ ...good, msg: `${'{"a":'.repeat(501)}1${'}'.repeat(501)}`, o: 1 }), 'too-deep'],
    ['a last chunk without a first', frame({ ...good, c: 1 }), 'out-of-order'],
  ])('are dropped: %s', (_, sent, fault) => {
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    expect(read([sent], assembly)).toEqual([fault])
    expect(assembly.size).toBe(0)
    expect(read([frame(good)], assembly)).toEqual([{ id: 1, message: 'x' }])
  })

  test('do not count brackets in texts as depth', () => {
    const value = { text: '[{"\\'.repeat(1_000), deep: [[[['x']]]] }
    expect(read(frames(1, value))).toEqual([{ id: 1, message: value }])
  })

  test.each([
    ['a gap', [0, 2]],
    ['a chunk twice', [0, 1, 1]],
    ['the first one twice', [0, 0]],
    ['the wrong order', [0, 2, 1]],
  ])('lose their own message, and no other: %s', (_, order) => {
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    read([frame({ id: 'other', msg: 'a', c: 0 })], assembly)
    const found = read(
      order.map(c => frame({ id: 1, msg: 'x', c })),
      assembly,
    )
    expect(found).toContain('out-of-order')
    expect(read([frame({ id: 1, msg: 'x', c: 3, last: true })], assembly)).toEqual(['out-of-order'])
    expect(read([frame({ id: 'other', msg: 'b', c: 1, last: true })], assembly)).toEqual([{ id: 'other', message: 'ab' }])
    expect([assembly.size, assembly.length]).toEqual([0, 0])
  })

  test('may have names of object members as ids', () => {
    for (const id of ['__proto__', 'constructor', 'toString'])
      expect(read(frames(id, 'x'.repeat(50), 20))).toEqual([{ id, message: 'x'.repeat(50) }])
    expect(read([frame({ ...good, msg: '{"__proto__":{"polluted":1}}', o: 1 })])).toHaveLength(1)
    expect('polluted' in {}).toBe(false)
  })

  test('are bounded: unfinished messages', () => {
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    const found = read(
      Array.from({ length: 1_000 }, (_, id) => frame({ id: id + 1, msg: 'x', c: 0 })),
      assembly,
    )
    expect(found.filter(each => each === 'too-many')).toHaveLength(984)
    expect([assembly.size, assembly.length]).toEqual([16, 16 * 256])
  })

  test('are bounded: characters, of one message and of all together', () => {
    const part = 'x'.repeat(120_000)
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    const count = Math.ceil(MAX_TEXT_LENGTH / part.length)
    const flood = Array.from({ length: count }, (_, c) => frame({ id: 1, msg: part, c }))
    expect(read(flood, assembly)).toEqual(['too-large'])
    expect([assembly.size, assembly.length]).toEqual([0, 0])
    for (let id = 1; id <= 15; id++)
      read(
        flood.slice(0, 15).map(each => each.replace('"id":1', `"id":${id}`)),
        assembly,
      )
    expect(assembly.length).toBeLessThanOrEqual(MAX_TEXT_LENGTH)
  })

  test('are bounded: length and values of JSON, but not of a plain text [Law 6]', () => {
    const within = (value: Json) => read(frames(1, value), new MessageAssembly(50_000))
    expect(within(['x'.repeat(49_996)])).toHaveLength(1)
    expect(within(['x'.repeat(49_997)])).toContain('too-much-json')
    expect(within('x'.repeat(100_000))).toEqual([{ id: 1, message: 'x'.repeat(100_000) }])
    expect(
      read(
        frames(
          1,
          Array.from({ length: 131_072 }, () => 0),
        ),
      ),
    ).toEqual(['too-much-json'])
  })

  test('are bounded: short chunks, of several messages together [Law 6]', () => {
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    const short = (id: number, chunk: number): StockFrame => ({ id, text: 'x', chunk, last: false, isJson: false })
    for (let chunk = 0; chunk < 32_768; chunk++) for (const id of [1, 2]) assembly.add(short(id, chunk), 0)
    expect(faultOf(() => assembly.add(short(3, 0), 0))).toBe('too-large')
  })

  test('are bounded: empty chunks', () => {
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    const empty = (chunk: number): StockFrame => ({ id: 1, text: '', chunk, last: false, isJson: false })
    for (let chunk = 0; chunk < 65_536; chunk++) assembly.add(empty(chunk), 0)
    expect(faultOf(() => decode(frame({ id: 1, msg: '', c: 65_536 })))).toBe('too-large')
  })

  test('expire when their message makes no progress', () => {
    const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
    const begin = (id: number, now: number, c = 0) => assembly.add(decode(frame({ id, msg: 'x', c })), now)
    begin(1, 0)
    begin(2, 10)
    begin(3, 20)
    begin(1, 30, 1)
    expect(assembly.expire(20)).toBe(2)
    expect([assembly.size, assembly.length]).toEqual([1, 2 * 256])
    expect(read([frame({ id: 1, msg: 'y', c: 2, last: true })], assembly)).toEqual([{ id: 1, message: 'xxy' }])
    begin(4, 40)
    assembly.clear()
    expect([assembly.size, assembly.length]).toEqual([0, 0])
  })

  test('decode to a message or a fault for any input, within bounds', () => {
    const field = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, 0, 1, 2, 'x', true, '[1]', 'null'))
    const any = fc.oneof(
      fc.string({ unit: anyCharacter }).map(each => `^${each}`),
      fc.json().map(each => `^${each}`),
      fc
        .record({ id: fc.oneof(fc.integer({ min: 0, max: 3 }), field), msg: field, c: field, last: field, o: field })
        .map(each => frame(each)),
    )
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), texts => {
        const assembly = new MessageAssembly(MAX_TEXT_LENGTH)
        read(texts, assembly)
        expect(assembly.size).toBeLessThanOrEqual(16)
        assembly.expire(0)
        expect([assembly.size, assembly.length]).toEqual([0, 0])
      }),
      { numRuns: 500 },
    )
  })
})
