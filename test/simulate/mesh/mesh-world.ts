/** A mesh of the shipped core on the virtual network: nodes join over a tracker, leave, die, freeze, and post. */
import type { Id } from '../../../src/core/id.js'
import { ALL_MECHANISMS, type MeshMechanisms } from '../../../src/mesh/core/effects.js'
import type { EdgeRole } from '../../../src/mesh/core/wire/messages.js'
import { Chance, mix } from './chance.js'
import { Deliveries, type FollowedPost } from './deliveries.js'
import { uniformLatency, type Latency } from './latency.js'
import { Network } from './network.js'
import { SwarmlinkNode } from './swarmlink-node.js'
import { SimulatedTracker } from './tracker.js'
import { TrafficCounter } from './traffic.js'

export interface WorldOptions {
  seed: number
  latency?: Latency
  /** Of each node, by its index. */
  maxPeers?: number | ((index: number) => number)
  mechanisms?: Partial<MeshMechanisms>
  unconnectable?: number
  uplink?: number
  /** Chooses an id; random by default. */
  idOf?: (index: number, chance: Chance) => Id
}

const TOPIC = 'topic'
/** The tracker of a built mesh answers from then on, because the nodes do not yet know that they are one mesh. */
const GROWN_AFTER = 10_000

export class MeshWorld {
  readonly options: WorldOptions
  readonly network: Network
  readonly tracker: SimulatedTracker
  readonly chance: Chance
  readonly deliveries: Deliveries
  readonly traffic = new TrafficCounter()
  readonly receipts = new Map<string, number>()
  /** All nodes that ever were, by index. */
  readonly nodes: SwarmlinkNode[] = []
  readonly #ids: Id[] = []
  readonly #mechanisms: MeshMechanisms
  readonly #indexes = new Map<Id, number>()

  constructor(options: WorldOptions) {
    this.options = options
    this.#mechanisms = { ...ALL_MECHANISMS, ...options.mechanisms }
    const { seed, unconnectable = 0, uplink } = options
    const latency = options.latency ?? uniformLatency(seed, 10, 50)
    this.network = new Network({ seed, latency, unconnectable, ...(uplink !== undefined && { uplink }) })
    this.chance = new Chance(mix(seed + 0x51ab))
    this.deliveries = new Deliveries(() => this.network.now)
    const { network } = this
    this.tracker = new SimulatedTracker(
      {
        now: () => network.now,
        at: (time, callback) => network.at(time, callback),
        admits: (index, request) => {
          const node = this.nodes[index]
          if (node === undefined || !network.isUp(index) || network.isFrozen(index)) return undefined
          let answer
          network.act(node, index, one => (answer = one.core.admits(network.now, request)))
          return answer
        },
        introduced: (index, answer) => {
          const node = this.nodes[index]
          if (node !== undefined && network.isUp(index)) network.act(node, index, one => one.core.introduced(network.now, answer))
        },
      },
      new Chance(mix(seed + 0x7ac)),
    )
  }

  idOf(index: number): Id {
    return this.#ids[index]!
  }

  indexOf(id: Id): number {
    return this.#indexes.get(id)!
  }

  /** The nodes that are up. */
  get up(): SwarmlinkNode[] {
    return this.nodes.filter(({ index }) => this.network.isUp(index))
  }

