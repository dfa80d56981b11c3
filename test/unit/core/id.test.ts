import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../support/any-character.js'
import { hexToBinary } from '../../../src/core/bytes.js'
import { idBytes, isId, parseInfoHash, randomId, toId, topicOf } from '../../../src/core/id.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const hex = '0123456789abcdef0123456789abcdef01234567'

describe('ids', () => {
  test('isId() accepts 40 lower-case hex characters [A1]', () => {
    expect(isId(hex)).toBe(true)
    for (const bad of ['', hex.slice(1), `${hex}0`, hex.toUpperCase(), `${hex}\n`, `g${hex.slice(1)}`])
      expect(isId(bad)).toBe(false)
    expect(isId(randomId(new VirtualEnv()))).toBe(true)
  })

  test('parseInfoHash() accepts either case, and throws an error that says what to pass for anything else [A1]', () => {
    expect(parseInfoHash(hex.toUpperCase())).toBe(hex)
    const circular: unknown[] = []
    circular.push(circular)
    for (const bad of [
      '',
      'my-app',
      hex.slice(1),
      'x'.repeat(100_000),
      undefined,
      null,
      7,
      1n,
      Symbol('x'),
      {},
      circular,
      () => {},
    ]) {
      expect(() => parseInfoHash(bad)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
      expect(() => parseInfoHash(bad)).toThrow(/torrent\.infoHash.*topicOf\(name\)/)
    }
    expect(() => parseInfoHash('x'.repeat(100_000))).toThrow(/^.{0,300}$/)
  })

  test('toId() hashes a text that is not 20 bytes [A1]', () => {
    expect(toId(hex.toUpperCase())).toBe(hex)
    expect(toId('-WW0100-abcdefghijkl')).toBe(Buffer.from('-WW0100-abcdefghijkl').toString('hex'))
    expect(toId(hexToBinary('ff'.repeat(20)))).toBe('ff'.repeat(20))
    expect(toId('me')).toBe(createHash('sha1').update('me').digest('hex'))
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), text => {
        expect(isId(toId(text))).toBe(true)
      }),
    )
  })

  test('topicOf() returns the SHA-1 of the name in UTF-8 [A10]', () => {
    expect(topicOf('my-app')).toBe(createHash('sha1').update('my-app').digest('hex'))
    expect(topicOf('café ☕')).toBe(createHash('sha1').update('café ☕').digest('hex'))
  })

  test('topicOf() refuses a name that is not a non-empty string [A10]', () => {
    for (const [bad, what] of [
      [undefined, 'undefined'],
      [5, '5'],
      [null, 'null'],
      [{}, 'an object'],
      ['', '""'],
    ] as const) {
      expect(() => topicOf(bad as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
      expect(() => topicOf(bad as never)).toThrow(`got ${what}: the name must be a non-empty string`)
    }
  })

  test('idBytes() returns the bytes of an id, and throws for other texts [X3]', () => {
    expect(Buffer.from(idBytes(hex)).toString('hex')).toBe(hex)
    for (const bad of ['', 'zz', hex.slice(2)])
      expect(() => idBytes(bad)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})
