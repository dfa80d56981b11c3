/** Gossipsub 1.1 on one topic: a mesh of D neighbours gets posts at once, others get ids once a heartbeat. Without scores: all nodes are honest. */
import type { Chance } from '../chance.js'
import { HEADER, ID_SIZE, type RivalNode, type RivalWorld } from './rival-world.js'

const D = 6
const D_LOW = 4
const D_HIGH = 12
const D_LAZY = 6
const HEARTBEAT = 1_000
/** Heartbeats for which ids are announced. */
const HISTORY = 3
const CONTROL = 8

type GossipsubMessage =
  | { type: 'post'; post: number; hops: number }
  | { type: 'ihave' | 'iwant'; posts: number[] }
  | { type: 'graft' | 'prune' }

export class GossipsubNode implements RivalNode {
  wakeAt: number
  readonly #world: RivalWorld
  readonly #index: number
  readonly #chance: Chance
  readonly #mesh = new Set<number>()
  readonly #recent: Array<{ post: number; at: number }> = []
  readonly #hops = new Map<number, number>()

  constructor(world: RivalWorld, index: number, chance: Chance) {
    this.#world = world
    this.#index = index
    this.#chance = chance
    this.wakeAt = HEARTBEAT * chance.next()
  }

  get #peers(): number[] {
    return [...this.#world.network.connections[this.#index]!.keys()]
  }

  /** A node floods its own posts: `floodPublish` of version 1.1. */
  publish(post: number): void {
    this.#take(post, 0)
    for (const peer of this.#peers) this.#post(peer, post)
  }

  #take(post: number, hops: number): void {
    this.#world.deliver(this.#index, post, hops)
    this.#recent.push({ post, at: this.#world.network.now })
    this.#hops.set(post, hops)
  }

  #post(peer: number, post: number): void {
    this.#send(peer, { type: 'post', post, hops: (this.#hops.get(post) ?? 0) + 1 }, HEADER + this.#world.options.payload)
  }

  #send(peer: number, message: GossipsubMessage, size: number): void {
    this.#world.send(this.#index, peer, message.type, message, size)
  }

  receive(_now: number, from: number, message: unknown): void {
    const received = message as GossipsubMessage // all that these nodes send
    switch (received.type) {
      case 'post':
        if (this.#world.has(this.#index, received.post)) return
        this.#take(received.post, received.hops)
        for (const peer of this.#mesh) if (peer !== from) this.#post(peer, received.post)
        return
      case 'ihave': {
        const posts = received.posts.filter(post => !this.#world.has(this.#index, post))
        if (posts.length > 0) this.#send(from, { type: 'iwant', posts }, CONTROL + ID_SIZE * posts.length)
        return
      }
      case 'iwant':
        for (const post of received.posts) this.#post(from, post)
        return
      case 'graft':
        this.#mesh.add(from)
        return
      case 'prune':
        this.#mesh.delete(from)
    }
  }

  wake(now: number): void {
    this.wakeAt = now + HEARTBEAT
    const peers = this.#peers
    for (const peer of this.#mesh) if (!peers.includes(peer)) this.#mesh.delete(peer)
    const outside = peers.filter(peer => !this.#mesh.has(peer))
    if (this.#mesh.size < D_LOW)
      for (const peer of this.#chance.sample(outside, D - this.#mesh.size)) {
        this.#mesh.add(peer)
        this.#send(peer, { type: 'graft' }, CONTROL)
      }
    if (this.#mesh.size > D_HIGH)
      for (const peer of this.#chance.sample([...this.#mesh], this.#mesh.size - D)) {
        this.#mesh.delete(peer)
        this.#send(peer, { type: 'prune' }, CONTROL)
      }
    while (this.#recent[0] !== undefined && this.#recent[0].at < now - HISTORY * HEARTBEAT) this.#recent.shift()
    const posts = this.#recent.map(({ post }) => post)
    if (posts.length > 0)
      for (const peer of this.#chance.sample(outside, D_LAZY))
        this.#send(peer, { type: 'ihave', posts }, CONTROL + ID_SIZE * posts.length)
  }

  opened(): void {}
  closed(): void {}
  dialFailed(): void {}
}
