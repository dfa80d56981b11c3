/**
 * Decides which requests for an edge this node accepts, and remembers what it promised. A full node makes room for a ring neighbour, for a node
 * of another island, for a node that has no edge, and, by a splice, for one that needs two: an edge A–B becomes A–newcomer–B, so that no number
 * of edges changes and the mesh stays whole.
 */
import { BoundedMap } from '../../../core/bounded-map.js'
import type { Id } from '../../../core/id.js'
import { TokenBucket } from '../../../core/token-bucket.js'
import type { EdgeRequests } from './edge-requests.js'
import type { MeshContext } from '../mesh-context.js'
import type { EdgePurpose, EdgeRequest, EdgeRole, Island } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { positionOf } from './position.js'
import { improvesRing, ringSides, victim } from './roles.js'

/** Edges that a node may have above `maxPeers`, for a ring neighbour, a node that is alone, or another island. */
const EXTRA_EDGES = 2
/**
 * A promised edge that has not opened after this time holds no place any more; it may still open. A node that has found its edges elsewhere
 * drops promises, and a tracker carries no refusal. In ms.
 */
const PROMISE_TIMEOUT = 3_000
/** Outsiders that a full node takes in. Without a bound one process with fresh keys makes each node lose its neighbours one by one. */
const OUTSIDERS = { rate: 0.1, burst: 3 }
/**
 * Edges that may be agreed over one neighbour and not be open yet: at most 4 in meshes that join, heal and churn. A neighbour that asks in invented names must not
 * make this node look full.
 */
const MAX_PROMISED_OVER = 4
/** The newcomer of a splice has to connect in this time, or the edge stays. */
const SPLICE_TIMEOUT = 20_000

/** A node whose edge was closed for misconduct gets none for this time: each edge has budgets of its own. In ms. */
const EXPELLED = 600_000

/** An edge that this node agreed to and that another node dials. */
interface Promised {
  purpose: EdgePurpose
  at: number
  /** The neighbour over which it was agreed; undefined if a tracker or driver introduced the node. */
  over: Neighbour | undefined
  /** The neighbour whose place the newcomer takes. */
  instead: Neighbour | undefined
  /** At the limit another edge makes room, when this one has opened. */
  evicts: boolean
}

export interface Verdict {
  accepted: boolean
  /** The neighbour that the newcomer connects to as well, which then closes its edge to this node. */
  splice?: Id
}

const REFUSED: Verdict = { accepted: false }

export class Admission {
  readonly #context: MeshContext
  readonly #promised = new Map<Id, Promised>()
  /** Nodes whose edge was closed for misconduct, and until when they get none. */
  readonly #expelled = new BoundedMap<Id, number>(64)
  readonly #outsiders = new TokenBucket(OUTSIDERS)
  /** Edges that this node asked for or dials: they take room as well. */
  readonly #requests: () => Pick<EdgeRequests, 'size' | 'dialling'>
  /** Closes the edge to make room. */
  readonly #evict: (neighbour: Neighbour) => void

  constructor(
    context: MeshContext,
    requests: () => Pick<EdgeRequests, 'size' | 'dialling'>,
    evict: (neighbour: Neighbour) => void,
  ) {
    this.#context = context
    this.#requests = requests
    this.#evict = evict
  }

