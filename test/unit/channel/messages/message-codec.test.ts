import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../../support/any-character.js'
import { copyBytes, decode, encode, encodeJson } from '../../../../src/channel/messages/message-codec.js'
import { isPlain, LIMITS } from '../../../../src/channel/messages/message-copier.js'
import type { Message } from '../../../../src/channel/messages/messenger.js'
import { FORMS, type Form } from '../../../../src/channel/messages/frame-codec.js'
import { concatBytes, utf8 } from '../../../../src/core/bytes.js'
import { ProtocolError, SwarmlinkError } from '../../../../src/core/errors.js'

class Point {
  readonly x = 1
  readonly #y = 2

  get y(): number {
    return this.#y
  }
}

class Hidden {
  readonly #x = 1

  get x(): number {
    return this.#x
  }
}

/** The message as it arrives. */
function carried(message: unknown): Message {
  const { form, data } = encode(message)
  return decode(form, typeof data === 'string' ? utf8.encode(data) : data)
}

/** Makes a `mixed` payload as a remote peer may write it. */
function mixed(text: string, ...bytes: Uint8Array[]): Uint8Array {
  const head = new Uint8Array(4)
  const body = utf8.encode(text)
  new DataView(head.buffer).setUint32(0, body.byteLength)
  return concatBytes(head, body, ...bytes)
}

function nested(depth: number, inner: unknown = []): unknown {
  let value = inner
  for (let i = 1; i < depth; i++) value = [value]
  return value
}

function detachedBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

function circle(): object {
  const value: Record<string, unknown> = { first: [] }
  value['list'] = [0, { me: value }]
  return value
}

function throwing(): never {
  throw new TypeError('boom')
}

const invalid = (message: RegExp | string) =>
  expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) })

/** Any message, with special keys, bytes of each type, and strings with lone surrogates. */
const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'length', 'toString', '0', '', '\ud800'))
const bytes = fc.uint8Array({ maxLength: 40 })
const { message } = fc.letrec<{ message: Message; leaf: Message }>(tie => ({
  leaf: fc.oneof(
    fc.constantFrom(null, true, false, 0, '\udc00 half'),
    fc.string({ unit: anyCharacter }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => (number === 0 ? 0 : number)), // -0 arrives as 0
    bytes,
  ),
  message: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('message'), { maxLength: 4 }),
    fc.dictionary(key, tie('message'), { maxKeys: 4 }).map(fields => fieldsOf(Object.entries(fields))),
  ),
}))

/** An object with each entry as an own field, also `__proto__`. */
function fieldsOf(entries: Array<[string, Message]>): { [key: string]: Message } {
  const fields = {}
  for (const [name, value] of entries)
    Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true })
  return fields
}

