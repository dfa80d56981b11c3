/** Measures the other protocols as the shipped core is measured: a post in the steady state, and one after half of the nodes died. */
import type { Figures, ScenarioOptions } from '../scenarios/settled-world.js'
import { FloodNode } from './flood.js'
import { GossipsubNode } from './gossipsub.js'
import { PlumtreeNode } from './hyparview-plumtree.js'
import { RivalWorld } from './rival-world.js'

/** The share of neighbours that the document names for more than 15 peers. */
const DOCUMENT_SHARE = 0.65
const PAYLOAD = 1_024

export const RIVALS = {
  flooding: { degree: 8, create: (...[world, index, chance]: NodeArguments) => new FloodNode(world, index, chance, 1) },
  document: {
    degree: 8,
    create: (...[world, index, chance]: NodeArguments) => new FloodNode(world, index, chance, DOCUMENT_SHARE),
  },
  gossipsub: { degree: 20, create: (...[world, index, chance]: NodeArguments) => new GossipsubNode(world, index, chance) },
  'HyParView + Plumtree': {
    degree: 5,
    create: (...[world, index, chance]: NodeArguments) => new PlumtreeNode(world, index, chance),
  },
} as const

type NodeArguments = ConstructorParameters<typeof GossipsubNode>
export type RivalName = keyof typeof RIVALS

/** A mesh of the other protocol after 10 s and four posts of one sender. */
export function settledRival(name: RivalName, { nodes, seed }: ScenarioOptions): { world: RivalWorld; sender: number } {
  const { degree, create } = RIVALS[name]
  const world = new RivalWorld({ nodes, seed, degree, payload: PAYLOAD }, create)
  world.network.run(10_000)
  const sender = world.chance.below(nodes)
  for (let i = 0; i < 4; i++) {
    world.post(sender)
    world.network.run(world.network.now + 3_000)
  }
  world.traffic.reset()
  return { world, sender }
}

export function runRival(name: RivalName, options: ScenarioOptions): Figures {
  const { world, sender } = settledRival(name, options)
  const { network, traffic } = world
  const { nodes } = options
  const post = world.post(sender)
  network.run(network.now + 5_000)
  const { missed, last, hops } = world.measure(post, sender)
  const figures: Figures = {
    missed,
    last,
    hops,
    duplicates: traffic.messages('post') / post.count - 1,
    bytes: traffic.bytes() / (PAYLOAD * post.count),
  }
  const others = world.nodes.map((_, index) => index).filter(index => index !== sender)
  for (const index of world.chance.sample(others, Math.floor(nodes / 2))) network.kill(index)
  const second = world.post(sender)
  network.run(network.now + 2_000)
  figures['missedAfterKillIn2'] = world.measure(second, sender).missed
  network.run(network.now + 38_000)
  const after = world.measure(second, sender)
  figures['missedAfterKillIn40'] = after.missed
  figures['lastAfterKill'] = after.last
  return figures
}
