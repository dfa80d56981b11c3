import { describe, expect, test } from 'vitest'
import { HalfOpenConnections } from '../../../../src/swarm/admission/half-open-connections.js'
import { ConnectionBudget } from '../../../../src/peer/connection-budget.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

function setUp(maxConnections = 256) {
  const env = new VirtualEnv()
  const budget = new ConnectionBudget(maxConnections)
  const attempts = new HalfOpenConnections(env, maxConnections)
  const evicted: string[] = []
  /** Returns false when there is no room, as the handshake sees it. */
  const begin = (name: string, signaling = 'hub', answered = true) => {
    if (!attempts.makeRoom(signaling)) return undefined
    const slot = budget.acquire()
    if (slot === undefined) return undefined
    const attempt = attempts.begin(signaling, slot, () => {
      evicted.push(name)
      slot.release()
    })
    if (answered) attempt.answered()
    return attempt
  }
  const beginMany = (count: number, signaling = 'hub') => {
    for (let i = 0; i < count; i++) begin(`${signaling} ${i}`, signaling)
  }
  return { env, budget, attempts, evicted, begin, beginMany }
}

describe('HalfOpenConnections', () => {
  test('closes the oldest attempt of at least 1 s for a new one when 64 are connecting [X4] [Law 6]', async () => {
    const { env, budget, attempts, evicted, begin, beginMany } = setUp()
    beginMany(64)
    expect(begin('too early')).toBeUndefined()
    await env.advance(999)
    expect(begin('too early')).toBeUndefined()
    await env.advance(1)
    expect(begin('in time')).toBeDefined()
    expect([evicted, attempts.size, budget.used]).toEqual([['hub 0'], 64, 64])
  })

  test('closes no attempt that is unanswered, open or over [Law 6]', async () => {
    const { env, attempts, evicted, begin, beginMany } = setUp()
    begin('unanswered', 'hub', false)
    begin('open')?.end()
    beginMany(63)
    await env.advance(1_000)
    begin('new')
    expect([evicted, attempts.size]).toEqual([['hub 0'], 64])
  })

  test('leaves each signalling its share at once when another is flooded, and treats both alike after that [X4] [Law 6]', async () => {
    const { evicted, begin, beginMany } = setUp()
    beginMany(64, 'flooded')
    for (let i = 0; i < 40; i++) begin(`other ${i}`, 'other')
    expect(evicted).toEqual(Array.from({ length: 32 }, (_, i) => `flooded ${i}`).slice(0, evicted.length))
    expect([31, 32]).toContain(evicted.length)
    expect(begin('more', 'flooded')).toBeUndefined()
  })

  test.each([
    [256, 64],
    [2_000, 64],
    [100, 25],
    [8, 4],
  ])('allows, of %i connections, %i attempts [Law 6]', (maxConnections, most) => {
    const { attempts, beginMany } = setUp(maxConnections)
    beginMany(200)
    expect(attempts.size).toBe(most)
  })

  test('hands over the slot of an attempt of at least 1 s, and of no younger one [X4] [Law 6]', async () => {
    const { env, budget, attempts, evicted, begin } = setUp(1)
    begin('only')
    await env.advance(999)
    expect(attempts.yield()).toBeUndefined()
    await env.advance(1)
    const slot = attempts.yield()
    expect([evicted, budget.used, attempts.size]).toEqual([['only'], 1, 0])
    slot?.release()
    expect(budget.used).toBe(0)
  })
})
