/** What the simulator says of a mesh that was measured in real processes: the same members, posts and pauses, and the latencies that were measured. */
import { sampledLatency } from './latency.js'
import { MeshWorld } from './mesh-world.js'
import { spread } from './scenarios/settled-world.js'

export interface MeasuredMesh {
  nodes: number
  maxPeers: number
  /** One way, of connections of the mesh. In ms. */
  latencies: readonly number[]
  /** Posts of one sender that are not counted, and those that are. */
  first: number
  posts: number
  /** Between two posts. In ms. */
  gap: number
  /** Of a payload. */
  bytes: number
  seed: number
}

export interface PredictedMesh {
  /** Until the last node has each post. In ms. */
  times: number[]
  /** Of a node and post. */
  duplicates: number
  bytes: number
}

/** As long as the members of the measured mesh have before the first post. In ms. */
const SETTLING = 20_000

export function predict({ nodes, maxPeers, latencies, first, posts, gap, bytes, seed }: MeasuredMesh): PredictedMesh {
  const world = new MeshWorld({ seed, maxPeers, latency: sampledLatency(seed, latencies) })
  world.joinOver(nodes, 3_000)
  world.run(SETTLING)
  const sender = world.nodes[0]!
  for (let i = 0; i < first; i++) {
    world.post(sender, bytes)
    world.run(gap)
  }
  const total = () => world.nodes.reduce((sum, { core }) => sum + core.counts.duplicates, 0)
  const before = total()
  world.traffic.reset()
  const times: number[] = []
  for (let i = 0; i < posts; i++) {
    const post = world.post(sender, bytes)
    world.run(gap)
    times.push(spread(post, world.nodes, sender).last)
  }
  const perPost = nodes * posts
  return { times, duplicates: (total() - before) / perPost, bytes: world.traffic.bytes() / perPost }
}
