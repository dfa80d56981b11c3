/** What all scenarios begin with: a mesh that has settled; and what they measure of a post. */
import type { MeshMechanisms } from '../../../../src/mesh/core/effects.js'
import type { FollowedPost } from '../deliveries.js'
import { MeshWorld, type WorldOptions } from '../mesh-world.js'
import type { SwarmlinkNode } from '../swarmlink-node.js'

export interface ScenarioOptions {
  nodes: number
  seed: number
  maxPeers?: number
  /** Nodes join one by one over a tracker. Otherwise the mesh starts grown. */
  isJoined?: boolean
  mechanisms?: Partial<MeshMechanisms>
}

export type Figures = Record<string, number>

/** A built mesh knows its root and its size after this time. In ms. */
const SETTLING = 35_000
/** Nodes that join per second of virtual time. */
const JOIN_RATE = 100

export function settledWorld(options: ScenarioOptions, more: Partial<WorldOptions> = {}): MeshWorld {
  const { nodes, seed, maxPeers = 8, mechanisms = {} } = options
  const world = new MeshWorld({ seed, maxPeers, mechanisms, ...more })
  if (options.isJoined === true) {
    const joining = (nodes / JOIN_RATE) * 1_000
    world.joinOver(nodes, joining)
    world.run(joining + SETTLING)
  } else {
    world.build(nodes)
    world.run(SETTLING)
  }
  return world
}

/** What one post was like for these nodes. */
export function spread(post: FollowedPost, nodes: readonly SwarmlinkNode[], sender: SwarmlinkNode) {
  const times: number[] = []
  let [hops, missed] = [0, 0]
  for (const { index } of nodes) {
    if (index === sender.index) continue
    const time = post.arrivals[index]! - post.at
    if (Number.isNaN(time)) missed++
    else {
      times.push(time)
      hops = Math.max(hops, post.hops[index]!)
    }
  }
  times.sort((a, b) => a - b)
  return { hops, missed, last: times.at(-1) ?? 0, p99: times[Math.floor(times.length * 0.99)] ?? 0, reached: times.length }
}

/** Bytes and copies of posts, with everything that belongs to their spreading. */
export function spreadingBytes({ traffic }: MeshWorld): number {
  return ['gossip', 'announce', 'open-feed', 'graft', 'prune', 'want', 'vector', 'branch', 'cut-branch', 'chunk']
    .map(type => traffic.bytes(type))
    .reduce((sum, bytes) => sum + bytes, 0)
}
