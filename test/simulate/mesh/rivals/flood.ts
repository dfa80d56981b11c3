/** Flooding, and the rule of the P2PMesh document: each node sends the first copy of a post to a share of its neighbours. */
import type { Chance } from '../chance.js'
import { HEADER, type RivalNode, type RivalWorld } from './rival-world.js'

interface Flooded {
  post: number
  hops: number
}

export class FloodNode implements RivalNode {
  readonly wakeAt = Number.POSITIVE_INFINITY
  readonly #world: RivalWorld
  readonly #index: number
  readonly #chance: Chance
  readonly #share: number

  /** `share` is 1 for flooding; the document names 60 to 70 % for more than 15 peers. */
  constructor(world: RivalWorld, index: number, chance: Chance, share: number) {
    this.#world = world
    this.#index = index
    this.#chance = chance
    this.#share = share
  }

  publish(post: number): void {
    this.#world.deliver(this.#index, post, 0)
    this.#spread({ post, hops: 1 }, undefined)
  }

  receive(_now: number, from: number, message: unknown): void {
    const { post, hops } = message as Flooded // all that these nodes send
    if (this.#world.deliver(this.#index, post, hops)) this.#spread({ post, hops: hops + 1 }, from)
  }

  #spread(message: Flooded, from: number | undefined): void {
    const peers = [...this.#world.network.connections[this.#index]!.keys()].filter(peer => peer !== from)
    const chosen = this.#share === 1 ? peers : this.#chance.sample(peers, Math.ceil(peers.length * this.#share))
    for (const peer of chosen) this.#world.send(this.#index, peer, 'post', message, HEADER + this.#world.options.payload)
  }

  wake(): void {}
  opened(): void {}
  closed(): void {}
  dialFailed(): void {}
}
