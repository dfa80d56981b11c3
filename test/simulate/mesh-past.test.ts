/** Which posts a member gets that were sent before it joined, and before its island met another one. */
import { describe, expect, test } from 'vitest'
import { worldLatency } from './mesh/latency.js'
import { MeshWorld } from './mesh/mesh-world.js'
import type { SwarmlinkNode } from './mesh/swarmlink-node.js'

/** The sequences that the node delivers from now on. */
function deliveries(node: SwarmlinkNode): number[] {
  const sequences: number[] = []
  const deliver = node.deliver.bind(node)
  node.deliver = post => {
    sequences.push(post.sequence)
    deliver(post)
  }
  return sequences
}

function send(world: MeshWorld, count: number, gap: number): void {
  for (let i = 0; i < count; i++) {
    world.post(world.nodes[0]!, 10)
    world.run(gap)
  }
}

const PAST = 30
const LIVE = 100
const all = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i)

/** A crowd joins a mesh of 20 at one moment. For `apart` ms it meets only itself. */
function crowd(seed: number, { history = 0, apart = 0 } = {}): number[][] {
  const world = new MeshWorld({ seed })
  world.joinOver(20, 2_000)
  world.run(30_000)
  send(world, PAST, 100)
  world.run(60_000)
  world.tracker.groupOf = index => (index < 20 ? 0 : 1)
  const got = Array.from({ length: 30 }, () => {
    const node = world.join()
    if (history > 0) node.core.setHistory('topic', history)
    return deliveries(node)
  })
  world.run(apart)
  world.tracker.groupOf = () => 0
  send(world, LIVE, 300)
  world.run(20_000)
  return got
}

describe.each([1, 2, 3])('a crowd that joins a mesh at one moment (seed %i)', seed => {
  test.each([0, 3_000])('gets nothing of the past, and all that follows, in order, after %i ms apart [C6] [X11]', apart => {
    for (const sequences of crowd(seed, { apart })) {
      expect(sequences[0]).toBeGreaterThanOrEqual(PAST)
      expect(sequences).toEqual(all(sequences[0]!, PAST + LIVE))
    }
  })

  test('gets the history that it asks for, and all that follows, in order [C6] [X11]', () => {
    for (const sequences of crowd(seed, { history: 10 })) {
      expect(sequences[0]).toBeGreaterThanOrEqual(PAST - 10)
      expect(sequences[0]).toBeLessThan(PAST)
      expect(sequences).toEqual(all(sequences[0]!, PAST + LIVE))
    }
  })
})

test.each([
  [60, 4, 1],
  [60, 3, 6],
  [120, 3, 1],
])(
  'all members of an island get all posts of another one that goes on posting (%i nodes, maxPeers %i, seed %i) [X11]',
  (nodes, maxPeers, seed) => {
    const world = new MeshWorld({ seed, maxPeers, latency: worldLatency(seed) })
    const isApart = (a: number, b: number) => a % 2 !== b % 2
    world.tracker.groupOf = index => index % 2
    world.network.mayConnect = (a, b) => !isApart(a, b)
    world.joinOver(nodes, 4_000)
    world.run(50_000)
    const got = world.nodes.filter(({ index }) => isApart(0, index)).map(node => deliveries(node))
    send(world, PAST, 20)
    world.run(20_000)
    world.tracker.groupOf = () => 0
    world.network.mayConnect = () => true
    send(world, 2 * LIVE, 100)
    world.run(60_000)
    for (const sequences of got) expect(sequences).toEqual(all(0, PAST + 2 * LIVE))
  },
)
