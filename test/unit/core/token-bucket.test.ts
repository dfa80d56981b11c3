import { expect, test } from 'vitest'
import { TokenBucket } from '../../../src/core/token-bucket.js'

test('TokenBucket allows its burst at once, then its rate, and never more than its burst [X4]', () => {
  const bucket = new TokenBucket({ rate: 10, burst: 20 })
  const taken = (from: number, to: number, step: number) => {
    let count = 0
    for (let now = from; now < to; now += step) if (bucket.take(1, now)) count++
    return count
  }
  expect(taken(0, 1, 0.01)).toBe(20)
  expect(taken(1, 10_001, 10)).toBeGreaterThanOrEqual(99)
  expect(bucket.take(20, 1_000_000)).toBe(true)
  expect(bucket.take(1, 1_000_000)).toBe(false)
  expect(bucket.take(21, 2_000_000)).toBe(false)
  expect(bucket.take(20, 2_000_000)).toBe(true) // a refused take costs nothing
})

test('charge() may go below zero, and the bucket refills at its rate [H1]', () => {
  const bucket = new TokenBucket({ rate: 10, burst: 20 })
  bucket.charge(25, 0)
  expect([bucket.left(0), bucket.take(1, 0), bucket.wait(0), bucket.isFull(0)]).toEqual([-5, false, 600, false])
  expect([bucket.left(500), bucket.wait(600), bucket.take(1, 600)]).toEqual([0, 0, true])
  expect([bucket.isFull(2_599), bucket.isFull(2_600)]).toEqual([false, true])
})
