import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectionBudget } from '../../../src/peer/budget.js'
import { Gate, type Leave } from '../../../src/peer/gate.js'

describe('Law 6 the budget of connections', () => {
  test('gives no more places than it has, and a place that is given back twice counts once', () => {
    const budget = new ConnectionBudget(2)
    const [a, b] = [budget.acquire(), budget.acquire()]
    expect(budget.acquire()).toBeUndefined()
    a?.release()
    a?.release()
    expect([budget.used, budget.free]).toEqual([1, 1])
    b?.release()
    expect([budget.used, budget.free]).toEqual([0, 2])
  })

  test('hands a place over: it stays taken, and what held it first gives nothing back any more', () => {
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

  test('tells of every place that becomes free, until nobody wants to know', () => {
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

describe('Law 6 the gate', () => {
  const state = async (entering: Promise<Leave | undefined>) =>
    await Promise.race([
      entering.then(leave => (leave === undefined ? 'refused' : 'inside')),
      Promise.resolve().then(() => Promise.resolve('waits')),
    ])

  test('lets two in, the newest of those that wait next, and refuses the oldest when too many wait', async () => {
    const gate = new Gate({ inside: 2, waiting: 2 })
    const leaves = await Promise.all([gate.enter(), gate.enter()])
    const [oldest, middle, newest] = [gate.enter(), gate.enter(), gate.enter()] as const
    expect(await oldest).toBeUndefined()
    expect(gate.inside).toBe(2)
    leaves[0]?.()
    leaves[0]?.() // twice is once
    expect([await state(newest), await state(middle)]).toEqual(['inside', 'waits'])
    const leave = await newest
    leave?.()
    expect(await state(middle)).toBe('inside')
    expect(gate.inside).toBe(2)
  })

  test('whoever waits when it closes is refused, and nobody enters after', async () => {
    const gate = new Gate({ inside: 1, waiting: 5 })
    const leave = await gate.enter()
    const waiting = [gate.enter(), gate.enter()]
    gate.close()
    expect(await Promise.all(waiting)).toEqual([undefined, undefined])
    leave?.()
    expect(await gate.enter()).toBeUndefined()
    expect(gate.inside).toBe(0)
  })

  test('never holds more than its limits, whatever the order of comings and goings', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.nat(4),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (inside, waiting, moves) => {
          const gate = new Gate({ inside, waiting })
          const leaves: Leave[] = []
          let refused = 0
          let entered = 0
          for (const enter of moves) {
            if (enter)
              void gate.enter().then(leave => {
                if (leave === undefined) refused++
                else {
                  entered++
                  leaves.push(leave)
                }
              })
            else leaves.shift()?.()
            await Promise.resolve()
            await Promise.resolve()
            expect(gate.inside).toBeLessThanOrEqual(inside)
            expect(gate.inside).toBe(leaves.length)
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
