import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../support/any-character.js'
import {
  binaryToHex,
  concatBytes,
  fromBase64Url,
  fromHex,
  hexToBinary,
  sha1,
  sha256,
  toBase64Url,
  toHex,
} from '../../../src/core/bytes.js'

const bytes = fc.uint8Array({ maxLength: 200 })

describe('bytes and texts', () => {
  test('converts to the same hex, binary string and base64url as Node, and back [A12]', () => {
    fc.assert(
      fc.property(bytes, input => {
        const hex = toHex(input)
        expect(hex).toBe(Buffer.from(input).toString('hex'))
        expect(fromHex(hex)).toEqual(input)
        expect(fromHex(hex.toUpperCase())).toEqual(input)
        const binary = hexToBinary(hex)
        expect(binary).toBe(Buffer.from(input).toString('latin1'))
        expect(binaryToHex(binary)).toBe(hex)
        expect(toBase64Url(input)).toBe(Buffer.from(input).toString('base64url'))
        expect(fromBase64Url(toBase64Url(input))).toEqual(input)
      }),
    )
  })

  test('decodes or refuses any text, and accepts one spelling only [A12]', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), text => {
        const hex = fromHex(text)
        if (hex !== undefined) expect(toHex(hex)).toBe(text.toLowerCase())
        const base64 = fromBase64Url(text)
        if (base64 !== undefined) expect(toBase64Url(base64)).toBe(text)
        const binary = binaryToHex(text)
        expect(binary === undefined).toBe(Buffer.from(text, 'latin1').toString('latin1') !== text)
      }),
      { numRuns: 400 },
    )
  })

  test.each(['a', 'abc', 'zz', '0x', ' 0', '00 ', '00\n', '٠٠'])('refuses %j as hex [A12]', text =>
    expect(fromHex(text)).toBeUndefined(),
  )

  test.each(['A', 'AA==', 'AB', 'A+', 'A/', 'AAAAA', 'AA\n', 'é'])('refuses %j as base64url: it is not canonical [X3]', text =>
    expect(fromBase64Url(text)).toBeUndefined(),
  )

  test('encodes 300 000 bytes as base64url [X3]', () => {
    const long = new Uint8Array(300_000).fill(7)
    expect(Buffer.from(fromBase64Url(toBase64Url(long)) ?? []).equals(long)).toBe(true)
  })

  test('computes the same SHA-1 and SHA-256 as Node [A10]', () => {
    fc.assert(
      fc.property(bytes, input => {
        expect(toHex(sha1(input))).toBe(createHash('sha1').update(input).digest('hex'))
        expect(toHex(sha256(input))).toBe(createHash('sha256').update(input).digest('hex'))
      }),
      { numRuns: 20 },
    )
  })

  test('concatBytes() keeps the order of its arguments [X3]', () => {
    fc.assert(
      fc.property(fc.array(bytes), parts => {
        expect(concatBytes(...parts)).toEqual(new Uint8Array(Buffer.concat(parts)))
      }),
    )
  })
})
