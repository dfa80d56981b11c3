/**
 * The default connection policy: fills `maxPeers` slots. A swarm in which every member is full would shut newcomers out, which would then
 * form swarms of their own, so a share of the slots is left for peers that dial.
 */
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import type { PeerRegistry } from '../../peer/peer-registry.js'
import type { TopicPeer } from '../../peer/topic-peer.js'
import type { ConnectionPolicy, PolicyDeps } from './connection-policy.js'
import { PeerEviction } from './peer-eviction.js'

/**
 * The share of the slots that a swarm fills by dialling where there are more others than slots. The rest is for peers that dial us: if every
 * member filled all slots, newcomers found none, and groups of neighbours would close up until they knew no other peer.
 */
const SOUGHT = 0.6
/** How long an invited remote may take to open this topic on its connection. */
const INVITED = 5_000

export class PeerSlots implements ConnectionPolicy {
  exchanges = false
  readonly #env: Env
  readonly #registry: PeerRegistry
  readonly #maxPeers: number
  readonly #eviction: PeerEviction
  /** There are more others than slots, or no tracker counted them yet: then that is likely. */
  #crowded = true
  #invited: { remote: Id; until: number } | undefined

  constructor({ env, registry, maxPeers }: PolicyDeps) {
    this.#env = env
    this.#registry = registry
    this.#maxPeers = maxPeers
    this.#eviction = new PeerEviction(env, registry)
  }

  get sought(): number {
    const slots = this.exchanges && this.#crowded ? Math.ceil(this.#maxPeers * SOUGHT) : this.#maxPeers
    return this.#free(slots)
  }

  get left(): number {
    return this.#free(this.#maxPeers)
  }

  get full(): boolean {
    return this.#registry.size >= this.#maxPeers
  }

  dials(_remote: Id): boolean {
    return true // whether there is a slot left is asked by `acceptsOffer`
  }

  acceptsOffer(_remote: Id, alone = false): boolean {
    if (!this.full) return true
    return alone && this.#registry.size === this.#maxPeers && this.mayEvict
  }

  acceptsAnswer(remote: Id, alone = false): boolean {
    return this.acceptsOffer(remote, alone) || this.#registry.calledBy !== undefined
  }

  answered(): void {
    const attempt = this.#registry.size > this.#maxPeers ? this.#registry.calledBy : undefined
    if (attempt !== undefined) this.#registry.dismiss(attempt)
  }

  refused(): void {
    this.#crowded = true
  }

  counted(others: number): void {
    this.#crowded = others > this.#maxPeers
  }

  invite(remote: Id): void {
    if (this.full && this.acceptsOffer(remote, true)) this.#invited = { remote, until: this.#env.now() + INVITED }
  }

  invites(remote = this.#invited?.remote): boolean {
    return this.#invited !== undefined && this.#invited.remote === remote && this.#env.now() < this.#invited.until
  }

  get mayEvict(): boolean {
    return this.exchanges && this.#eviction.isDue
  }

  get over(): boolean {
    return this.#registry.open > this.#maxPeers
  }

  evicts(newcomer: TopicPeer): TopicPeer | undefined {
    if (!this.over) return undefined
    this.#invited = undefined
    return this.#eviction.choose(newcomer)
  }

  get exchangeable(): TopicPeer[] {
    return this.exchanges && this.full ? this.#eviction.candidates : []
  }

  /** Without a connected peer the swarm keeps looking for one, whatever attempts are under way. */
  #free(slots: number): number {
    return Math.max(this.#registry.open === 0 ? Math.min(1, slots) : 0, slots - this.#registry.size)
  }
}
