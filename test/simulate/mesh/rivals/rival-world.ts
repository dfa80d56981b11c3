/** Runs another protocol on the virtual network, over a random graph with the same seeds, and measures one post as for the shipped core. */
import { Chance, mix } from '../chance.js'
import { uniformLatency } from '../latency.js'
import { Network, type SimulatedNode } from '../network.js'
import { TrafficCounter } from '../traffic.js'

/** What our gossip message has besides the payload: see `wire-format.ts`. The others get the same. */
export const HEADER = 70
/** An announced message id in protocols whose ids are hashes. */
export const ID_SIZE = 20

export interface RivalNode extends SimulatedNode {
  publish(post: number): void
}

export interface RivalOptions {
  nodes: number
  seed: number
  /** Connections of each node. */
  degree: number
  payload: number
}

export interface RivalPost {
  at: number
  arrivals: Float64Array
  hops: Uint8Array
  count: number
}

export class RivalWorld {
  readonly options: RivalOptions
  readonly network: Network
  readonly chance: Chance
  readonly traffic = new TrafficCounter()
  readonly nodes: RivalNode[] = []
  readonly posts: RivalPost[] = []

  constructor(options: RivalOptions, create: (world: RivalWorld, index: number, chance: Chance) => RivalNode) {
    this.options = options
    const { nodes, seed, degree } = options
    this.network = new Network({ seed, latency: uniformLatency(seed, 10, 50) })
    this.chance = new Chance(mix(seed + 0x51ab))
    for (let i = 0; i < nodes; i++) {
      const index = this.network.reserve()
      const node = create(this, index, new Chance(mix(seed ^ Math.imul(index + 1, 0x9e3779b1))))
      this.nodes.push(node)
      this.network.start(index, node)
    }
    this.#link(degree)
  }

  /** A random graph in which each node has `degree` connections, a few one less. */
  #link(degree: number): void {
    const free = this.nodes.map(() => degree)
    for (let round = 0; round < 6; round++) {
      const ends = this.chance.sample(
        free.flatMap((count, index) => Array.from({ length: count }, () => index)),
        Number.POSITIVE_INFINITY,
      )
      for (let i = 0; i + 1 < ends.length; i += 2) {
        const [a, b] = [ends[i]!, ends[i + 1]!]
        if (a === b || free[a]! < 1 || free[b]! < 1 || this.network.isConnected(a, b)) continue
        this.network.connect(a, b)
        free[a]!--
        free[b]!--
      }
    }
  }

  send(from: number, to: number, type: string, message: unknown, size: number): void {
    this.traffic.count(type, size)
    this.network.send(from, to, message, size)
  }

  /** A node has the post; false when it had it before. */
  deliver(index: number, number: number, hops: number): boolean {
    const post = this.posts[number]!
    if (!Number.isNaN(post.arrivals[index]!)) return false
    post.arrivals[index] = this.network.now
    post.hops[index] = hops
    if (hops > 0) post.count++ // all but the sender
    return true
  }

  has(index: number, number: number): boolean {
    return !Number.isNaN(this.posts[number]!.arrivals[index]!)
  }

  post(index: number): RivalPost {
    const post: RivalPost = {
      at: this.network.now,
      arrivals: new Float64Array(this.nodes.length).fill(Number.NaN),
      hops: new Uint8Array(this.nodes.length),
      count: 0,
    }
    this.posts.push(post)
    const node = this.nodes[index]!
    this.network.act(node, index, one => one.publish(this.posts.length - 1))
    return post
  }

  /** Of a post: the last arrival, hops, and who is missing among the living nodes that the sender can reach. */
  measure(post: RivalPost, sender: number) {
    const seen = new Set([sender])
    for (const index of seen)
      for (const peer of this.network.connections[index]!.keys()) if (this.network.isUp(peer)) seen.add(peer)
    let [missed, last, hops] = [0, 0, 0]
    for (const [index] of this.nodes.entries()) {
      if (!this.network.isUp(index) || index === sender) continue
      const time = post.arrivals[index]! - post.at
      if (Number.isNaN(time)) {
        if (seen.has(index)) missed++
        continue
      }
      last = Math.max(last, time)
      hops = Math.max(hops, post.hops[index]!)
    }
    return { missed, last, hops }
  }
}