describe('the message codec [E4]', () => {
  test('delivers any message unchanged, with bytes at any depth [E4]', () => {
    fc.assert(
      fc.property(message, value => {
        expect(carried(value)).toEqual(value)
      }),
      { numRuns: 500 },
    )
  })

  test('writes plain JSON exactly as JSON.stringify does [E4]', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(encode(value)).toEqual({ form: 'json', data: JSON.stringify(value) })
        expect(isPlain(value)).toBe(true)
      }),
    )
  })

  const buffer = Uint8Array.from({ length: 24 }, (_, i) => i)
  test.each<[string, ArrayBuffer | ArrayBufferView, Uint8Array]>([
    ['a Uint8Array', buffer.subarray(8, 16), buffer.subarray(8, 16)],
    ['a Buffer, whose toJSON is not called', Buffer.from(buffer), buffer],
    ['an ArrayBuffer', buffer.buffer, buffer],
    ['a DataView', new DataView(buffer.buffer, 8, 5), buffer.subarray(8, 13)],
    ['an Int8Array', new Int8Array(buffer.buffer, 8, 5), buffer.subarray(8, 13)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(buffer.buffer, 8, 5), buffer.subarray(8, 13)],
    ['a Float32Array', new Float32Array(buffer.buffer, 8, 2), buffer.subarray(8, 16)],
    ['a Float64Array', new Float64Array(buffer.buffer, 8, 1), buffer.subarray(8, 16)],
    ['a BigUint64Array', new BigUint64Array(buffer.buffer, 8, 1), buffer.subarray(8, 16)],
    ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(2)), new Uint8Array(2)],
    ['nothing', new ArrayBuffer(0), new Uint8Array(0)],
  ])('delivers %s as bytes, alone and inside a message [E4]', (_, value, expected) => {
    expect(Array.from(carried(value) as Uint8Array)).toEqual(Array.from(expected))
    const inside = carried({ name: 'x.bin', parts: [value, value] }) as { parts: [Uint8Array, Uint8Array] }
    expect(inside).toEqual({ name: 'x.bin', parts: [Uint8Array.from(expected), Uint8Array.from(expected)] })
    for (const part of inside.parts) expect(part.buffer.byteLength).toBe(expected.byteLength) // its own buffer, without other bytes
    expect(Array.from(copyBytes(value))).toEqual(Array.from(expected))
  })

  test('sends the bytes at the time of the call [E4]', () => {
    const data = Uint8Array.of(1, 2, 3)
    const sent = encode({ data })
    data.fill(9)
    expect(decode(sent.form, sent.data as Uint8Array)).toEqual({ data: Uint8Array.of(1, 2, 3) })
  })

  test.each<[string, unknown, unknown]>([
    ['an instance of a class: its own fields', new Point(), { x: 1 }],
    ['an instance without fields', new Hidden(), {}],
    ['an instance with bytes', Object.assign(new Point(), { data: Uint8Array.of(1) }), { x: 1, data: Uint8Array.of(1) }],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ['a Date: its ISO text', { when: new Date(0) }, { when: '1970-01-01T00:00:00.000Z' }],
    ['a URL: its text', [new URL('ws://x.test')], ['ws://x.test/']],
    ['an object with toJSON: its result', Object.assign(new Map(), { toJSON: () => ({ a: 1 }) }), { a: 1 }],
    ['a toJSON that returns bytes', { a: { toJSON: () => Uint8Array.of(7) } }, { a: Uint8Array.of(7) }],
    ['a toJSON that returns its key', { a: { toJSON: (name: string) => name } }, { a: 'a' }],
    ['a toJSON that returns undefined, as a field: no field', { a: { toJSON: () => undefined }, b: 1 }, { b: 1 }],
    ['an error with a toJSON', { error: Object.assign(new Error('boom'), { toJSON: () => 'boom' }) }, { error: 'boom' }],
    ['an undefined field: no field', { a: undefined, b: [{ c: undefined }] }, { b: [{}] }],
    ['symbols as keys and hidden fields: no fields', hidden(), { a: 1 }],
    ['a list with extra fields: its items', Object.assign([1], { extra: 2 }), [1]],
    ['boxed numbers, strings and booleans', [Object(5), Object('x'), Object(true)], [5, 'x', true]],
    ['minus zero: zero', [-0], [0]],
    ['the same object twice', twice(), [{ a: 1 }, { a: 1 }]],
  ])('delivers %s [E4]', (_, value, expected) => {
    expect(carried(value)).toEqual(expected)
  })

  test('keeps a field named __proto__, and changes no prototype [Law 6]', () => {
    const sent: unknown = JSON.parse('{"__proto__":{"admin":true},"a":{"constructor":1}}')
    for (const value of [sent, { sent, data: Uint8Array.of(1) }]) {
      const arrived = carried(value) as Record<string, Record<string, unknown>>
      const inner = arrived['sent'] ?? arrived
      expect(Object.keys(inner)).toEqual(['__proto__', 'a'])
      expect((inner as { admin?: unknown }).admin).toBeUndefined()
      expect(Object.getPrototypeOf(inner)).toBe(Object.prototype)
    }
    const bytesAsPrototype = Object.defineProperty({}, '__proto__', { value: Uint8Array.of(1), enumerable: true })
    const arrived = carried(bytesAsPrototype) as object
    expect(Object.getPrototypeOf(arrived)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(arrived, '__proto__')?.value).toEqual(Uint8Array.of(1))
  })

  test('delivers messages at the limits of depth and of byte arrays [Law 6]', () => {
    expect(carried(nested(LIMITS.depth))).toEqual(nested(LIMITS.depth))
    expect(carried(nested(LIMITS.depth, [Uint8Array.of(1)]))).toEqual(nested(LIMITS.depth, [Uint8Array.of(1)]))
    const many = Array.from({ length: LIMITS.attachments }, () => new Uint8Array(0))
    expect((carried(many) as unknown[]).length).toBe(LIMITS.attachments)
    expect(() => encode([...many, new Uint8Array(0)])).toThrow(invalid(/^message\[16384\] is one byte array too many .*: send/))
  })
})

