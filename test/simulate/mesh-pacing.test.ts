/** A sender that waits for the mesh: a burst reaches slow members whole, and one that stands still does not hold it up. */
import { describe, expect, test } from 'vitest'
import { MeshWorld } from './mesh/mesh-world.js'
import { VALID } from './mesh/swarmlink-node.js'

const BYTES = 100

/** A mesh of twelve, in which a node is not the sender and not connected to it. */
function mesh() {
  const world = new MeshWorld({ seed: 1, maxPeers: 3 })
  world.joinOver(12, 2_000)
  world.run(30_000)
  const sender = world.nodes[0]!
  const far = world.nodes.find(({ index }) => index !== 0 && !world.network.isConnected(0, index))!
  const counts = new Map(world.nodes.map(node => [node, 0]))
  let wrong = 0
  for (const node of world.nodes)
    node.deliver = ({ sequence }) => {
      if (sequence !== counts.get(node)) wrong++
      counts.set(node, sequence + 1)
    }
  /** Posts up to so many a ms for so long, as fast as the sender may. Returns the number of all posts. */
  let sent = 0
  const burst = (ms: number, perMs = 5) => {
    for (const end = world.network.now + ms; world.network.now < end; world.run(1))
      for (let i = 0; i < perMs && !sender.core.isAhead(world.network.now, 'topic', BYTES); i++) {
        world.network.act(sender, 0, ({ core }) =>
          core.publish(world.network.now, core.prepare('topic', new Uint8Array(BYTES)), VALID),
        )
        sent++
      }
    return sent
  }
  const taken = () => world.nodes.slice(1).map(node => counts.get(node))
  return { world, far, burst, taken, wrong: () => wrong }
}

describe('a burst from a sender that waits', () => {
  test('reaches a member that reads half as fast as the sender could send, in order [C6]', () => {
    const { world, far, burst, taken, wrong } = mesh()
    world.network.slowDown(far.index, 400) // some 2 000 posts a second
    const sent = burst(20_000)
    expect(sent).toBeGreaterThan(8_000) // twice what each node keeps
    world.run(60_000)
    expect(taken()).toEqual(Array(11).fill(sent))
    expect(wrong()).toBe(0)
  })

  test.each([2_500, 4_000])('reaches a member that stands still for %i ms meanwhile, in order [C6]', still => {
    const { world, far, burst, taken, wrong } = mesh()
    burst(1_000, 1)
    world.network.freeze(far.index, world.network.now + still)
    const sent = burst(30_000, 1)
    expect(sent).toBeGreaterThan(20_000)
    world.run(30_000)
    expect(taken()).toEqual(Array(11).fill(sent))
    expect(wrong()).toBe(0)
  })

  test('goes on when a member stands still, which catches up afterwards [C6]', () => {
    const { world, far, burst, taken, wrong } = mesh()
    burst(1_000)
    world.network.freeze(far.index, world.network.now + 10_000)
    const before = burst(100)
    expect(burst(5_000) - before).toBeGreaterThan(2 * 1_000) // of 25 000 that it could send
    const sent = burst(1)
    world.run(60_000)
    const [least = 0, ...others] = taken().toSorted((a = 0, b = 0) => a - b)
    expect(others).toEqual(Array(10).fill(sent))
    expect(least).toBeGreaterThan(0)
    expect(wrong()).toBeLessThan(sent)
  })
})
