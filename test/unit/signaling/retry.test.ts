import { describe, expect, test } from 'vitest'
import { Retry } from '../../../src/signaling/retry.js'

describe('Retry', () => {
  test('doubles its wait once the grace after a good connection ends [A6]', () => {
    const retry = new Retry()
    retry.lost(0)
    const waits: number[] = []
    let now = 0
    while (now < 200_000) {
      const wait = retry.next(now, 0)
      waits.push(wait)
      now += wait
    }
    expect(waits.slice(0, 3)).toEqual([1_000, 2_000, 2_000])
    expect(waits.slice(waits.indexOf(4_000) - 2)).toEqual(
      [2_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000].slice(0, waits.length - waits.indexOf(4_000) + 2),
    )
  })

  test('waits at most a minute, jitter included [A6]', () => {
    const retry = new Retry()
    for (let i = 0; i < 100; i++) expect(retry.next(0, 0.999)).toBeLessThanOrEqual(60_000)
  })
})
