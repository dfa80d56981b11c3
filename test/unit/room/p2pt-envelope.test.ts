import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json, Message } from '../../../src/channel/messenger.js'
import { concatBytes } from '../../../src/core/bytes.js'
import { open, seal } from '../../../src/room/p2pt-envelope.js'

/** As it comes out of a `DataConnection`. */
const carried = (data: Message): Message => (data instanceof Uint8Array ? data : (JSON.parse(JSON.stringify(data)) as Json))

const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const message = fc.oneof(
  fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as Json), // -0 has no JSON form
  fc.uint8Array({ maxLength: 100 }),
)

describe('E3 E4 a message between two of ours', () => {
  test('keeps its ids and whatever it is', () => {
    fc.assert(
      fc.property(count, fc.option(count, { nil: undefined }), message, (id, re, value) => {
        expect(open(carried(seal({ id, re, message: value })))).toEqual({ id, re, message: value })
      }),
    )
  })

  test('is the bytes of the moment in which it was sent', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const sealed = seal({ id: 1, re: undefined, message: bytes })
    bytes.fill(9)
    expect(open(sealed).message).toEqual(Uint8Array.of(1, 2, 3))
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a map', new Map([[1, 2]])],
    ['an error', new Error('x')],
    ['an object whose toJSON gives nothing', { toJSON: () => undefined }],
  ])('without a JSON form is refused: %s', (_, value) => {
    expect(() => seal({ id: 1, re: undefined, message: value as unknown as Json })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  test('that JSON makes something else of is that', () => {
    expect(open(carried(seal({ id: 1, re: undefined, message: new Date(0) as unknown as Json }))).message).toBe(
      new Date(0).toJSON(),
    )
  })

  const header = (id: number, re: number, version = 1) => {
    const view = new DataView(new ArrayBuffer(17))
    view.setUint8(0, version)
    view.setFloat64(1, id)
    view.setFloat64(9, re)
    return new Uint8Array(view.buffer)
  }

  test.each<[string, Message]>([
    ['a text', 'x'],
    ['null', null],
    ['a list', [{ id: 1, msg: 'x' }]],
    ['no id', { msg: 'x' }],
    ['an id of 0', { id: 0, msg: 'x' }],
    ['an id that is a text', { id: '1', msg: 'x' }],
    ['half an id', { id: 1.5, msg: 'x' }],
    ['an id too large to count', { id: 2 ** 53, msg: 'x' }],
    ['an answer to null', { id: 1, re: null, msg: 'x' }],
    ['an answer to 0', { id: 1, re: 0, msg: 'x' }],
    ['no message', { id: 1 }],
    ['no bytes', new Uint8Array()],
    ['bytes without a whole header', header(1, 0).subarray(0, 16)],
    ['bytes of another version', header(1, 0, 2)],
    ['bytes without an id', header(0, 0)],
    ['bytes with an id that is no number', header(Number.NaN, 0)],
    ['bytes with an endless id', header(Number.POSITIVE_INFINITY, 0)],
    ['bytes with an answer to less than nothing', header(1, -1)],
  ])('Law 6 is no message: %s', (_, data) => {
    expect(() => open(data)).toThrow(expect.objectContaining({ code: 'ERR_BAD_FRAME', fault: 'bad-envelope' }))
  })

  test('Law 6 whatever came, it is read or refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          message,
          fc.uint8Array({ maxLength: 40 }).map(bytes => concatBytes(Uint8Array.of(1), bytes)),
        ),
        data => {
          try {
            expect(open(data).id).toBeGreaterThan(0)
          } catch (error) {
            expect(error).toMatchObject({ fault: 'bad-envelope' })
          }
        },
      ),
    )
  })
})
