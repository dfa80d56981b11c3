/** Meshes on bad networks: cut links, slow readers, pairs that cannot connect. */
import type { FollowedPost } from '../deliveries.js'
import { MeshWorld } from '../mesh-world.js'
import { settledWorld, spread, type Figures, type ScenarioOptions } from './settled-world.js'

/** In bytes per ms. */
const SLOW_READER = 40

/** A twentieth of the connections passes nothing for half a second to half a minute, again and again. */
export function cutLinks(options: ScenarioOptions): Figures {
  const world = settledWorld(options)
  const { network, chance, nodes } = world
  const sender = nodes[0]!
  world.post(sender, 100)
  const posts: FollowedPost[] = []
  for (let second = 0; second < 30; second++) {
    world.run(1_000)
    for (const { index } of chance.sample(nodes, Math.floor(options.nodes / 100)))
      for (const peer of chance.sample([...network.connections[index]!.keys()], 1))
        network.cut(index, peer, network.now + 500 + 29_500 * chance.next())
    posts.push(world.post(sender, 100))
  }
  world.run(15_000)
  const times = posts.map(post => spread(post, nodes, sender))
  return { missed: times.reduce((sum, { missed }) => sum + missed, 0), last: Math.max(...times.map(({ last }) => last)) }
}

/** A tenth of the nodes takes in 40 kB/s, less than half of what one sender posts for 3 s. */
export function slowReaders(options: ScenarioOptions): Figures {
  const world = settledWorld(options)
  const { network, chance, nodes } = world
  const sender = nodes[0]!
  world.post(sender, 100)
  world.run(1_000)
  const slow = new Set(chance.sample(nodes.slice(1), Math.floor(options.nodes / 10)).map(({ index }) => index))
  for (const index of slow) network.slowDown(index, SLOW_READER)
  const posts: FollowedPost[] = []
  for (let i = 0; i < 300; i++) {
    posts.push(world.post(sender, 1_024))
    world.run(10)
  }
  world.run(120_000)
  const fast = posts.map(post =>
    spread(
      post,
      nodes.filter(({ index }) => !slow.has(index)),
      sender,
    ),
  )
  const all = posts.map(post => spread(post, nodes, sender))
  return {
    last: Math.max(...fast.map(({ last }) => last)),
    missed: fast.reduce((sum, { missed }) => sum + missed, 0),
    missedBySlow: all.reduce((sum, { missed }) => sum + missed, 0),
  }
}

/** Nodes join over a tracker, ten a second: what the mesh is like right after the last one. */
export function joining(options: ScenarioOptions): Figures {
  const { nodes: count, seed, maxPeers = 8, mechanisms = {} } = options
  const world = new MeshWorld({ seed, maxPeers, mechanisms })
  world.joinOver(count, 100 * count)
  world.run(100 * count + 2_000)
  const { nodes, network } = world
  const post = world.post(nodes[0]!, 100)
  world.run(3_000)
  const edges = nodes.map(({ core }) => core.neighbours.size)
  const { missed, hops } = spread(post, nodes, nodes[0]!)
  return {
    missed,
    hops,
    opened: network.opened / count,
    fewestEdges: Math.min(...edges),
    requests: world.tracker.requests / count,
  }
}

/** Nodes with 3, 5, 8 and 50 edges, of which 15 % of the pairs can never connect, join over a tracker. */
export function mixed(options: ScenarioOptions): Figures {
  const degrees = [3, 5, 8, 50]
  const maxPeers = (index: number) => (index % 50 === 0 ? 50 : degrees[index % 3]!)
  const world = settledWorld({ ...options, isJoined: true }, { maxPeers, unconnectable: 0.15 })
  const { nodes, network } = world
  const sender = nodes[1]!
  for (let i = 0; i < 3; i++) {
    world.post(sender, 100)
    world.run(3_000)
  }
  const post = world.post(sender, 100)
  world.run(5_000)
  const ring = nodes.toSorted((a, b) => (a.core.id < b.core.id ? -1 : 1))
  let [pairs, closed] = [0, 0]
  for (const [i, { index }] of ring.entries()) {
    const next = ring[(i + 1) % ring.length]!.index
    if (!network.canConnect(index, next)) continue
    pairs++
    if (network.isConnected(index, next)) closed++
  }
  const { missed, last, hops } = spread(post, nodes, sender)
  const above = nodes.filter(({ core, maxPeers: most }) => core.neighbours.size > most + 2).length
  return { missed, last, hops, ring: closed / pairs, aboveLimit: above, pieces: world.pieces().length }
}
