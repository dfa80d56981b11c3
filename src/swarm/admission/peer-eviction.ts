/** Chooses the peer that a full swarm evicts: a connected swarmlink peer, which finds other peers by peer exchange. */
import type { Env } from '../../core/env.js'
import type { PeerRegistry } from '../../peer/peer-registry.js'
import type { TopicPeer } from '../../peer/topic-peer.js'

/** At most one peer in this time is evicted for a remote that says that it is alone, which may be a lie. In milliseconds. */
const EVICTION_GAP = 10_000
/** A peer that connected within this time may know no other peer yet, and no other may know it: others are evicted first. */
const NEW = 2_000

export class PeerEviction {
  readonly #env: Env
  readonly #registry: PeerRegistry
  #evictedAt = Number.NEGATIVE_INFINITY

  constructor(env: Env, registry: PeerRegistry) {
    this.#env = env
    this.#registry = registry
  }

  /** Whether a peer may be evicted now. */
  get isDue(): boolean {
    return this.#env.now() - this.#evictedAt >= EVICTION_GAP && this.#entries().length > 0
  }

  /** The peers that may be evicted. */
  get candidates(): TopicPeer[] {
    return this.#entries().map(({ peer }) => peer)
  }

  /** A random peer that is evicted for this one; undefined when there is none. */
  choose(newcomer: TopicPeer): TopicPeer | undefined {
    const now = this.#env.now()
    this.#evictedAt = now
    const others = this.#entries().filter(({ peer }) => peer !== newcomer)
    const settled = others.filter(({ since }) => since <= now - NEW)
    const candidates = settled.length > 0 ? settled : others
    return candidates[Math.floor(this.#env.random() * candidates.length)]?.peer
  }

  #entries(): Array<{ peer: TopicPeer; since: number }> {
    const entries = this.#registry.entries().filter(({ isSwarmlink, open }) => isSwarmlink && open)
    return entries.flatMap(({ peer, since }) => (peer === undefined ? [] : { peer, since }))
  }
}
