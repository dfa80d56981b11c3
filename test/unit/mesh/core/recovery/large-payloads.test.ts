import { describe, expect, test } from 'vitest'
import { CHUNK_BYTES, chunkTable, MAX_LARGE } from '../../../../../src/mesh/core/recovery/chunk-table.js'
import type { Post } from '../../../../../src/mesh/core/wire/messages.js'
import { leastWorthy } from '../../../../../src/mesh/core/recovery/transfer-room.js'
import { idOf, post, Scene } from '../scene.js'

const [A, B, SENDER] = [idOf(1), idOf(2), idOf(1_000)]

function large(sequence: number, payload: Uint8Array): Post {
  return { ...post(sequence), large: true, payload: chunkTable(payload, data => data) }
}

describe('large payloads', () => {
  const payload = new Uint8Array(CHUNK_BYTES + 100).fill(3)

  test('do not hold up their feed when no neighbour has the rest of one [C6]', () => {
    const scene = new Scene([A, B])
    scene.open(A, 0, SENDER)
    scene.gossip(A, 0, 0, { post: large(0, payload) })
    scene.gossip(A, 0, 1)
    scene.run(20_000)
    expect(scene.sequences(SENDER)).toEqual([])
    scene.run(20_000)
    expect(scene.sequences(SENDER)).toEqual([1])
    expect(scene.core.counts.gaps).toBeGreaterThan(0)
  })

  test.each([
    ['five of 4 MiB', 5, MAX_LARGE - 1],
    ['three hundred small ones', 300, CHUNK_BYTES + 1],
  ])('of a sender that posts %s do not end the transfer of another sender [C6]', (_, count, size) => {
    const scene = new Scene([A, B])
    scene.open(A, 0, SENDER)
    scene.gossip(A, 0, 0, { post: large(0, payload) })
    const say = (index: number) => {
      const data = payload.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      scene.say(A, { type: 'chunk', alias: 0, sequence: 0, index, data })
    }
    say(0)
    scene.now += 2_000 // the transfer has stalled for a moment
    scene.open(B, 0, idOf(666))
    const table = new Uint8Array(size)
    for (let sequence = 0; sequence < count; sequence++) scene.gossip(B, 0, sequence, { post: large(sequence, table) })
    say(1)
    expect(scene.delivered).toMatchObject([{ from: SENDER, payload }])
  })

  test('of many senders at once all arrive [C6]', () => {
    const scene = new Scene([A, B])
    for (let i = 0; i < 40; i++) {
      scene.open(A, i, idOf(1_000 + i))
      scene.gossip(A, i, 0, { post: large(0, payload) })
    }
    for (let i = 0; i < 40; i++)
      for (const index of [0, 1]) {
        const data = payload.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
        scene.say(A, { type: 'chunk', alias: i, sequence: 0, index, data })
      }
    expect(scene.delivered.map(({ payload: { length } }) => length)).toEqual(Array(40).fill(payload.length))
  })

  test('that are complete make room before those that are not [C6]', () => {
    const scene = new Scene([A, B])
    const huge = new Uint8Array(4 * 1024 * 1024)
    scene.open(A, 0, SENDER)
    scene.gossip(A, 0, 0, { post: large(0, payload) })
    for (let i = 0; i < 5; i++) scene.core.publish(0, scene.core.prepare('t', huge), new Uint8Array(64))
    for (const index of [0, 1])
      scene.say(A, {
        type: 'chunk',
        alias: 0,
        sequence: 0,
        index,
        data: payload.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
      })
    expect(scene.delivered.map(({ payload: { length } }) => length)).toEqual([payload.length])
  })

  test('arrive at once when their chunks come before the verdict on the table [C6]', () => {
    const scene = new Scene([A, B])
    scene.verify = () => undefined
    const table = large(0, payload)
    scene.open(A, 0, SENDER)
    scene.gossip(A, 0, 0, { post: table })
    for (const index of [0, 1])
      scene.say(A, {
        type: 'chunk',
        alias: 0,
        sequence: 0,
        index,
        data: payload.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
      })
    expect(scene.delivered).toEqual([])
    scene.core.verified(scene.now, table, true)
    expect(scene.delivered.map(({ payload: { length } }) => length)).toEqual([payload.length])
    expect(scene.said(A, 'want')).toEqual([])
  })
})

describe('a large payload', () => {
  test('that moves is not dropped for those of 256 senders that stand still, while there is room for their bytes [C6] [Law 6]', () => {
    const transfer = { bytes: 20_000, received: 0, movedAt: 0, isDelivered: false }
    const stalled = Array.from({ length: 256 }, (_, i) => ({ ...transfer, sender: idOf(i) }))
    const moving = { ...transfer, sender: 'moving', bytes: 1_048_576, received: 50, movedAt: 1_000 }
    expect(leastWorthy([moving, ...stalled], 1_000, 'payloads')?.sender).toBe(idOf(0))
  })
})
