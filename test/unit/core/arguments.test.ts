import { describe, expect, test } from 'vitest'
import { urlName } from '../../../src/core/secrets.js'
import { checkNames, checkNumber, invalid } from '../../../src/core/arguments.js'

describe('errors for invalid arguments [A4]', () => {
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
    [{ [Symbol.toStringTag]: 'RTCPeerConnection' }, 'an RTCPeerConnection'],
    [{ [Symbol.toStringTag]: 'Headers' }, 'a Headers'],
    ...['wss://me:secret@host.test/?key=secret', `wss://me:${'secret'.repeat(40)}@host.test/`, 'https://host.test/secret'].map(
      (url): [string, string] => [url, `"${urlName(url)}"`],
    ),
  ])('show %o in a readable form [A4]', (value, shown) => {
    const error = invalid('the port', 'a number', value)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: `got ${shown}: the port must be a number` })
  })

  test.each<[string, unknown]>([
    ['a text', '\u0000'.repeat(100_000)],
    ['a number', 10n ** 5_000n],
    ['a kind', { [Symbol.toStringTag]: 'x'.repeat(100_000) }],
  ])('show only the beginning of a long value: %s [Law 6]', (_, value) => {
    expect(invalid('the port', 'a number', value).message.length).toBeLessThan(600)
  })

  test('show a revoked proxy as an object [A4]', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(invalid('the port', 'a number', proxy).message).toBe('got an object: the port must be a number')
  })

  test('distinguish a number from a numeric string [A4]', () => {
    expect(() => checkNumber('port', '80')).toThrow('got "80": port must be a number from 0 on')
    expect(() => checkNumber('port', -1)).toThrow('got -1: port must be a number from 0 on')
  })

  test('state the bounds of a number [A4]', () => {
    const port = { whole: true, most: 65_535 }
    expect(checkNumber('port', 65_535, port)).toBe(65_535)
    for (const wrong of [65_536, 70_000, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => checkNumber('port', wrong, port)).toThrow(`got ${wrong}: port must be a whole number from 0 to 65535`)
  })

  test.each([[[]], [new Map()], [new Date()], [null], ['x'], [() => {}]])('refuse %o as an options object [A4]', options => {
    expect(() => checkNames(options, ['port'])).toThrow(/: the options must be an object$/)
  })

  test('name a misspelt option and the options that exist [A4]', () => {
    expect(() => checkNames({ prot: 1 }, ['port', 'host'])).toThrow('there is no option prot: the options are port, host')
    expect(() => checkNames(Object.create(null), ['port'])).not.toThrow()
  })
})
