/** The shipped mesh core as a node of the virtual network. Signatures are stand-ins of the right size; everything else is the product's code. */
import type { Id } from '../../../src/core/id.js'
import type { DeliveredPost, MeshEffects, MeshMechanisms } from '../../../src/mesh/core/effects.js'
import { MeshCore } from '../../../src/mesh/core/mesh-core.js'
import type { EdgePurpose, EdgeRequest, MeshMessage, OpenFeed, Post } from '../../../src/mesh/core/wire/messages.js'
import { messageSize } from '../../../src/mesh/core/wire/message-size.js'
import { KEY_BYTES, SIGNATURE_BYTES } from '../../../src/mesh/core/wire/wire-format.js'
import type { Chance } from './chance.js'
import type { SimulatedNode } from './network.js'
import type { MeshWorld } from './mesh-world.js'

/** A signature that the stand-in accepts. A forged one has another first byte. */
export const VALID = new Uint8Array(SIGNATURE_BYTES).fill(1)
const KEY = new Uint8Array(KEY_BYTES)

/** A neighbour that is this far behind is lagging. In ms. */
const LAGGING = 2_000

export interface NodeSettings {
  maxPeers: number
  mechanisms: MeshMechanisms
}

export class SwarmlinkNode implements SimulatedNode, MeshEffects {
  readonly index: number
  readonly core: MeshCore
  readonly maxPeers: number
  readonly #world: MeshWorld
  /** Receives and answers membership messages, and forwards no post. */
  isSybil = false
  /** Neighbours that read more slowly than this node sends. */
  readonly #lagging = new Set<Id>()

  constructor(world: MeshWorld, index: number, id: Id, chance: Chance, { maxPeers, mechanisms }: NodeSettings) {
    this.#world = world
    this.index = index
    this.maxPeers = maxPeers
    this.core = new MeshCore(
      {
        id,
        key: KEY,
        epoch: Math.floor(world.network.now),
        maxPeers,
        maxHops: 64,
        random: () => chance.next(),
        keepPosts: 4_096,
        keepBytes: 4 * 1024 * 1024,
        mechanisms,
      },
      this,
      world.network.now,
    )
  }

  get wakeAt(): number {
    return this.core.wakeAt
  }

  wake(now: number): void {
    this.core.wake(now)
  }

  receive(now: number, from: number, message: unknown): void {
    this.core.receive(now, this.#world.idOf(from), message as MeshMessage) // what `send` of another node sent
  }

  opened(now: number, peer: number): void {
    this.core.opened(now, this.#world.idOf(peer))
  }

  closed(now: number, peer: number): void {
    this.core.closed(now, this.#world.idOf(peer), 'silent')
  }

  dialFailed(now: number, peer: number): void {
    this.core.dialFailed(now, this.#world.idOf(peer))
  }

  publish(topic: string, payload: Uint8Array, options = {}): number {
    const post = this.core.prepare(topic, payload)
    this.core.publish(this.#world.network.now, post, VALID, options)
    return post.sequence
  }

  send(to: Id, message: MeshMessage): void {
    const { type } = message
    if (this.isSybil && (type === 'gossip' || type === 'announce' || type === 'chunk')) return
    const size = messageSize(message)
    this.#world.traffic.count(type, size)
    const { network } = this.#world
    const lag = network.send(this.index, this.#world.indexOf(to), message, size)
    if (lag > LAGGING !== this.#lagging.has(to) && (lag > LAGGING || lag < LAGGING / 4)) this.#lags(to, lag > LAGGING)
  }

  /** The transport tells the core later, as an event. */
  #lags(to: Id, isLagging: boolean): void {
    if (isLagging) this.#lagging.add(to)
    else this.#lagging.delete(to)
    const { network } = this.#world
    network.at(network.now, () => {
      if (network.isUp(this.index)) network.act(this, this.index, ({ core }) => core.lagging(network.now, to, isLagging))
    })
  }

  dial(id: Id, via: readonly Id[], _purpose: EdgePurpose): void {
    this.#world.network.dial(
      this.index,
      this.#world.indexOf(id),
      via.map(relay => this.#world.indexOf(relay)),
    )
  }

  close(id: Id): void {
    this.#world.network.close(this.index, this.#world.indexOf(id))
  }

  rendezvous(request: EdgeRequest): void {
    this.#world.tracker.ask(this.index, request)
  }

  deliver(post: DeliveredPost): void {
    this.#world.deliveries.record(this.index, post)
  }

  reached(topic: string, sequence: number, members: number): void {
    this.#world.receipts.set(`${this.index} ${topic} ${sequence}`, members)
  }

  verify(_feed: Omit<OpenFeed, 'type' | 'alias'>, post: Post): boolean | undefined {
    return post.signature[0] === VALID[0]
  }

  verifyBeacon(_root: Id, _number: number, _key: Uint8Array, signature: Uint8Array): boolean {
    return signature[0] === VALID[0]
  }

  signBeacon(): Uint8Array {
    return VALID
  }

  hash(data: Uint8Array): Uint8Array {
    return data.subarray(0, 16)
  }
}
