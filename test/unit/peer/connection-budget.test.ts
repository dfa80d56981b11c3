import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectionBudget } from '../../../src/peer/connection-budget.js'
import { Semaphore, type Release } from '../../../src/core/semaphore.js'

describe('ConnectionBudget', () => {
  test('gives no more slots than it has, and counts a slot released twice once [Law 6]', () => {
    const budget = new ConnectionBudget(2)
    const [a, b] = [budget.acquire(), budget.acquire()]
    expect(budget.acquire()).toBeUndefined()
    a?.release()
    a?.release()
    expect([budget.used, budget.free]).toEqual([1, 1])
    b?.release()
    expect([budget.used, budget.free]).toEqual([0, 2])
  })

  test('hands a slot over: it stays taken, and its first owner releases nothing any more [Law 6]', () => {
    const budget = new ConnectionBudget(1)
    let freed = 0
    budget.onFree(() => freed++)
    const first = budget.acquire()
    const second = first?.handOver()
    first?.release()
    expect([budget.used, freed, first?.handOver()]).toEqual([1, 0, undefined])
    second?.release()
    expect([budget.used, freed]).toEqual([0, 1])
  })

  test('reports every freed slot until the listener is removed [Law 6]', () => {
    const budget = new ConnectionBudget(1)
    let freed = 0
    const stop = budget.onFree(() => freed++)
    const slot = budget.acquire()
    slot?.release()
    slot?.release()
    expect(freed).toBe(1)
    stop()
    budget.acquire()?.release()
    expect(freed).toBe(1)
  })
})

describe('Semaphore', () => {
  const state = async (entering: Promise<Release | undefined>) =>
    await Promise.race([
      entering.then(leave => (leave === undefined ? 'refused' : 'inside')),
      Promise.resolve().then(() => Promise.resolve('waits')),
    ])

  test('admits two, then the newest that wait, and refuses the oldest when too many wait [Law 6]', async () => {
    const gate = new Semaphore({ inside: 2, waiting: 2 })
    const leaves = await Promise.all([gate.acquire(), gate.acquire()])
    const [oldest, middle, newest] = [gate.acquire(), gate.acquire(), gate.acquire()] as const
    expect(await oldest).toBeUndefined()
    expect(gate.active).toBe(2)
    leaves[0]?.()
    leaves[0]?.() // releases once
    expect([await state(newest), await state(middle)]).toEqual(['inside', 'waits'])
    const leave = await newest
    leave?.()
    expect(await state(middle)).toBe('inside')
    expect(gate.active).toBe(2)
  })

  test('refuses waiting callers when it closes, and admits none afterwards [Law 6]', async () => {
    const gate = new Semaphore({ inside: 1, waiting: 5 })
    const leave = await gate.acquire()
    const waiting = [gate.acquire(), gate.acquire()]
    gate.close()
    expect(await Promise.all(waiting)).toEqual([undefined, undefined])
    leave?.()
    expect(await gate.acquire()).toBeUndefined()
    expect(gate.active).toBe(0)
  })

  test('never holds more than its limits, in any order of entering and leaving [Law 6]', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.nat(4),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (inside, waiting, moves) => {
          const gate = new Semaphore({ inside, waiting })
          const leaves: Release[] = []
          let refused = 0
          let entered = 0
          for (const enter of moves) {
            if (enter)
              void gate.acquire().then(leave => {
                if (leave === undefined) refused++
                else {
                  entered++
                  leaves.push(leave)
                }
              })
            else leaves.shift()?.()
            await Promise.resolve()
            await Promise.resolve()
            expect(gate.active).toBeLessThanOrEqual(inside)
            expect(gate.active).toBe(leaves.length)
          }
          while (leaves.length > 0) {
            leaves.shift()?.()
            await Promise.resolve()
            await Promise.resolve()
          }
          expect(entered + refused).toBe(moves.filter(Boolean).length)
        },
      ),
    )
  })
})
