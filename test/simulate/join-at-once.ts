/** A test of a full mesh of swarms that join at the same moment. */
import { expect } from 'vitest'
import { World } from './world.js'

/** The most time, announcements per swarm and offers per connection. */
export interface MeshBounds {
  count: number
  within: number
  announces: number
  offers: number
}

export async function expectMesh({ count, within, announces, offers }: MeshBounds, seed: number): Promise<void> {
  const world = new World({ seed })
  const nodes = world.joinMany(count)
  await world.env.until(() => world.missingLinks() === 0, within)
  const report = world.report(`${count} swarms, seed ${seed}`)
  const links = (count * (count - 1)) / 2
  expect(
    nodes.flatMap(({ warnings }) => warnings),
    report,
  ).toEqual([])
  expect(world.hub.heard.length / count, report).toBeLessThanOrEqual(announces)
  expect(world.hub.offers / links, report).toBeLessThanOrEqual(offers)
  // No swarm announces again once the mesh is full, except to repeat a lost count.
  const announced = world.hub.heard.length
  await world.env.advance(100_000)
  expect(world.hub.heard.length - announced).toBeLessThanOrEqual(2 * count)
  expect(world.missingLinks()).toBe(0)
  await world.closeAll()
  await world.env.advance(200)
  expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
}
