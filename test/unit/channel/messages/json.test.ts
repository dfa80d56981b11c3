import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { excessOf, parse } from '../../../../src/channel/messages/json.js'
import { LIMITS } from '../../../../src/channel/messages/message-copier.js'
import type { Json } from '../../../../src/channel/messages/messenger.js'

/** Counts values as the limit does: a field counts as four. */
function valuesIn(value: Json): number {
  if (typeof value !== 'object' || value === null) return 1
  const list = Array.isArray(value) ? value : Object.values(value)
  return list.reduce<number>((sum, each) => sum + valuesIn(each) + (Array.isArray(value) ? 0 : 3), 1)
}

/** A JSON text, padded with items or fields to an exact number of values. */
function filled(value: Json, values: number): string {
  const missing = values - valuesIn(value) - 2
  return JSON.stringify([value, Array.from({ length: missing }, () => 0)])
}

const [most, beyond] = [LIMITS.values, LIMITS.values + 1]

describe('JSON of a remote peer', () => {
  test('may have exactly as many values of any kind as the limit [E4]', () => {
    fc.assert(
      fc.property(
        fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as Json),
        value => {
          expect(excessOf(filled(value, most))).toBeUndefined()
          expect(excessOf(filled(value, beyond))).toBe('values')
        },
      ),
      { numRuns: 20 },
    )
  })

  test.each([
    ['empty lists', `[${'[],'.repeat(most)}[]]`],
    ['numbers', `[${'0,'.repeat(most)}0]`],
    ['texts', `[${'"",'.repeat(most)}""]`],
    ['fields', JSON.stringify(Object.fromEntries(Array.from({ length: most / 4 }, (_, i) => [`k${i}`, 0])))],
    ['objects', `[${'{"a":0},'.repeat(most / 5)}{"a":0}]`],
  ])('is refused before it is parsed if it has too many %s [E4]', (_, text) => {
    expect(text.length).toBeLessThan(1024 * 1024) // the size limit allows it
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'ERR_BAD_FRAME', message: expect.stringContaining('more than 131072 values') }),
    )
  })

  test('is not counted inside strings [E4]', () => {
    const text = '[{,:\\"'.repeat(LIMITS.values)
    expect(parse(JSON.stringify([text]))).toEqual([text])
  })
})
