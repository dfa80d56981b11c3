import { expect, test } from 'vitest'
import { World } from './world.js'

test('connects a newcomer to all five members within a second [X4]', async () => {
  const world = new World({ seed: 1 })
  world.joinMany(5)
  await world.env.until(() => world.missingLinks() === 0)
  const newcomer = world.join()
  await world.env.until(() => newcomer.swarm.peers.length === 5, 1_000)
  expect(newcomer.swarm.stages().connected).toBe(5)
  await world.closeAll()
})
