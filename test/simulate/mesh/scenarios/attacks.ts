/** Meshes with hostile members. */
import { KEY_BYTES } from '../../../../src/mesh/core/wire/wire-format.js'
import type { Gossip, MeshMessage, Post } from '../../../../src/mesh/core/wire/messages.js'
import type { FollowedPost } from '../deliveries.js'
import { VALID, type SwarmlinkNode } from '../swarmlink-node.js'
import { heapUsed } from './costs.js'
import { settledWorld, spread, type Figures, type ScenarioOptions } from './settled-world.js'

/** A fifth of the nodes has ids next to honest ones, and forwards no post. */
export function sybils(options: ScenarioOptions): Figures {
  const honest = Math.floor(options.nodes * 0.8)
  const ids: string[] = []
  const world = settledWorld(options, {
    idOf: (index, chance) => {
      const victim = index < honest ? undefined : ids[chance.below(Math.min(honest, 40))]
      const id = victim === undefined ? chance.hex(40) : victim.slice(0, 11) + chance.hex(29)
      ids.push(id)
      return id
    },
  })
  for (const node of world.nodes.slice(honest)) node.isSybil = true
  const sender = world.nodes[0]!
  const isHonest = (index: number) => index < honest
  const neighbours = (index: number) => [...world.network.connections[index]!.keys()]
  const members = world.nodes.slice(0, honest)
  const eclipsed = new Set(members.filter(({ index }) => !neighbours(index).some(isHonest)))
  const posts: FollowedPost[] = []
  for (let i = 0; i < 5; i++) {
    posts.push(world.post(sender, 100))
    world.run(5_000)
  }
  const measure = (nodes: readonly SwarmlinkNode[]) => {
    const all = posts.map(post => spread(post, nodes, sender))
    return { missed: all.reduce((sum, one) => sum + one.missed, 0), last: Math.max(...all.map(({ last }) => last)) }
  }
  const others = measure(members.filter(node => !eclipsed.has(node)))
  const surrounded = measure([...eclipsed])
  return { ...others, eclipsed: eclipsed.size, eclipsedMissed: surrounded.missed, eclipsedLast: surrounded.last }
}

/** A member turns hostile: it forges, replays, invents senders and jumps in sequences, towards all of its neighbours. */
export function hostile(options: ScenarioOptions, invented = 1_000_000): Figures {
  const world = settledWorld(options)
  const { network, nodes } = world
  const attacker = nodes[1]!
  const sender = nodes[0]!
  const tap = recordGossip(attacker)
  for (let i = 0; i < 5; i++) {
    world.post(sender, 100)
    world.run(1_000)
  }
  const targets = [...network.connections[attacker.index]!.keys()]
  const victims = targets.map(index => nodes[index]!)
  const before = world.deliveries.total
  world.run(600_000) // ten minutes, after which a seen-set would have forgotten the posts
  const say = (message: MeshMessage) => {
    for (const target of targets) network.send(attacker.index, target, message, 100)
  }
  const post: Post = {
    sequence: 0,
    signature: VALID,
    payload: new Uint8Array(100),
    large: false,
    redundancy: 'tree',
    confirm: false,
    ownTree: true,
  }
  for (const gossip of tap) for (let i = 0; i < 100; i++) say({ ...gossip, way: 'urgent' })
  world.run(1_000)
  const replayed = world.deliveries.total - before
  const key = new Uint8Array(KEY_BYTES)
  const heapBefore = heapUsed()
  for (let i = 0; i < invented; i++) {
    const alias = 1 + (i % 4_000)
    const sender20 = i.toString(16).padStart(40, '0')
    say({ type: 'open-feed', alias, sender: sender20, key, epoch: 1, topic: 't' })
    say({ type: 'gossip', alias, hops: 1, way: 'push', post })
    if (i % 1_000 === 999) world.run(1_000)
  }
  const grown = (heapUsed() - heapBefore) / options.nodes
  const refused = victims.reduce((sum, { core }) => sum + core.counts.refusedFeeds, 0)
  const left = victims.filter(({ core }) => core.neighbours.has(attacker.core.id)).length
  const after = world.post(sender, 100)
  world.run(5_000)
  return { replayed, grownBytes: grown, refused, edgesLeft: left, missedAfter: spread(after, world.up, sender).missed }
}

/** What the node received as gossip. */
function recordGossip(node: SwarmlinkNode): Gossip[] {
  const tap: Gossip[] = []
  const receive = node.receive.bind(node)
  node.receive = (now, from, message) => {
    const received = message as MeshMessage // what `send` of another node sent
    if (received.type === 'gossip') tap.push(received)
    receive(now, from, message)
  }
  return tap
}
