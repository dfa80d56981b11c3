/**
 * The places of one swarm: how many it fills by itself, who may have one, and who gives up his. A swarm in which everybody is full would
 * shut newcomers out, who would make swarms of their own.
 */
import type { Env } from '../core/env.js'
import type { PeerRegistry } from '../peer/registry.js'
import type { TopicPeer } from '../peer/topic-peer.js'

/**
 * The share of its places that a swarm fills by itself where there are more others than places. The rest is for those who look for us: if
 * everybody took whoever is to be had all would be full, newcomers found no place, and groups of neighbours would close up until they
 * knew nobody else.
 */
const SOUGHT = 0.6
/** How often somebody has to go for somebody who has nobody: whoever lies about that costs each of us one peer in this time. */
const YIELD_GAP = 10_000

export class Places {
  /** Who has to go finds others: peers introduce them. */
  exchanges = false
  /** There are more others than places, as far as we know: as long as nobody counted them that is likely. */
  crowded = true
  readonly #env: Env
  readonly #registry: PeerRegistry
  readonly #most: number
  #yieldedAt = Number.NEGATIVE_INFINITY

  constructor(env: Env, registry: PeerRegistry, most: number) {
    this.#env = env
    this.#registry = registry
    this.#most = most
  }

  get left(): number {
    return Math.max(0, this.#most - this.#registry.size)
  }

  get full(): boolean {
    return this.left === 0
  }

  /** How many more to look for; whoever looks for us is welcome to the rest. */
  get sought(): number {
    const places = this.exchanges && this.crowded ? Math.ceil(this.#most * SOUGHT) : this.#most
    return Math.max(0, places - this.#registry.size)
  }

  /** So many others were counted. */
  counted(others: number): void {
    this.crowded = others > this.#most
  }

  /** Whether there is one for somebody more. Whoever says that it has nobody is taken even so, now and then, and somebody else has to go. */
  has(alone = false): boolean {
    if (!this.full) return true
    const mayYield = this.exchanges && this.#registry.size === this.#most
    return alone && mayYield && this.#env.now() - this.#yieldedAt >= YIELD_GAP && this.#yieldable().length > 0
  }

  /** Who has to go for this one that has just come, if anybody has: one of ours, who find others by exchange. */
  yields(newcomer: TopicPeer): TopicPeer | undefined {
    if (this.#registry.open <= this.#most) return undefined
    this.#yieldedAt = this.#env.now()
    const others = this.#yieldable().filter(peer => peer !== newcomer)
    return others[Math.floor(this.#env.random() * others.length)]
  }

  #yieldable(): TopicPeer[] {
    return this.#registry.claims().flatMap(({ ours, open, peer }) => (ours && open && peer !== undefined ? peer : []))
  }
}
