/** Meshes in which some pairs can never connect: what posts and routes lack without an edge for such a pair. */
import type { Id } from '../../../../src/core/id.js'
import { positionOf, ringDistance } from '../../../../src/mesh/core/membership/position.js'
import type { MeshWorld } from '../mesh-world.js'
import type { SwarmlinkNode } from '../swarmlink-node.js'
import { settledWorld, spread, type Figures, type ScenarioOptions } from './settled-world.js'

/** Of the pairs of nodes. */
const SHARE = 0.15
const ROUTES = 5_000
/** Edges after which a route counts as lost. */
const LONGEST = 64

/** Nodes join over a tracker; a post before and after half of them was killed, without a tracker; routes from node to node. */
export function unconnectable(options: ScenarioOptions, share = SHARE): Figures {
  const world = settledWorld({ ...options, isJoined: true }, { unconnectable: share })
  const { nodes } = world
  const sender = nodes[0]!
  const route = routes(world)
  const ring = ringPairs(world)
  const posts = Array.from({ length: 4 }, () => {
    const one = world.post(sender, 100)
    world.run(3_000)
    return spread(one, nodes, sender)
  })
  world.tracker.isUp = false
  for (const node of world.chance.sample(nodes.slice(1), Math.floor(options.nodes / 2))) world.kill(node)
  const after = world.post(sender, 100)
  world.run(60_000)
  return {
    missed: posts.reduce((sum, { missed }) => sum + missed, 0),
    last: posts.at(-1)!.last,
    hops: posts.at(-1)!.hops,
    missedAfterKill: spread(after, world.up, sender).missed,
    piecesAfterKill: world.pieces().length,
    ...ring,
    ...route,
  }
}

/** Neighbours on the ring that cannot connect, and the share of them with a neighbour in common. */
function ringPairs({ nodes, network }: MeshWorld): Figures {
  const ring = nodes.toSorted((a, b) => (a.core.id < b.core.id ? -1 : 1))
  let [pairs, near] = [0, 0]
  for (const [i, { index, core }] of ring.entries()) {
    const next = ring[(i + 1) % ring.length]!
    if (network.canConnect(index, next.index)) continue
    pairs++
    if ([...core.neighbours.keys()].some(id => next.core.neighbours.has(id))) near++
  }
  return { ringApart: pairs / ring.length, ringInTwo: pairs === 0 ? 1 : near / pairs }
}

/** Routes from any node to any other: the share that arrives by greed alone, and with ways round; and the edges of the latter. */
function routes(world: MeshWorld): Figures {
  const { chance, nodes } = world
  let greedy = 0
  const lengths: number[] = []
  for (let i = 0; i < ROUTES; i++) {
    const [from, to] = chance.sample(nodes, 2) as [SwarmlinkNode, SwarmlinkNode]
    if (routeLength(world, from, to, false) !== undefined) greedy++
    const length = routeLength(world, from, to, true)
    if (length !== undefined) lengths.push(length)
  }
  lengths.sort((a, b) => a - b)
  const at = (share: number) => lengths[Math.floor(lengths.length * share)] ?? 0
  return { greedy: greedy / ROUTES, routed: lengths.length / ROUTES, routeP50: at(0.5), routeP99: at(0.99) }
}

/**
 * Over the neighbours and what they know of their own neighbours, to ever nearer nodes. With `goesRound` a route that is at the nearest known node goes
 * on to the nearest one that it has not passed, and back when there is none. `undefined` when it does not arrive.
 */
function routeLength(world: MeshWorld, from: SwarmlinkNode, to: SwarmlinkNode, goesRound: boolean): number | undefined {
  const target = to.core.id
  const goal = positionOf(target)
  const passed = new Set<Id>()
  const way: SwarmlinkNode[] = []
  for (let [node, length] = [from, 0]; length <= LONGEST; length++) {
    if (node === to) return length
    passed.add(node.core.id)
    let next: Id | undefined
    let nearest = goesRound ? Number.POSITIVE_INFINITY : ringDistance(goal, positionOf(node.core.id))
    for (const { id, position, contacts } of node.core.neighbours.values()) {
      if (passed.has(id)) continue
      for (const known of [{ id, position }, ...contacts]) {
        if (known.id !== id && passed.has(known.id)) continue
        const distance = known.id === target ? (id === target ? -2 : -1) : ringDistance(goal, known.position)
        if (distance < nearest) [nearest, next] = [distance, id]
      }
    }
    if (next === undefined && !goesRound) return undefined
    if (next !== undefined) way.push(node)
    const further = next === undefined ? way.pop() : world.nodes[world.indexOf(next)]
    if (further === undefined) return undefined
    node = further
  }
  return undefined
}
