import { expect, test } from 'vitest'
import { TokenBuckets } from '../../../src/core/token-buckets.js'

const ALLOWANCE = { rate: 10, burst: 20 }

test('TokenBuckets keeps one bucket per key until it is full again [H1]', () => {
  const buckets = new TokenBuckets(ALLOWANCE, 100)
  expect(buckets.of('a', 0).take(20, 0)).toBe(true)
  expect(buckets.of('b', 0).take(20, 0)).toBe(true)
  expect(buckets.of('a', 0).take(1, 0)).toBe(false)
  expect(buckets.of('a', 1_999).take(20, 1_999)).toBe(false)
  expect(buckets.of('a', 1_999).take(19, 1_999)).toBe(true)
  buckets.of('c', 2_000)
  expect(buckets.size).toBe(2) // b is full, and deleted
  buckets.of('c', 4_000)
  expect(buckets.size).toBe(1)
})

test('TokenBuckets evicts the oldest bucket beyond `maxKeys` [X4]', () => {
  const buckets = new TokenBuckets(ALLOWANCE, 100)
  for (let i = 0; i < 1_000; i++) buckets.of(String(i), 0).take(20, 0)
  expect(buckets.size).toBe(100)
  expect(buckets.of('999', 0).take(1, 0)).toBe(false)
  expect(buckets.of('0', 0).take(1, 0)).toBe(true)
})
