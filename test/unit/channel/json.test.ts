import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, checkForm, payloadOf, stringify } from '../../../src/channel/json.js'

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

describe('E4 what a message becomes on its way', () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i)
  test.each<[string, ArrayBuffer | ArrayBufferView, Uint8Array]>([
    ['a Uint8Array', bytes.subarray(8, 16), bytes.subarray(8, 16)],
    ['a Buffer', Buffer.from(bytes), bytes],
    ['an ArrayBuffer', bytes.buffer, bytes],
    ['a DataView', new DataView(bytes.buffer, 8, 5), bytes.subarray(8, 13)],
    ['an Int8Array', new Int8Array(bytes.buffer, 8, 5), bytes.subarray(8, 13)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(bytes.buffer, 8, 5), bytes.subarray(8, 13)],
    ['a Float32Array', new Float32Array(bytes.buffer, 8, 2), bytes.subarray(8, 16)],
    ['a Float64Array', new Float64Array(bytes.buffer, 8, 1), bytes.subarray(8, 16)],
    ['a BigUint64Array', new BigUint64Array(bytes.buffer, 8, 1), bytes.subarray(8, 16)],
    ['nothing', new ArrayBuffer(0), new Uint8Array(0)],
  ])('E4 %s is bytes', (_, message, expected) => {
    expect(Array.from(payloadOf(message) as Uint8Array)).toEqual(Array.from(expected))
    expect(bytesOf(message)).toBeInstanceOf(Uint8Array)
  })

  test.each<[string, unknown, RegExp]>([
    ['a Map', new Map([['a', 1]]), /^a Map has no JSON form: send \[\.\.\.map\]$/],
    ['a Set', new Set([1]), /^a Set .* \[\.\.\.set\]/],
    ['an Error', new TypeError('boom'), /^an Error .* error\.message/],
    ['an Error with fields', Object.assign(new Error('boom'), { code: 'ENOENT' }), /^an Error .* error\.message/],
    ['a Blob', new Blob(['x']), /^a Blob .* await blob\.arrayBuffer\(\)/],
    ['a File', new File(['x'], 'x.txt'), /^a File .* await file\.arrayBuffer\(\)/],
    ['a Promise', Promise.resolve(1), /^a Promise .* after an await/],
    ['a WeakMap', new WeakMap(), /^a WeakMap .* plain objects/],
    ['a RegExp', /x/, /^a RegExp .* plain objects/],
    ['an iterator', new Map().keys(), /^a Map Iterator .* plain objects/],
    ['shared memory', new SharedArrayBuffer(1), /^a SharedArrayBuffer .* bytes/],
    ['a Response', new Response('x'), /^a Response .* bytes/],
    ['a function', () => {}, /^a function .* plain objects/],
    ['a symbol', Symbol('x'), /^a symbol .* plain objects/],
    ['undefined', undefined, /^undefined .* bytes/],
  ])('Law 7 %s would be lost without a word: refused with the cure', (_, message, reason) => {
    for (const refused of [() => stringify(message), () => checkForm(message)]) {
      expect(refused).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
      expect(refused).toThrow(reason)
    }
  })

  test.each<[string, unknown, RegExp]>([
    ['a BigInt', 1n, /BigInt/],
    ['a BigInt inside', { size: 1n }, /BigInt/],
    ['what throws on its way', { toJSON: throwing }, /boom/],
    ['a circle', circle(), /circular .* property 'me' closes the circle/],
  ])('Law 7 %s is refused with the reason, in one line', (_, message, reason) => {
    const refused = () => stringify(message)
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(refused).toThrow(/^this message has no JSON form: .{1,256}$/)
    expect(refused).toThrow(reason)
  })

  test.each<[string, unknown, string]>([
    ['an instance of a class', new Point(), '{"x":1}'],
    ['one without fields', new Hidden(), '{}'],
    ['an empty object', {}, '{}'],
    ['an object without a prototype', Object.create(null), '{}'],
    ['an empty list', [], '[]'],
    ['a Date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['a URL', new URL('ws://x.test'), '"ws://x.test/"'],
    ['what has a JSON form of its own', Object.assign(new Map(), { toJSON: () => ({}) }), '{}'],
    ['an error with one', Object.assign(new Error('boom'), { toJSON: () => 'boom' }), '"boom"'],
    ['a number in a box', Object(5), '5'],
  ])('E4 %s stays as it is', (_, message, text) => {
    expect(stringify(message)).toBe(text)
  })

  test('E4 whatever is JSON is sent as JSON.stringify has it', () => {
    fc.assert(fc.property(fc.jsonValue(), value => stringify(value) === JSON.stringify(value)))
  })
})

function circle(): object {
  const value: Record<string, unknown> = {}
  value['me'] = value
  return value
}

function throwing(): never {
  throw new Error('boom')
}
