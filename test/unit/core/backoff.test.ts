import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoff, jittered } from '../../../src/core/backoff.js'

describe('backoff', () => {
  test('grows from 5 s by 1.1 to 120 s [A3]', () => {
    const gaps = Array.from({ length: 40 }, (_, i) => backoff({ first: 5_000, factor: 1.1, max: 120_000 }, i))
    expect(gaps.slice(0, 3).map(Math.round)).toEqual([5_000, 5_500, 6_050])
    expect(gaps.at(-1)).toBe(120_000)
  })

  test('never shrinks, never exceeds `max`, and is never NaN [A3]', () => {
    const curve = fc.record({
      first: fc.integer({ min: 0, max: 1e6 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      max: fc.integer({ min: 0, max: 1e9 }),
    })
    fc.assert(
      fc.property(curve, fc.nat(1e9), (shape, attempt) => {
        const wait = backoff(shape, attempt)
        expect(wait >= 0 && wait <= shape.max).toBe(true)
        expect(backoff(shape, attempt + 1)).toBeGreaterThanOrEqual(wait)
      }),
    )
  })

  test('jittered() makes a wait longer by up to `share`, never shorter [A3]', () => {
    expect(jittered(1_000, 0.1, 0)).toBe(1_000)
    expect(jittered(1_000, 0.1, 0.999999)).toBeCloseTo(1_100)
  })
})
