/**
 * Plain HyParView and Plumtree with the figures of their papers. Its active view is given; the passive view holds random nodes, and any of them
 * can be dialled without a relay, which WebRTC does not offer: in this it is better off than the shipped core.
 */
import type { Chance } from '../chance.js'
import { HEADER, ID_SIZE, type RivalNode, type RivalWorld } from './rival-world.js'

const ACTIVE = 5
const PASSIVE = 30
/** Graft timers of iroh-gossip: the first and the following ones, in ms. */
const FIRST_GRAFT = 80
const NEXT_GRAFT = 40
/** Announcements wait for this time, as in iroh-gossip. */
const DISPATCH = 5
const CONTROL = 8

type PlumtreeMessage =
  | { type: 'post'; post: number; hops: number }
  | { type: 'ihave'; posts: number[] }
  | { type: 'graft'; post: number }
  | { type: 'prune' }

interface Missing {
  sources: number[]
  dueAt: number
}

export class PlumtreeNode implements RivalNode {
  wakeAt = Number.POSITIVE_INFINITY
  readonly #world: RivalWorld
  readonly #index: number
  readonly #chance: Chance
  readonly #lazy = new Set<number>()
  readonly #passive: number[]
  readonly #hops = new Map<number, number>()
  readonly #missing = new Map<number, Missing>()
  readonly #unannounced: Array<{ peer: number; post: number }> = []
  #announceAt = Number.POSITIVE_INFINITY

  constructor(world: RivalWorld, index: number, chance: Chance) {
    this.#world = world
    this.#index = index
    this.#chance = chance
    this.#passive = Array.from({ length: PASSIVE }, () => chance.below(world.options.nodes)).filter(other => other !== index)
  }

  get #peers(): number[] {
    return [...this.#world.network.connections[this.#index]!.keys()]
  }

  publish(post: number): void {
    this.#take(post, 0, undefined)
  }

  #take(post: number, hops: number, from: number | undefined): void {
    this.#world.deliver(this.#index, post, hops)
    this.#hops.set(post, hops)
    this.#missing.delete(post)
    if (from !== undefined) this.#lazy.delete(from)
    for (const peer of this.#peers) {
      if (peer === from) continue
      if (this.#lazy.has(peer)) this.#unannounced.push({ peer, post })
      else this.#post(peer, post)
    }
    if (this.#unannounced.length > 0)
      this.#wakeBy((this.#announceAt = Math.min(this.#announceAt, this.#world.network.now + DISPATCH)))
  }

  #post(peer: number, post: number): void {
    const message: PlumtreeMessage = { type: 'post', post, hops: (this.#hops.get(post) ?? 0) + 1 }
    this.#world.send(this.#index, peer, 'post', message, HEADER + this.#world.options.payload)
  }

  #send(peer: number, message: PlumtreeMessage, ids: number): void {
    this.#world.send(this.#index, peer, message.type, message, CONTROL + ID_SIZE * ids)
  }

  #wakeBy(time: number): void {
    this.wakeAt = Math.min(this.wakeAt, time)
  }

  receive(now: number, from: number, message: unknown): void {
    const received = message as PlumtreeMessage // all that these nodes send
    if (received.type === 'prune') this.#lazy.add(from)
    else if (received.type === 'graft') {
      this.#lazy.delete(from)
      if (this.#hops.has(received.post)) this.#post(from, received.post)
    } else if (received.type === 'ihave') for (const post of received.posts) this.#announced(now, from, post)
    else if (!this.#hops.has(received.post)) this.#take(received.post, received.hops, from)
    else {
      this.#lazy.add(from)
      this.#send(from, { type: 'prune' }, 0)
    }
  }

  #announced(now: number, from: number, post: number): void {
    if (this.#hops.has(post)) return
    const known = this.#missing.get(post)
    if (known !== undefined) known.sources.push(from)
    else {
      this.#missing.set(post, { sources: [from], dueAt: now + FIRST_GRAFT })
      this.#wakeBy(now + FIRST_GRAFT)
    }
  }

  wake(now: number): void {
    this.wakeAt = Number.POSITIVE_INFINITY
    if (this.#announceAt <= now) {
      this.#announceAt = Number.POSITIVE_INFINITY
      for (const { peer, post } of this.#unannounced.splice(0)) this.#send(peer, { type: 'ihave', posts: [post] }, 1)
    }
    for (const [post, missing] of this.#missing) {
      if (missing.dueAt <= now) {
        const source = missing.sources.shift()
        if (source === undefined) {
          this.#missing.delete(post)
          continue
        }
        this.#lazy.delete(source)
        this.#send(source, { type: 'graft', post }, 1)
        missing.dueAt = now + NEXT_GRAFT
      }
      this.#wakeBy(missing.dueAt)
    }
    this.#wakeBy(this.#announceAt)
  }

  /** The transport reports a lost neighbour: a passive one takes its place. */
  closed(_now: number, peer: number): void {
    this.#lazy.delete(peer)
    this.#replace()
  }

  #replace(): void {
    if (this.#peers.length >= ACTIVE) return
    const other = this.#passive[this.#chance.below(this.#passive.length)]
    if (other !== undefined) this.#world.network.dial(this.#index, other, [])
  }

  /** A node whose active view is full drops a random neighbour for one that asks. */
  opened(_now: number, peer: number): void {
    const peers = this.#peers
    if (peers.length <= ACTIVE) return
    const dropped = this.#chance.sample(
      peers.filter(other => other !== peer),
      1,
    )[0]
    if (dropped === undefined) return
    this.#lazy.delete(dropped)
    this.#world.network.close(this.#index, dropped)
  }

  dialFailed(): void {
    this.#replace()
  }
}
