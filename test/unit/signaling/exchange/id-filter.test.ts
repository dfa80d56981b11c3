import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../../src/core/bytes.js'
import { randomId } from '../../../../src/core/id.js'
import { holds, makeFilter, SALT_BYTES } from '../../../../src/signaling/exchange/id-filter.js'
import { MAX_FILTER } from '../../../../src/signaling/exchange/codec.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toHex)
const salt = fc.uint8Array({ minLength: SALT_BYTES, maxLength: SALT_BYTES })
const ids = (count: number, env = new VirtualEnv()) => Array.from({ length: count }, () => randomId(env))

describe('the filter of known ids in a query [D5]', () => {
  test('holds every id that was put into it, in bounded space', () => {
    fc.assert(
      fc.property(fc.array(id, { maxLength: 300 }), salt, (known, fresh) => {
        const filter = makeFilter(known, fresh)
        expect(filter.length).toBeLessThanOrEqual(MAX_FILTER)
        expect(known.every(one => holds(filter, one))).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('takes about 1 % of other ids for known, and different ones in the next query', () => {
    const env = new VirtualEnv()
    const [known, others] = [ids(56, env), ids(5_000, env)]
    const mistaken = () => {
      const filter = makeFilter(known, env.randomBytes(SALT_BYTES))
      return others.filter(one => holds(filter, one))
    }
    const [first, second] = [mistaken(), mistaken()]
    expect(first.length).toBeGreaterThan(0)
    expect(first.length).toBeLessThan(others.length * 0.02)
    expect(first.filter(one => second.includes(one)).length).toBeLessThan(first.length / 4)
  })

  test('accepts any bytes from a remote: all ones hold every id, too few bytes hold none', () => {
    const [one = ''] = ids(1)
    expect(holds(new Uint8Array(MAX_FILTER).fill(255), one)).toBe(true)
    for (let length = 0; length <= SALT_BYTES; length++) expect(holds(new Uint8Array(length).fill(255), one)).toBe(false)
    fc.assert(fc.property(fc.uint8Array({ maxLength: MAX_FILTER }), id, (filter, any) => void holds(filter, any)))
    expect(holds(makeFilter([], new Uint8Array(SALT_BYTES)), one)).toBe(false)
  })
})
