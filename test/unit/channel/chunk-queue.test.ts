import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunkCost, ChunkQueue, JOINED_BELOW } from '../../../src/channel/chunk-queue.js'

function takeAll(queue: ChunkQueue): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let chunk = queue.take(); chunk !== undefined; chunk = queue.take()) chunks.push(chunk)
  return chunks
}

describe('ChunkQueue', () => {
  test('returns the same bytes in order, and its cost is that of its chunks [Law 6]', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.nat({ max: 3 * JOINED_BELOW }).map(length => new Uint8Array(length).fill(length)),
    )
    fc.assert(
      fc.property(fc.array(fc.option(piece, { nil: 'take' as const, freq: 4 }), { maxLength: 100 }), steps => {
        const queue = new ChunkQueue()
        const taken: Uint8Array[] = []
        for (const step of steps) {
          if (step !== 'take') queue.push(step)
          else taken.push(queue.take() ?? new Uint8Array(0))
        }
        const { cost, next } = queue
        const rest = takeAll(queue)
        expect(rest.reduce((sum, chunk) => sum + chunkCost(chunk), 0)).toBe(cost)
        expect([rest.length > 0, queue.cost, queue.next]).toEqual([next !== 'none', 0, 'none'])
        const given = steps.filter(step => step !== 'take')
        expect(Buffer.concat([...taken, ...rest]).equals(Buffer.concat(given))).toBe(true)
      }),
    )
  })

  test('keeps a million pieces of one byte in about a MiB [Law 6]', () => {
    const queue = new ChunkQueue()
    for (let i = 0; i < 1_000_000; i++) queue.push(Uint8Array.of(i))
    expect(queue.cost).toBeLessThan(1.1 * 1024 * 1024)
    expect(takeAll(queue).length).toBe(16)
  })

  test('ignores empty pieces [Law 6]', () => {
    const queue = new ChunkQueue()
    for (let i = 0; i < 1_000; i++) queue.push(new Uint8Array(0))
    expect([queue.cost, queue.next, queue.take()]).toEqual([0, 'none', undefined])
  })

  test('does not copy large pieces', () => {
    const queue = new ChunkQueue()
    const large = new Uint8Array(JOINED_BELOW)
    queue.push(Uint8Array.of(1))
    queue.push(large)
    queue.push(Uint8Array.of(2))
    expect(queue.take()).toEqual(Uint8Array.of(1))
    expect(queue.take()).toBe(large)
    expect(queue.next).toBe('partial')
    queue.clear()
    expect([queue.cost, queue.take()]).toEqual([0, undefined])
  })
})
