/**
 * The places of one swarm: how many it fills by itself, who may have one, and who gives up his. A swarm in which everybody is full would
 * shut newcomers out, who would make swarms of their own.
 */
import type { Env } from '../core/env.js'
import type { Id } from '../core/id.js'
import type { Claim, PeerRegistry } from '../peer/registry.js'
import type { TopicPeer } from '../peer/topic-peer.js'

/**
 * The share of its places that a swarm fills by itself where there are more others than places. The rest is for those who look for us: if
 * everybody took whoever is to be had all would be full, newcomers found no place, and groups of neighbours would close up until they
 * knew nobody else.
 */
const SOUGHT = 0.6
/** How often somebody has to go for somebody who has nobody: whoever lies about that costs each of us one peer in this time. */
const YIELD_GAP = 10_000
/** So many attempts that take too long at the same time are no accident. Where attempts had to go for others it is taken to last for a while. */
const FLOODED = { attempts: 3, lasts: 10_000 }
/** A peer that came within this time may know no other yet, and no other may know it: others go first. */
const NEW = 2_000
/** How long a remote may take to open this topic on a connection that is there, once it is let in. */
const INVITED = 5_000

export class Places {
  /** Who has to go finds others: peers introduce them. */
  exchanges = false
  /** There are more others than places, as far as we know: as long as nobody counted them that is likely. */
  crowded = true
  readonly #env: Env
  readonly #registry: PeerRegistry
  readonly #most: number
  #yieldedAt = Number.NEGATIVE_INFINITY
  #floodedUntil = Number.NEGATIVE_INFINITY
  #invited: { remote: Id; until: number } | undefined

  constructor(env: Env, registry: PeerRegistry, most: number) {
    this.#env = env
    this.#registry = registry
    this.#most = most
  }

  get left(): number {
    return this.#free(this.#most)
  }

  get full(): boolean {
    return this.#registry.size >= this.#most
  }

  /** How many more to look for; whoever looks for us is welcome to the rest. */
  get sought(): number {
    const places = this.exchanges && this.crowded ? Math.ceil(this.#most * SOUGHT) : this.#most
    return this.#free(places)
  }

  /** So many others were counted. */
  counted(others: number): void {
    this.crowded = others > this.#most
  }

  /** Whether there is one for somebody more. Whoever says that it has nobody is taken even so, now and then, and somebody else has to go. */
  has(alone = false): boolean {
    if (!this.full) return true
    return alone && this.#registry.size === this.#most && this.mayEvict
  }

  /** Whether a peer may go now for a remote that has none: at most one in {@link YIELD_GAP}. */
  get mayEvict(): boolean {
    return this.exchanges && this.#env.now() - this.#yieldedAt >= YIELD_GAP && this.#yieldable().length > 0
  }

  /**
   * This remote has nobody under this topic, and a connection to us under another. It is let in on that one as {@link has} lets others in: no
   * other connection to it is made.
   */
  invite(remote: Id): void {
    if (this.full && this.has(true)) this.#invited = { remote, until: this.#env.now() + INVITED }
  }

  /** Whether this remote, or any, is let in though every place is taken. */
  invites(remote = this.#invited?.remote): boolean {
    return this.#invited !== undefined && this.#invited.remote === remote && this.#env.now() < this.#invited.until
  }

  /**
   * A remote that calls takes no place before it is connected: many that called never came, so this is a flood, and the next may be alive.
   * Those who come when every place is taken have to go again.
   */
  get flooded(): boolean {
    return this.#env.now() < this.#floodedUntil || this.#registry.overdue >= Math.min(FLOODED.attempts, this.#most)
  }

  /** An attempt had to go before it was open, because there are too many. */
  evicted(): void {
    this.#floodedUntil = this.#env.now() + FLOODED.lasts
  }

  /** Whether there is one for a remote that answers our call: one that calls us and is not connected yet may never come. */
  hasForAnswer(alone = false): boolean {
    return this.has(alone) || this.#registry.calledBy !== undefined
  }

  /** It has that place. */
  answered(): void {
    const attempt = this.#registry.size > this.#most ? this.#registry.calledBy : undefined
    if (attempt !== undefined) this.#registry.dismiss(attempt)
  }

  /** More are open than there are places. */
  get over(): boolean {
    return this.#registry.open > this.#most
  }

  /** Peers that could go for others: every place is taken, and peers introduce who goes to others. */
  get exchangeable(): TopicPeer[] {
    return this.exchanges && this.full ? this.#yieldable().map(({ peer }) => peer) : []
  }

  /** Who has to go for this one that has just come, if anybody has: one of ours, who find others by exchange. */
  yields(newcomer: TopicPeer): TopicPeer | undefined {
    if (!this.over) return undefined
    const now = this.#env.now()
    this.#yieldedAt = now
    this.#invited = undefined
    const others = this.#yieldable().filter(({ peer }) => peer !== newcomer)
    const settled = others.filter(({ since }) => since <= now - NEW)
    const candidates = settled.length > 0 ? settled : others
    return candidates[Math.floor(this.#env.random() * candidates.length)]?.peer
  }

  /** Of so many places. A swarm without a connected peer looks on, whatever is on its way. */
  #free(places: number): number {
    return Math.max(this.#registry.open === 0 ? Math.min(1, places) : 0, places - this.#registry.size)
  }

  #yieldable(): Array<Claim & { peer: TopicPeer }> {
    return this.#registry
      .claims()
      .filter((claim): claim is Claim & { peer: TopicPeer } => claim.ours && claim.open && claim.peer !== undefined)
  }
}
