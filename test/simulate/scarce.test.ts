import { describe, expect, test } from 'vitest'
import { World } from './world.js'

describe('a client with few connections', () => {
  test.each([1, 2, 3, 4])('meets another like it as soon as larger clients would: %i [X4] [Law 6]', async maxConnections => {
    for (let seed = 1; seed <= 10; seed++) {
      for (const gap of [0, 3, 20, 500]) {
        const world = new World({ seed })
        world.join({ maxConnections })
        await world.env.advance(gap)
        world.join({ maxConnections })
        await world.env.until(() => world.missingLinks() === 0, 1_500)
        expect(world.nodes.every(({ runtime }) => runtime.budget.used <= maxConnections)).toBe(true)
        await world.closeAll()
      }
    }
  })

  test('meets one of several, although its only offer went to a client without room [X4] [Law 6]', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = new World({ seed })
      const nodes = world.joinMany(4, { maxConnections: 1 })
      await world.env.until(() => nodes.every(({ swarm }) => swarm.peers.length === 1), 60_000)
      expect(nodes.map(({ runtime }) => runtime.budget.used)).toEqual([1, 1, 1, 1])
      await world.closeAll()
    }
  })
})
