import { describe, expect, test } from 'vitest'
import { introduce } from '../introduce.js'
import { type Node, World } from '../world.js'

/** Grows a swarm to this size. All peers but the first two meet by peer exchange. */
async function grow(world: World, size: number): Promise<void> {
  const [first, second] = [world.join({ exchange: true }), world.join({ exchange: true })]
  await introduce(world, first, second)
  const newcomers = Array.from({ length: size - 2 }, () => world.join({ exchange: true }))
  const members = [first, second]
  await Promise.all(newcomers.map((newcomer, nth) => introduce(world, members[nth % 2] ?? first, newcomer)))
}

/** Sums the work of all nodes so far. */
function work(nodes: Node[]) {
  const sum = (count: (node: Node) => number | undefined) => nodes.reduce((total, node) => total + (count(node) ?? 0), 0)
  return {
    calls: sum(({ swarm }) => swarm.stagesBySignaling()['exchange']?.offered),
    refused: sum(({ swarm }) => Object.values(swarm.stages().refused).reduce((total, count) => total + count, 0)),
    failed: sum(({ swarm }) => Object.values(swarm.stages().failed).reduce((total, count) => total + count, 0)),
  }
}

const SEEDS = [1, 2]
/** A busy machine takes its time for thousands of messages. */
const LARGE = 30_000

describe('a swarm without a tracker', () => {
  test('makes a newcomer that knows one member a full member [X2]', async () => {
    const world = new World({ hubs: [] })
    await grow(world, 8)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    const newcomer = world.join({ exchange: true })
    await introduce(world, world.nodes[3] ?? newcomer, newcomer)
    await world.env.until(() => newcomer.swarm.peers.length === 8, 5_000)
    expect(newcomer.swarm.stages()).toMatchObject({ connected: 8, exchanged: 7 })
    expect(Object.keys(newcomer.swarm.stagesBySignaling())).toContain('exchange')
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })

  test.each(SEEDS)(
    'connects twenty that each know one of the first two, and wastes no dial (%i) [X2]',
    async seed => {
      const world = new World({ hubs: [], seed })
      await grow(world, 20)
      await world.env.until(() => world.missingLinks() === 0, 5_000)
      await world.env.advance(5_000)
      const links = 190 - 19 // the others met on trackers
      expect(work(world.nodes)).toEqual({ calls: links, refused: 0, failed: 0 })
      await world.closeAll()
      expect(world.net.alive).toBe(0)
    },
    LARGE,
  )

  test.each(SEEDS)(
    'is complete again after half of the members die silently and as many join (%i) [X2]',
    async seed => {
      const world = new World({ hubs: [], seed })
      await grow(world, 20)
      await world.env.until(() => world.missingLinks() === 0, 5_000)
      for (const node of world.nodes.slice(10)) node.kill()
      const survivors = [...world.nodes]
      const before = work(survivors)
      const newcomers = survivors.map(() => world.join({ exchange: true }))
      await Promise.all(newcomers.map((newcomer, nth) => introduce(world, survivors[nth] ?? newcomer, newcomer)))
      await world.env.until(() => world.missingLinks() === 0, 5_000)
      // Dead members are still unnoticed and dialled too: twice as many dials as connections would be too many.
      const links = 190 - 45
      expect(work(world.nodes).calls - before.calls).toBeLessThan(2 * links)
      await world.env.advance(45_000)
      const { calls, refused } = work(world.nodes)
      expect([world.missingLinks(), refused]).toEqual([0, 0])
      await world.env.advance(30_000)
      expect(work(world.nodes).calls).toBe(calls)
      await world.closeAll()
      expect([...survivors, ...newcomers].flatMap(({ engine }) => engine.alive)).toEqual([])
    },
    LARGE,
  )

  test.each(SEEDS)(
    'dials each peer once when twenty join one tracker at once (%i) [X2]',
    async seed => {
      const world = new World({ seed })
      world.joinMany(20, { exchange: true })
      await world.env.until(() => world.missingLinks() === 0, 2_000)
      await world.env.advance(5_000)
      expect(work(world.nodes)).toMatchObject({ refused: 0, failed: 0 })
      expect(work(world.nodes).calls).toBeLessThan(190)
      expect(world.net.created).toBeLessThan(190 * 2 + 20 * 10) // two per connection, and what each has ready or in progress
      await world.closeAll()
    },
    LARGE,
  )

  test('neither queries nor names members without peer exchange [X2]', async () => {
    const world = new World({ hubs: [] })
    const [hermit, first, second] = [world.join(), world.join({ exchange: true }), world.join({ exchange: true })]
    await introduce(world, first, hermit)
    await introduce(world, first, second)
    await world.env.advance(60_000)
    expect([hermit.swarm.peers.length, second.swarm.peers.length]).toEqual([1, 1])
    await world.closeAll()
  })
})
