import { describe, expect, test } from 'vitest'
import { createIdentity } from '../../src/identity/key-pair.js'
import { type Node, World } from './world.js'

const SIZE = 1_000

/** Swarms of one torrent: each completes as soon as one of its peers has the file, and has as many peers as allowed. */
async function share(world: World, count: number, maxPeers: number, rotates = true) {
  const has = new Map<Node, boolean>()
  const nodes: Node[] = []
  for (let i = 0; i < count; i++) {
    const identity = await createIdentity({ env: world.env })
    const node: Node = world.join({
      exchange: true,
      identity,
      limits: { maxPeers },
      rotates,
      progress: () => {
        const done = has.get(node) === true
        return { uploaded: 0, downloaded: done ? SIZE : 0, left: done ? 0 : SIZE }
      },
    })
    has.set(node, i === 0)
    nodes.push(node)
  }
  let over = false
  const spread = () => {
    if (over) return
    for (const node of nodes)
      for (const { remote } of node.swarm.peers) {
        const other = nodes.find(({ announceId }) => announceId === remote.announceId)
        if (other !== undefined && has.get(node) === true && has.get(other) !== true) {
          has.set(other, true)
          other.swarm.completed()
        }
      }
    world.env.timer(100, spread)
  }
  spread()
  const lost = () => nodes.reduce((sum, { swarm }) => sum + Object.values(swarm.stages().lost).reduce((a, b) => a + b, 0), 0)
  const end = async () => {
    over = true
    await world.closeAll()
  }
  return {
    nodes,
    lost,
    end,
    all: () => nodes.every(node => has.get(node)),
    missing: () => nodes.filter(node => !has.get(node)).length,
  }
}

describe('a torrent with fewer slots than clients', () => {
  test.each([1, 2, 3, 4])(
    'reaches all six clients with one peer each within a minute, and then stays quiet: seed %i [D3]',
    async seed => {
      const world = new World({ seed })
      const { nodes, lost, all, end } = await share(world, 6, 1)
      await world.env.until(all, 60_000)
      expect(nodes.every(({ swarm }) => swarm.peers.length <= 1)).toBe(true)
      await world.env.advance(60_000)
      const before = lost()
      await world.env.advance(120_000)
      expect(lost() - before).toBeLessThanOrEqual(2)
      await end()
    },
  )

  test("evicts no peer while there is no other, nor in a swarm that is not a torrent's [D3]", async () => {
    const world = new World()
    const { lost, end } = await share(world, 2, 1)
    await world.env.advance(120_000)
    expect(lost()).toBe(0)
    await end()
    const rooms = new World()
    const room = await share(rooms, 6, 1, false)
    await rooms.env.advance(60_000)
    const before = room.lost()
    await rooms.env.advance(60_000)
    expect(room.lost() - before).toBe(0)
    await room.end()
  })
})
