import { describe, expect, test } from 'vitest'
import { checkNumber, invalid } from '../../../src/core/arguments.js'

describe('A4 what is wrong with an argument', () => {
  test.each<[unknown, string]>([
    [1, '1'],
    [-0.5, '-0.5'],
    [Number.NaN, 'NaN'],
    [1n, 'a bigint'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    ['1', '"1"'],
    ['a "quoted"\nname', String.raw`"a \"quoted\"\nname"`],
    [Symbol('secret'), 'a symbol'],
    [() => {}, 'a function'],
    [{ secret: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [[1, 2], 'an Array'],
    [new Map(), 'a Map'],
    [new Error('secret'), 'an Error'],
    [new Uint8Array(1), 'a Uint8Array'],
  ])('A4 shows %o as it is', (value, shown) => {
    const error = invalid('the port', 'a number', value)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: `the port must be a number, not ${shown}` })
  })

  test.each<[string, unknown]>([
    ['a text', '\u0000'.repeat(100_000)],
    ['a number', 10n ** 5_000n],
    ['a kind', { [Symbol.toStringTag]: 'x'.repeat(100_000) }],
  ])('Law 6 shows no more than the beginning of what is long: %s', (_, value) => {
    expect(invalid('the port', 'a number', value).message.length).toBeLessThan(600)
  })

  test('A4 shows what must not be looked at all the same', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(invalid('the port', 'a number', proxy).message).toBe('the port must be a number, not an object')
  })

  test('A4 a number is told from the text of one', () => {
    expect(() => checkNumber('port', '80')).toThrow('port must be a number from 0 on, not "80"')
    expect(() => checkNumber('port', -1)).toThrow('port must be a number from 0 on, not -1')
  })
})
