/** The edges that this node asked for and that are not open yet: requests, answers, dials, and nodes that are not asked again for a while. Chooses nothing. */
import { backoff } from '../../../core/backoff.js'
import { BoundedMap } from '../../../core/bounded-map.js'
import type { Id } from '../../../core/id.js'
import type { Admission } from './admission.js'
import type { MeshContext } from '../mesh-context.js'
import type { EdgePurpose, EdgeRequest, KnockAnswer } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'

/** A request without an answer is forgotten after this time. In ms. */
const KNOCK_TIMEOUT = 4_000
/** An agreed connection opens in this time or counts as failed. */
const DIAL_TIMEOUT = 10_000
/**
 * A pair that could not connect is not tried again for a while, which grows: some have NATs between which no path exists, others failed because
 * both dialled at once or were busy.
 */
const RETRY = { first: 5_000, factor: 4, max: 600_000 }
/** A node that refused is not asked again for this time. */
const REFUSAL = 5_000

interface Asked {
  purpose: EdgePurpose
  at: number
  state: 'knocked' | 'dialling'
}

export class EdgeRequests {
  readonly #context: MeshContext
  readonly #admission: () => Admission
  /** By the id of the target, or by a number for a walk, which has none. */
  readonly #asked = new Map<Id, Asked>()
  #walks = 0
  /** Nodes that could not be connected to: how often, and until when they are not tried. */
  readonly #failed = new BoundedMap<Id, { times: number; until: number }>(64)
  readonly #refused = new BoundedMap<Id, number>(32)
  /** Nodes that give up an edge for this one, by the node that said so. */
  readonly #splices = new BoundedMap<Id, Id>(8)

  constructor(context: MeshContext, admission: () => Admission) {
    this.#context = context
    this.#admission = admission
  }

  get size(): number {
    return this.#asked.size
  }

  /** Whether this node is connecting to that one. */
  dials(id: Id): boolean {
    return this.#asked.get(id)?.state === 'dialling'
  }

  /** Nodes that this one is connecting to. */
  get dialling(): number {
    let count = 0
    for (const { state } of this.#asked.values()) if (state === 'dialling') count++
    return count
  }

  count(purpose: EdgePurpose): number {
    let count = 0
    for (const asked of this.#asked.values()) if (asked.purpose === purpose) count++
    return count
  }

  /** What another node is told of this one when it is asked. */
  request(purpose: EdgePurpose): EdgeRequest {
    const { id, island } = this.#context
    return { origin: id, purpose, edges: this.#context.edges, room: Math.max(0, this.#admission().room), island }
  }

  mayAsk(id: Id): boolean {
    if (id === this.#context.id || this.#context.neighbours.has(id) || this.#asked.has(id)) return false
    const admission = this.#admission()
    return !this.#hasFailed(id) && !this.#refused.has(id) && !admission.isPromised(id) && !admission.isExpelled(id)
  }

  /** Asks a node for an edge over the neighbour `via` and the relays after it. */
  knock(target: Id, via: Id | undefined, route: readonly Id[], purpose: EdgePurpose): void {
    const first = via === undefined ? undefined : this.#context.neighbours.get(via)
    if (first === undefined) return
    this.#ask(target, purpose, 'knocked')
    this.#context.send(first, { type: 'knock', ...this.request(purpose), target, route, steps: 0, trail: [] })
  }

  /** Asks the node at the end of some random steps. */
  walk(first: Neighbour, steps: number, room: number): void {
    this.#ask(`walk ${this.#walks++}`, 'random', 'knocked')
    this.#context.send(first, { type: 'knock', ...this.request('random'), room, target: undefined, route: [], steps, trail: [] })
  }

  /** Connects to a node that agreed. */
  dial(id: Id, via: readonly Id[], purpose: EdgePurpose): void {
    if (this.#context.neighbours.has(id) || id === this.#context.id) return
    this.#ask(id, purpose, 'dialling')
    this.#context.effects.dial(id, via, purpose)
  }

  /** The next connection to this node is an edge for that purpose. */
  agreed(id: Id, purpose: EdgePurpose): void {
    this.#ask(id, purpose, 'dialling')
  }

  #ask(id: Id, purpose: EdgePurpose, state: Asked['state']): void {
    this.#asked.set(id, { purpose, at: this.#context.now, state })
  }

  /** A node answered. Returns whether it was found by a walk, and refused. */
  answered({ target, trail, accepted, purpose, splice }: KnockAnswer): 'walk refused' | undefined {
    const walk = [...this.#asked.keys()].find(key => key.startsWith('walk'))
    const isWalk = !this.#asked.has(target)
    if (isWalk && walk === undefined) return undefined // too late
    this.#asked.delete(isWalk ? (walk ?? target) : target)
    if (accepted) this.#accepted(target, trail, purpose, splice)
    else if (isWalk) return 'walk refused'
    else this.#refused.set(target, this.#context.now + REFUSAL)
    return undefined
  }

  /** A member that a tracker or driver introduced answered. */
  introduced({ target, accepted, purpose, splice }: KnockAnswer): void {
    if (accepted && this.mayAsk(target) && this.#admission().hasExtra) this.#accepted(target, [], purpose, splice)
  }

  #accepted(target: Id, trail: readonly Id[], purpose: EdgePurpose, splice: Id | undefined): void {
    this.dial(target, trail, purpose)
    if (splice !== undefined) this.#splices.set(target, splice)
  }

  /** The connection opened: the purpose, if this node asked for it. */
  opened(id: Id): EdgePurpose | undefined {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    this.#failed.delete(id)
    return asked?.purpose
  }

  /** The neighbour knows this node now: the one that it gave up can be dialled over it. */
  met({ id }: Neighbour): void {
    const splice = this.#splices.get(id)
    this.#splices.delete(id)
    if (splice !== undefined) this.dial(splice, [id], 'random')
  }

  dialFailed(id: Id): void {
    this.#asked.delete(id)
    const times = (this.#failed.get(id)?.times ?? 0) + 1
    this.#failed.set(id, { times, until: this.#context.now + backoff(RETRY, times - 1) })
  }

  #hasFailed(id: Id): boolean {
    return (this.#failed.get(id)?.until ?? 0) > this.#context.now
  }

  tick(): void {
    const { now } = this.#context
    for (const [id, { at, state }] of this.#asked)
      if (now - at > (state === 'dialling' ? DIAL_TIMEOUT : KNOCK_TIMEOUT)) this.#asked.delete(id)
    for (const [id, until] of this.#refused) if (until < now) this.#refused.delete(id)
  }
}
