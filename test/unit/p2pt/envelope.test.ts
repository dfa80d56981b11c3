import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../../src/channel/messages/message-copier.js'
import type { Json, Message } from '../../../src/channel/messages/messenger.js'
import { FORMS } from '../../../src/channel/messages/frame-codec.js'
import { concatBytes, utf8 } from '../../../src/core/bytes.js'
import { open as openWithin, seal } from '../../../src/p2pt/envelope.js'

const open = (data: Message) => openWithin(data, 1024 * 1024)
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const message = fc.oneof(
  fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as Json), // JSON has no -0
  fc.uint8Array({ maxLength: 100 }),
  fc.record({ name: fc.string(), parts: fc.array(fc.uint8Array({ maxLength: 20 })) }),
)

describe('an envelope between two swarmlink peers [E3] [E4]', () => {
  test('keeps ids and message', () => {
    fc.assert(
      fc.property(count, fc.option(count, { nil: undefined }), message, (id, re, value) => {
        expect(open(seal({ id, re, message: value }))).toEqual({ id, re, message: value })
      }),
    )
  })

  test('copies the bytes when it is sealed', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const sealed = seal({ id: 1, re: undefined, message: bytes })
    bytes.fill(9)
    expect(open(sealed).message).toEqual(Uint8Array.of(1, 2, 3))
  })

  test.each([
    ['undefined', undefined, 'message is undefined'],
    ['a map inside', { a: new Map([[1, 2]]) }, 'message.a is a Map'],
    ['an object whose toJSON returns undefined', { toJSON: () => undefined }, 'message is undefined'],
  ])('refuses a message that cannot be sent, with its path: %s [E4]', (_, value, what) => {
    expect(() => seal({ id: 1, re: undefined, message: value })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(`${what}: send`) }),
    )
  })

  test('takes messages of the maximum depth [E4]', () => {
    let deep: Json = []
    for (let i = 1; i < LIMITS.depth; i++) deep = [deep]
    expect(open(seal({ id: 1, re: 2, message: deep })).message).toEqual(deep)
  })

  test('converts a message as JSON does', () => {
    expect(open(seal({ id: 1, re: undefined, message: new Date(0) })).message).toBe(new Date(0).toJSON())
  })

  const header = (id: number, re: number, { version = 2, form = 0 } = {}) => {
    const view = new DataView(new ArrayBuffer(18))
    view.setUint8(0, version)
    view.setUint8(1, form)
    view.setFloat64(2, id)
    view.setFloat64(10, re)
    return new Uint8Array(view.buffer)
  }
  const text = utf8.encode('"x"')

  test.each<[string, Message]>([
    ['a text', 'x'],
    ['null', null],
    ['a list', [{ id: 1, msg: 'x' }]],
    ['an object', { id: 1, msg: 'x' }],
    ['no bytes', new Uint8Array()],
    ['bytes without a whole header', header(1, 0).subarray(0, 17)],
    ['another version', concatBytes(header(1, 0, { version: 1 }), text)],
    ['no id', concatBytes(header(0, 0), text)],
    ['half an id', concatBytes(header(1.5, 0), text)],
    ['an id too large to count', concatBytes(header(2 ** 53, 0), text)],
    ['an id that is NaN', concatBytes(header(Number.NaN, 0), text)],
    ['an infinite id', concatBytes(header(Number.POSITIVE_INFINITY, 0), text)],
    ['an answer to a negative id', concatBytes(header(1, -1), text)],
  ])('is refused: %s [Law 6]', (_, data) => {
    expect(() => open(data)).toThrow(expect.objectContaining({ code: 'ERR_BAD_FRAME', fault: 'bad-envelope' }))
  })

  test.each<[string, Uint8Array]>([
    ['no text', header(1, 0)],
    ['no JSON', concatBytes(header(1, 0), utf8.encode('{'))],
    ['JSON that is too deep', concatBytes(header(1, 0), utf8.encode(`${'['.repeat(501)}${']'.repeat(501)}`))],
    ['misplaced bytes', concatBytes(header(1, 0, { form: FORMS.indexOf('mixed') }), Uint8Array.of(0, 0, 0, 9))],
    ['a form of a later version', concatBytes(header(1, 0, { form: 9 }), text)],
  ])('is unreadable: %s [Law 6]', (_, data) => {
    expect(() => open(data)).toThrow(expect.objectContaining({ code: 'ERR_BAD_FRAME', fault: 'unreadable' }))
  })

  test('decodes any bytes or throws a P2PTFrameError [Law 6]', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          message,
          fc.uint8Array({ maxLength: 40 }).map(bytes => concatBytes(Uint8Array.of(2), bytes)),
        ),
        data => {
          try {
            expect(open(data).id).toBeGreaterThan(0)
          } catch (error) {
            expect(error).toMatchObject({ fault: expect.stringMatching(/^(bad-envelope|unreadable)$/) })
          }
        },
      ),
    )
  })
})