  /** Edges that this node still wants. Silent neighbours and splices under way do not count as edges. */
  get room(): number {
    let used = this.#requests().size
    for (const { instead } of this.#promised.values()) if (instead === undefined) used++
    for (const neighbour of this.#context.neighbours.values())
      if (neighbour.state !== 'suspect' && neighbour.splicedFor === undefined) used++
    return this.#context.options.maxPeers - used
  }

  /** Nodes that are expected to connect to this one. */
  get promised(): number {
    return this.#promised.size
  }

  expel(id: Id): void {
    this.#expelled.set(id, this.#context.now + EXPELLED)
  }

  isExpelled(id: Id): boolean {
    return (this.#expelled.get(id) ?? 0) > this.#context.now
  }

  #promisedOver(neighbour: Neighbour): number {
    let count = 0
    for (const { over } of this.#promised.values()) if (over === neighbour) count++
    return count
  }

  isPromised(id: Id): boolean {
    return this.#promised.has(id)
  }

  /** Answers a request that came over a neighbour, or from a tracker or driver. */
  decide(request: EdgeRequest, over?: Neighbour): Verdict {
    const { neighbours, id, position, island } = this.#context
    const { origin } = request
    if (origin === id || neighbours.has(origin) || this.isExpelled(origin)) return REFUSED
    if (this.#promised.has(origin)) return { accepted: true }
    if (over !== undefined && this.#promisedOver(over) >= MAX_PROMISED_OVER) return REFUSED
    if (this.room > 0) return this.#accept(request, over)
    const isOther = isOtherIsland(request, island)
    const sides = ringSides(position, neighbours.values())
    const isRing = request.purpose === 'ring' && improvesRing(position, sides, positionOf(origin))
    if (isRing) return this.#makesRoom ? this.#accept(request, over, true) : REFUSED
    if (request.purpose === 'island' && isOther) return this.#admit(request, over)
    if (request.purpose === 'step') return this.hasExtra ? this.#accept(request, over) : REFUSED
    if (request.room >= 2) {
      const given = victim(id, position, [...neighbours.values()], edge => edge.id !== origin && !edge.knows(origin))
      if (given !== undefined) return this.#give(request, over, given)
    }
    return request.edges === 0 ? this.#admit(request, over) : REFUSED
  }

  /** A full node takes in a node that is alone or of another island, as the request says: any outsider can say so. */
  #admit(request: EdgeRequest, over: Neighbour | undefined): Verdict {
    if (!this.#makesRoom || !this.#outsiders.take(1, this.#context.now)) return REFUSED
    return this.#accept(request, over, true)
  }

  #accept({ origin, purpose }: EdgeRequest, over: Neighbour | undefined, evicts = false): Verdict {
    this.#promised.set(origin, { purpose, at: this.#context.now, over, instead: undefined, evicts })
    return { accepted: true }
  }

  #give(request: EdgeRequest, over: Neighbour | undefined, given: Neighbour): Verdict {
    if (given.state === 'suspect' || !this.#context.options.mechanisms.splice) {
      this.#evict(given)
      return this.#accept(request, over)
    }
    given.splicedFor = request.origin
    given.splicedAt = this.#context.now
    this.#accept(request, over)
    return { accepted: true, splice: given.id }
  }

  /**
   * Whether one more edge may open, above `maxPeers`. Requests that are not answered do not count, nor do silent neighbours: while a mesh heals, each
   * node has many of both, and would refuse those that are alone.
   */
  get hasExtra(): boolean {
    const { edges, options } = this.#context
    return edges + this.#promised.size + this.#requests().dialling < options.maxPeers + EXTRA_EDGES
  }

  /** Whether one more edge may open above `maxPeers`; at the limit another one makes room. */
  get #makesRoom(): boolean {
    return this.hasExtra || this.#evictable !== undefined
  }

  /** A silent neighbour, or one of the younger half: newcomers with fresh keys replace each other, not the neighbours of long standing. */
  get #evictable(): Neighbour | undefined {
    const { neighbours, id, position } = this.#context
    const edges = [...neighbours.values()]
    const median = edges[edges.length >> 1]?.openedAt ?? 0 // they stand in the order in which they opened
    return victim(id, position, edges, ({ openedAt }) => openedAt >= median)
  }

  /** A neighbour gives its edge up for one to a newcomer, which dials. */
  splice(by: Neighbour, newcomer: Id): void {
    if (newcomer === this.#context.id) return
    for (const [id, { instead }] of this.#promised) if (instead === by) this.#promised.delete(id) // it has one edge to give
    this.#promised.set(newcomer, { purpose: 'random', at: this.#context.now, over: by, instead: by, evicts: false })
  }

  /** An edge opened that another node asked for. Returns its role, and the neighbour whose place it takes. */
  opened(id: Id): { role: EdgeRole; instead: Neighbour | undefined } {
    const promised = this.#promised.get(id)
    this.#promised.delete(id)
    const purpose = promised?.purpose ?? 'random'
    const { neighbours, options } = this.#context
    const isFull = promised?.evicts === true && neighbours.size >= options.maxPeers + EXTRA_EDGES
    return { role: roleOf(purpose), instead: promised?.instead ?? (isFull ? this.#evictable : undefined) }
  }

  /** At the limit a silent neighbour makes room for each edge that opens, so that strangers who fall silent do not add up. */
  get surplus(): Neighbour | undefined {
    const { neighbours, options, edges } = this.#context
    return edges < neighbours.size && neighbours.size >= options.maxPeers + EXTRA_EDGES ? this.#evictable : undefined
  }

  forget(neighbour: Neighbour): void {
    for (const [id, { instead }] of this.#promised) if (instead === neighbour) this.#promised.delete(id)
  }

  tick(): void {
    for (const [id, { at }] of this.#promised) if (this.#context.now - at >= PROMISE_TIMEOUT) this.#promised.delete(id)
    // The newcomer has not connected to the neighbour: the edge stays.
    for (const neighbour of this.#context.neighbours.values())
      if (this.#context.now - neighbour.splicedAt > SPLICE_TIMEOUT) neighbour.splicedFor = undefined
  }
}

/** Beacons by which two nodes of one island may differ. */
const SAME_ISLAND = 2

/** A newcomer has an island of its own until the first beacon reaches it: it needs no more room than its edges. */
function isOtherIsland({ island, edges }: EdgeRequest, own: Island): boolean {
  return edges > 0 && (island.root !== own.root || Math.abs(island.beacon - own.beacon) > SAME_ISLAND)
}

/** The role of an edge that was made for this purpose. */
export function roleOf(purpose: EdgePurpose): EdgeRole {
  return purpose === 'island' || purpose === 'step' ? 'random' : purpose
}