  join(): SwarmlinkNode {
    const { seed, maxPeers = 8 } = this.options
    const index = this.network.reserve()
    const chance = new Chance(mix(seed ^ Math.imul(index + 1, 0x9e3779b1)))
    const id = this.options.idOf?.(index, chance) ?? chance.hex(40)
    this.#ids.push(id)
    this.#indexes.set(id, index)
    const most = typeof maxPeers === 'number' ? maxPeers : maxPeers(index)
    const node = new SwarmlinkNode(this, index, id, chance, { maxPeers: most, mechanisms: this.#mechanisms })
    this.nodes.push(node)
    this.network.start(index, node)
    return node
  }

  /** Nodes join evenly over this time. */
  joinOver(count: number, ms: number): void {
    for (let i = 0; i < count; i++) this.network.at(this.network.now + (i * ms) / count, () => this.join())
  }

  /**
   * Starts a mesh that has grown: each node with its ring neighbours, one edge far along the ring, and random ones. A joined
   * mesh has the same ring and fewer long edges (44 of 1 000 nodes had one), so run with `--joined`, too; its growth takes most of a run.
   */
  build(count: number): void {
    const first = this.nodes.length
    this.tracker.isUp = false
    this.network.at(this.network.now + GROWN_AFTER, () => (this.tracker.isUp = true))
    for (let i = 0; i < count; i++) this.join()
    const nodes = this.nodes.slice(first)
    const ring = nodes.toSorted((a, b) => (a.core.id < b.core.id ? -1 : 1))
    const free = nodes.map(({ maxPeers }) => maxPeers)
    const link = (a: SwarmlinkNode, b: SwarmlinkNode, role: EdgeRole) => {
      if (a === b || this.network.isConnected(a.index, b.index) || !this.network.canConnect(a.index, b.index)) return
      a.core.agreed(b.core.id, role)
      this.network.connect(a.index, b.index)
      free[a.index - first]!--
      free[b.index - first]!--
    }
    const isFree = ({ index }: SwarmlinkNode) => free[index - first]! > 0
    for (const [i, node] of ring.entries()) link(node, ring[(i + 1) % count]!, 'ring')
    for (const [i, node] of ring.entries()) {
      if (!isFree(node)) continue
      const distance = Math.max(2, Math.floor(Math.exp(this.chance.next() * Math.log(count / 2))))
      const other = ring[(i + (this.chance.next() < 0.5 ? distance : count - distance)) % count]!
      if (isFree(other)) link(node, other, 'long')
    }
    for (let tries = 0; tries < 4; tries++) {
      const ends = this.chance.sample(
        nodes.flatMap(node => Array.from({ length: Math.max(0, free[node.index - first]!) }, () => node)),
        Number.POSITIVE_INFINITY,
      )
      for (let i = 0; i + 1 < ends.length; i += 2)
        if (isFree(ends[i]!) && isFree(ends[i + 1]!)) link(ends[i]!, ends[i + 1]!, 'random')
    }
  }

  kill(node: SwarmlinkNode): void {
    this.network.kill(node.index)
    this.tracker.left(node.index)
  }

  leave(node: SwarmlinkNode): void {
    this.network.act(node, node.index, one => one.core.leave(this.network.now))
    this.kill(node)
  }

  run(ms: number): void {
    this.network.run(this.network.now + ms)
  }

  /** Posts on the common topic and follows the post. */
  post(node: SwarmlinkNode, bytes: number, topic = TOPIC, options = {}): FollowedPost {
    let sequence = 0
    this.network.act(node, node.index, one => {
      const followed = this.deliveries
      const next = this.#sequences.get(`${node.index} ${topic}`) ?? 0
      this.#sequences.set(`${node.index} ${topic}`, next + 1)
      this.#last = followed.follow(this.idOf(node.index), topic, next, this.nodes.length)
      sequence = one.publish(topic, new Uint8Array(bytes), options)
    })
    if (this.#last === undefined) throw new Error(`post ${sequence} is not followed`)
    return this.#last
  }

  readonly #sequences = new Map<string, number>()
  #last: FollowedPost | undefined

  /** Sizes of the pieces of the mesh by its open connections, largest first. */
  pieces(includes: (index: number) => boolean = () => true): number[] {
    const seen = new Set<number>()
    const sizes: number[] = []
    for (const { index } of this.nodes) {
      if (!this.network.isUp(index) || !includes(index) || seen.has(index)) continue
      let size = 0
      const queue = [index]
      seen.add(index)
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        size++
        for (const peer of this.network.connections[next]!.keys()) {
          if (seen.has(peer) || !this.network.isUp(peer) || !includes(peer)) continue
          seen.add(peer)
          queue.push(peer)
        }
      }
      sizes.push(size)
    }
    return sizes.toSorted((a, b) => b - a)
  }
}
