import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BitSet } from '../../../../src/mesh/core/bit-set.js'
import {
  chunkOf,
  chunkTable,
  CHUNK_BYTES,
  matches,
  MAX_LARGE,
  readTable,
} from '../../../../src/mesh/core/recovery/chunk-table.js'
import { Feed, MAX_AHEAD } from '../../../../src/mesh/core/posts/feed.js'
import { firstFanout } from '../../../../src/mesh/core/posts/feed-trees.js'
import { feedIndexOf, postKey, sequenceOf } from '../../../../src/mesh/core/posts/post-key.js'
import type { Post } from '../../../../src/mesh/core/wire/messages.js'
import { PostStore } from '../../../../src/mesh/core/posts/post-store.js'
import { Score } from '../../../../src/mesh/core/score.js'

test('a score only falls, and heals by time', () => {
  const score = new Score()
  expect(score.lower('forged', 0)).toBe(false)
  expect(score.value(0)).toBe(-5)
  expect(score.value(10_000_000)).toBe(0)
  expect(score.lower('forged', 10_000_000)).toBe(false)
  expect(score.lower('forged', 10_000_000)).toBe(true)
})

test('the first post goes to all of five members, to most of fifteen, to two thirds of more [C6]', () => {
  expect([2, 5, 6, 15, 16, 10_000].map(firstFanout)).toEqual([1, 1, 0.85, 0.85, 0.65, 0.65])
})

test('a post key holds feed and sequence', () => {
  fc.assert(
    fc.property(fc.nat(4_095), fc.nat(2 ** 32 - 1), (feed, sequence) => {
      const key = postKey(feed, sequence)
      expect([feedIndexOf(key), sequenceOf(key)]).toEqual([feed, sequence])
    }),
  )
})

test('a bit set is a set', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(200))), steps => {
      const [bits, set] = [new BitSet(), new Set<number>()]
      for (const [adds, value] of steps) {
        if (adds) bits.add(value)
        else bits.delete(value)
        if (adds) set.add(value)
        else set.delete(value)
      }
      for (let value = 0; value <= 200; value++) expect(bits.has(value)).toBe(set.has(value))
    }),
  )
})

describe('the table of a large payload', () => {
  const hash = (data: Uint8Array) => Uint8Array.from({ length: 32 }, (_, i) => (data[i % data.length] ?? 0) ^ i)

  test('has the size and tells its chunks from others', () => {
    const payload = Uint8Array.from({ length: 2.5 * CHUNK_BYTES }, (_, i) => i / CHUNK_BYTES)
    const table = chunkTable(payload, hash)
    expect(readTable(table)).toEqual({ size: payload.length, count: 3 })
    for (const index of [0, 1, 2]) {
      expect(matches(table, index, hash(chunkOf(payload, index)))).toBe(true)
      expect(matches(table, index, hash(chunkOf(payload, (index + 1) % 3)))).toBe(false)
    }
  })

  test('is refused when it does not fit its size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        const table = readTable(bytes)
        if (table !== undefined) expect(table.size).toBeLessThanOrEqual(MAX_LARGE)
      }),
    )
  })
})

describe('a feed', () => {
  const feed = () => new Feed({ sender: 'a'.repeat(40), key: new Uint8Array(), epoch: 1, topic: 't' })

  test('takes no post that is far ahead of the next one', () => {
    const one = feed()
    one.next = 10
    expect([9, 10, 10 + MAX_AHEAD - 1, 10 + MAX_AHEAD, 2 ** 53 - 1].map(sequence => one.takes(sequence))).toEqual([
      false,
      true,
      true,
      false,
      false,
    ])
  })

  test('keeps posts within a number and a size', () => {
    const one = feed()
    const store = new PostStore({ keepPosts: 10, keepBytes: 5_000 })
    const keep = (sequence: number, length: number) =>
      store.keep(one, {
        sequence,
        payload: new Uint8Array(length),
        signature: new Uint8Array(),
        large: false,
        redundancy: 'tree',
        confirm: false,
        ownTree: true,
      })
    for (let sequence = 0; sequence < 100; sequence++) keep(sequence, 10)
    expect([...one.kept.keys()]).toEqual([90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
    keep(100, 4_000)
    expect(one.kept.size).toBeLessThan(5)
    expect(one.kept.has(100)).toBe(true)
    one.clear() // the feed lost its place: what it kept does not count for ever
    for (let sequence = 200; sequence < 220; sequence++) keep(sequence, 10)
    expect(one.kept.size).toBe(10)
  })

  test('offers the posts that a neighbour can get without a hole', () => {
    const one = feed()
    one.next = 8
    for (const sequence of [2, 3, 5, 6, 7, 9]) one.kept.set(sequence, {} as Post) // only the keys count
    expect(one.oldest).toBe(5)
  })
})
