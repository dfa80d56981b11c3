import { describe, expect, it } from 'vitest'
import { type Env, systemEnv } from '../../../src/core/env.js'
import { randomId } from '../../../src/core/id.js'
import { SeenFilter } from '../../../src/core/seen-filter.js'

const CAPACITY = 100
const ROTATE_AFTER = 1000

function setup({ capacity = CAPACITY, errorRate = 0.01 } = {}) {
  let time = 5000
  const env: Env = { ...systemEnv, now: () => time }
  return {
    env,
    seen: new SeenFilter(env, { capacity, errorRate, rotateAfter: ROTATE_AFTER }),
    pass: (ms: number) => (time += ms),
    ids: (count: number) => Array.from({ length: count }, () => randomId(env)),
  }
}

describe('SeenFilter [D5]', () => {
  it('remembers the added ids and no others', () => {
    const { seen, ids } = setup({ errorRate: 1e-6 })
    const [met, stranger] = ids(2) as [string, string]
    expect(seen.has(met)).toBe(false)
    seen.add(met)
    expect(seen.has(met)).toBe(true)
    expect(seen.has(stranger)).toBe(false)
  })

  it('remembers an id for one to two rotations', () => {
    const { seen, pass, ids } = setup({ errorRate: 1e-6 })
    const [early, late] = ids(2) as [string, string]
    seen.add(early)
    pass(ROTATE_AFTER - 1)
    seen.add(late)
    pass(ROTATE_AFTER - 1)
    expect(seen.has(early)).toBe(true)
    expect(seen.has(late)).toBe(true)
    pass(2)
    expect(seen.has(early)).toBe(false)
    expect(seen.has(late)).toBe(false)
  })

  it('remembers an id from the last time it was added', () => {
    const { seen, pass, ids } = setup({ errorRate: 1e-6 })
    const [id] = ids(1) as [string]
    for (let round = 0; round < 5; round++) {
      seen.add(id)
      pass(ROTATE_AFTER)
      expect(seen.has(id)).toBe(true)
    }
  })

  it('forgets an id on time even if the filter was not used meanwhile', () => {
    const { seen, pass, ids } = setup()
    const [id] = ids(1) as [string]
    seen.add(id)
    pass(50 * ROTATE_AFTER)
    expect(seen.has(id)).toBe(false)
  })

  it('always remembers the last `capacity` ids', () => {
    const { seen, ids } = setup()
    const all = ids(CAPACITY * 12)
    const forgotten = all.filter((id, index) => {
      seen.add(id)
      return index % 37 === 0 && !all.slice(Math.max(0, index + 1 - CAPACITY), index + 1).every(recent => seen.has(recent))
    })
    expect(forgotten).toEqual([])
  })

  it('keeps its error rate, also when 20 times its capacity is added in one rotation', () => {
    const { seen, ids } = setup({ errorRate: 0.02 })
    for (const id of ids(CAPACITY * 20)) seen.add(id)
    const mistaken = ids(5000).filter(id => seen.has(id))
    expect(mistaken.length).toBeLessThan(5000 * 0.02 * 2)
  })

  it('counts an id that is added several times once', () => {
    const { seen, ids } = setup()
    const [first, ...others] = ids(CAPACITY) as [string, ...string[]]
    seen.add(first)
    for (const id of others) for (let times = 0; times < 5; times++) seen.add(id)
    expect(seen.has(first)).toBe(true)
  })

  it('ends a false positive after one rotation', () => {
    const { seen, pass, ids } = setup({ errorRate: 0.2 })
    for (const id of ids(CAPACITY)) seen.add(id)
    pass(ROTATE_AFTER)
    for (const id of ids(CAPACITY)) seen.add(id)
    const mistaken = ids(2000).filter(id => seen.has(id))
    expect(mistaken.length).toBeGreaterThan(50)
    pass(ROTATE_AFTER)
    // The newer filter has another seed and half the ids: it does not repeat the false positives of the older one.
    expect(mistaken.filter(id => seen.has(id)).length).toBeLessThan(mistaken.length * 0.2)
  })

  it('gives each filter its own random seed', () => {
    const { env, ids } = setup()
    const options = { capacity: 10, errorRate: 0.3, rotateAfter: ROTATE_AFTER }
    const [one, other] = [new SeenFilter(env, options), new SeenFilter(env, options)]
    for (const id of ids(20)) {
      one.add(id)
      other.add(id)
    }
    const asked = ids(2000)
    expect(asked.filter(id => one.has(id))).not.toEqual(asked.filter(id => other.has(id)))
  })

  it('refuses invalid options', () => {
    for (const wrong of [{ capacity: 0 }, { capacity: 1.5 }, { errorRate: 0 }, { errorRate: 1 }, { errorRate: Number.NaN }])
      expect(() => setup(wrong)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})