describe('the message codec refuses, with the path and what to send instead, [Law 7]', () => {
  test.each<[string, unknown, string]>([
    ['a Map', new Map([['a', 1]]), 'a Map: send [...map]'],
    ['a Map with fields', Object.assign(new Map(), { a: 1 }), 'a Map: send [...map]'],
    ['a Set', new Set([1]), 'a Set: send [...set]'],
    ['an Error', new TypeError('boom'), 'an Error: send error.message'],
    ['an Error with fields', Object.assign(new Error('boom'), { code: 'ENOENT' }), 'an Error: send error.message'],
    ['a DOMException', new DOMException('boom'), 'a DOMException: send error.message'],
    ['a Blob', new Blob(['x']), 'a Blob: send await blob.arrayBuffer()'],
    ['a File', new File(['x'], 'x.txt'), 'a File: send await file.arrayBuffer()'],
    ['a Promise', Promise.resolve(1), 'a Promise: send its value, after an await'],
    ['a RegExp', /x/, 'a RegExp: send regexp.source'],
    ['a WeakMap', new WeakMap(), 'a WeakMap: send plain objects, lists, strings, numbers or bytes'],
    ['an iterator', new Map().keys(), 'a Map Iterator: send plain objects, lists, strings, numbers or bytes'],
    ['shared memory', new SharedArrayBuffer(1), 'a SharedArrayBuffer: send plain objects, lists, strings, numbers or bytes'],
    ['a Response', new Response('x'), 'a Response: send plain objects, lists, strings, numbers or bytes'],
    ['a function', () => {}, 'a function: send plain objects, lists, strings, numbers or bytes'],
    ['a symbol', Symbol('x'), 'a symbol: send plain objects, lists, strings, numbers or bytes'],
    ['a BigInt', 1n, 'a bigint: send a string: String(value)'],
    ['NaN', Number.NaN, 'NaN: send null or a string'],
    ['Infinity', -Infinity, '-Infinity: send null or a string'],
    ['boxed NaN', Object(Number.NaN), 'NaN: send null or a string'],
  ])('%s, alone, in a list and in a field [E4]', (_, value, what) => {
    const where = (path: string) => expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: `${path} is ${what}` })
    expect(() => encode(value)).toThrow(where('message'))
    expect(() => encode([1, value])).toThrow(where('message[1]'))
    expect(() => encode({ items: [0, { 'a b': value }] })).toThrow(where('message.items[1]["a b"]'))
    expect(() => encode({ data: Uint8Array.of(1), deep: { a: value } })).toThrow(where('message.deep.a'))
    expect(() => encode({ deep: { toJSON: () => ({ a: value }) } })).toThrow(where('message.deep.a'))
    expect(() => encodeJson({ a: value }, 'no bytes', 'meta')).toThrow(where('meta.a'))
  })

  test.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /^message is undefined: send null$/],
    ['undefined in a list', { a: [1, undefined] }, /^message\.a\[1\] is undefined: send null$/],
    ['a hole in a list', Object.assign([], { length: 3 }), /^message\[0\] is undefined: send null$/],
    ['a toJSON that returns nothing', { toJSON: () => undefined }, /^message is undefined: send null$/],
    ['an invalid Date', { when: new Date(Number.NaN) }, /^message\.when is an invalid Date: send null$/],
    ['a toJSON that throws', { a: { toJSON: throwing } }, /^message\.a cannot be read: boom$/],
    [
      'a getter that throws',
      { a: [Object.defineProperty({}, 'b', { get: throwing, enumerable: true })] },
      /^message\.a\[0\]\.b cannot be read: boom$/,
    ],
    [
      'a proxy that throws',
      { a: new Proxy({}, { ownKeys: throwing, getPrototypeOf: throwing }) },
      /^message\.a cannot be read: boom$/,
    ],
    ['a circular reference', circle(), /^message\.list\[1\]\.me is a circular reference: send an id instead$/],
    ['a detached buffer', detachedBytes(20), /^message is bytes whose buffer was transferred: .*send a copy$/],
    ['a detached buffer inside', { a: [detachedBytes(20).buffer] }, /^message\.a\[0\] is bytes whose buffer was transferred/],
    ['a DataView of a detached buffer', [detachedView()], /^message\[0\] is bytes whose buffer was transferred/],
    [
      'one level too many',
      nested(LIMITS.depth + 1),
      /^message(\[0\])+.*….*(\[0\])+ is nested deeper than 500 lists and objects: send it flatter, or as a string$/,
    ],
    ['20 000 levels', nested(20_000), /is nested deeper than 500/],
    ['an endless toJSON', endless(), /is nested deeper than 500/],
  ])('%s [E4]', (_, value, reason) => {
    expect(() => encode(value)).toThrow(invalid(reason))
  })

  test('bytes inside, if the peer accepts none [E4]', () => {
    expect(() => encodeJson({ name: 'x', data: Uint8Array.of(1) }, 'send them alone')).toThrow(
      invalid(/^message\.data is bytes: send them alone$/),
    )
    expect(encodeJson({ when: new Date(0) }, 'send them alone')).toBe('{"when":"1970-01-01T00:00:00.000Z"}')
  })

  test('a value behind long keys, with a shortened path [Law 7]', () => {
    const error = refusal({ ['x'.repeat(100_000)]: { y: Number.NaN } })
    expect(error.message.length).toBeLessThan(200)
    expect(error.message).toMatch(/^message\.xx.*…x.*x\.y is NaN: send/)
  })

  test('any value that would not arrive unchanged, in one line [Law 7]', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withBoxedValues: true,
      withNullPrototype: true,
    })
    fc.assert(
      fc.property(anything, value => {
        try {
          const once = carried(value)
          expect(carried(once)).toEqual(once) // a received message can be sent again
        } catch (error) {
          expect(error).toBeInstanceOf(SwarmlinkError)
          expect(error).toHaveProperty('message', expect.stringMatching(/^message.{0,120} (is|cannot) [^\n]{1,300}$/))
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a payload of a remote peer [Law 6]', () => {
  const one = Uint8Array.of(1)
  test.each<[string, Form, Uint8Array]>([
    ['invalid JSON', 'json', utf8.encode('{')],
    ['invalid UTF-8', 'json', Uint8Array.of(0xff, 0xfe)],
    ['JSON that is too deep', 'json', utf8.encode(`${'['.repeat(501)}${']'.repeat(501)}`)],
    ['a form of a later version', 'unknown', one],
    ['nothing', 'mixed', new Uint8Array(0)],
    ['half a length', 'mixed', new Uint8Array(3)],
    ['a truncated text', 'mixed', mixed('[0,[[1,0]]]').subarray(0, 8)],
    ['a text of 4 GiB', 'mixed', Uint8Array.of(255, 255, 255, 255, 91)],
    ['an object instead of a list', 'mixed', mixed('{"0":0,"1":[],"length":2}')],
    ['a list of three', 'mixed', mixed('[0,[],0]')],
    ['no table', 'mixed', mixed('[0,0]')],
    ['a table of numbers', 'mixed', mixed('[[0],[1]]', one)],
    ['an attachment without a length', 'mixed', mixed('[[0],[[]]]', one)],
    ['an attachment with a fractional length', 'mixed', mixed('[[0],[[0.5,0]]]', one)],
    ['an attachment with a negative length', 'mixed', mixed('[[0],[[-1,0]]]', one)],
    ['fewer bytes than its lengths', 'mixed', mixed('[[0],[[2,0]]]', one)],
    ['more bytes than its lengths', 'mixed', mixed('[[0],[[1,0]]]', one, one)],
    ['an attachment behind the end of a list', 'mixed', mixed('[[0],[[1,1]]]', one)],
    ['an attachment as the length of a list', 'mixed', mixed('[[],[[1,"length"]]]', one)],
    ['an attachment at an item with a string as index', 'mixed', mixed('[[0],[[1,"0"]]]', one)],
    ['an attachment in a missing field', 'mixed', mixed('[{},[[1,"a"]]]', one)],
    ['an attachment in a prototype', 'mixed', mixed('[{},[[1,"__proto__","a"]]]', one)],
    ['an attachment instead of a prototype', 'mixed', mixed('[{},[[1,"__proto__"]]]', one)],
    ['an attachment in a string', 'mixed', mixed('["000",[[1,0]]]', one)],
    ['an attachment in place of a value that is not 0', 'mixed', mixed('[[1],[[1,0]]]', one)],
    ['an attachment in an attachment', 'mixed', mixed('[[0],[[1,0],[0,0,0]]]', one)],
    ['two attachments at one path', 'mixed', mixed('[[0],[[1,0],[0,0]]]', one)],
    ['an attachment in the table', 'mixed', mixed('[[0],[[1,[1]]]]', one)],
    ['an invalid path', 'mixed', mixed('[[0],[[1,null]]]', one)],
    ['too many attachments', 'mixed', mixed(`[[0],[${'[0,0],'.repeat(16_384)}[0,0]]]`)],
    ['a mixed message that is too deep', 'mixed', mixed(`[${'['.repeat(501)}${']'.repeat(501)},[]]`)],
  ])('is refused with ERR_BAD_FRAME: %s [E4]', (_, form, payload) => {
    expect(() => decode(form, payload)).toThrow(ProtocolError)
    expect(() => decode(form, payload)).toThrow(expect.objectContaining({ code: 'ERR_BAD_FRAME' }))
  })

  test('may be one attachment, or have none [E4]', () => {
    expect(decode('mixed', mixed('[0,[[1]]]', one))).toEqual(one)
    expect(decode('mixed', mixed('[{"a":0},[]]'))).toEqual({ a: 0 })
  })

  test('is decoded or refused after any change [E4]', () => {
    fc.assert(
      fc.property(
        message,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 5 }),
        fc.constantFrom(...FORMS),
        (value, changes, as) => {
          const { form, data } = encode(value)
          const payload = typeof data === 'string' ? utf8.encode(data) : new Uint8Array(data)
          for (const [at, byte] of changes) if (payload.length > 0) payload[at % payload.length] = byte
          for (const each of [form, as]) {
            try {
              decode(each, payload)
            } catch (error) {
              expect(error).toBeInstanceOf(ProtocolError)
            }
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })
})

function refusal(value: unknown): Error {
  try {
    encode(value)
  } catch (error) {
    return error as Error // the caller checks its type
  }
  throw new Error('it was taken')
}

function hidden(): object {
  return Object.defineProperty({ a: 1, [Symbol('b')]: 2 }, 'c', { value: 3, enumerable: false })
}

function twice(): object[] {
  const same = { a: 1 }
  return [same, same]
}

function detachedView(): DataView {
  const view = new DataView(new ArrayBuffer(8))
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}

/** Each level returns another level. */
function endless(): object {
  return { toJSON: () => ({ next: endless() }) }
}
