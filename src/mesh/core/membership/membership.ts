/**
 * Which edges this node asks for: ring neighbours, edges far along the ring, random edges up to `maxPeers`, and members that trackers and
 * drivers know. Names come from the neighbours' own neighbours, so that every edge is made over one relay, or two.
 */
import { BoundedMap } from '../../../core/bounded-map.js'
import type { Id } from '../../../core/id.js'
import { Admission, roleOf } from './admission.js'
import type { MeshContext } from '../mesh-context.js'
import { EdgeRequests } from './edge-requests.js'
import { KnockRelay } from './knock-relay.js'
import { MAX_RELAYS } from '../wire/messages.js'
import type { EdgeRole, Found, Knock, KnockAnswer, LossReason, NeighbourChange, Seek } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { NeighbourChanges } from './neighbour-changes.js'
import { clockwise, harmonicPosition, positionOf, RING } from './position.js'
import { improvesRing, ringSides, victim } from './roles.js'
import { SeekRoutes } from './seek-routes.js'
import { Rendezvous } from './rendezvous.js'

/** Wait after a refusal: the first, and the longest. In ms. */
const FIRST_RETRY = 500
const LAST_RETRY = 120_000
/** How often this node asks who is near it on the ring: while its ring changes, and later. */
const SEEK_SOON = 2_000
const SEEK_EVERY = 100_000
/** The ring counts as settled when it has not changed for this time. */
const SETTLED = 10_000
/** A node has more than `maxPeers` edges for at least this time before it closes one. */
const TRIM_AFTER = 3_000
/** A node whose neighbours have fewer edges than this together is in a mesh that needs no edges far along the ring. */
const LEAST_KNOWN = 12

/**
 * Seeks, requests for edges and their answers of one neighbour, its own and those that it passes on: one that joins with 500 others within 5 s sends 44 in
 * its busiest second. Messages above the bound are lost without a penalty: the neighbour may pass on what others send, and each origin asks again.
 */
const RELAYED = { rate: 20, burst: 100 }

/** A known node, and the neighbour that reaches it. */
interface Sighting {
  id: Id
  via: Id
}

export class Membership {
  readonly #context: MeshContext
  readonly admission: Admission
  readonly knocks: KnockRelay
  readonly seeks: SeekRoutes
  readonly rendezvous: Rendezvous
  readonly requests: EdgeRequests
  readonly #changes: NeighbourChanges
  #longAt = 0
  /** Nodes that this one connects to only to seek on from there, and when it asked them. */
  readonly #steps = new BoundedMap<Id, number>(8)
  /** A neighbour's neighbours changed: one of them may be nearer on the ring. */
  #ringIsStale = false
  #retry = FIRST_RETRY
  #retryAt = 0
  #seekAt = 0
  #refilledAt = 0
  readonly #startedAt: number
  /** The ring neighbours, and since when. */
  #ring = ''
  #ringChangedAt = 0
  #fullSince: number | undefined
  readonly #close: (neighbour: Neighbour) => void
  /** Wants a tick soon. */
  readonly #hurry: () => void

  constructor(context: MeshContext, close: (neighbour: Neighbour) => void, hurry: () => void) {
    this.#context = context
    this.#startedAt = context.now
    this.#close = close
    this.#hurry = hurry
    this.#changes = new NeighbourChanges(context)
    this.requests = new EdgeRequests(context, () => this.admission)
    this.admission = new Admission(context, () => this.requests, close)
    this.knocks = new KnockRelay(context, this.admission, answer => this.answered(answer))
    this.seeks = new SeekRoutes(context, {
      reachable: (found, step, relays, purpose) => this.#reachable(found, step, relays, purpose),
    })
    this.rendezvous = new Rendezvous(
      context,
      () => this.requests.request('island'),
      () => this.requests.dialling + this.admission.promised,
    )
  }

  /** Whether this node agreed to an edge to that one, or that one to an edge to this node. */
  expects(id: Id): boolean {
    return this.admission.isPromised(id) || this.requests.dials(id)
  }

  /** An edge opened, by a request of this node or of another. */
  opened(id: Id): { role: EdgeRole; mine: boolean; instead: Neighbour | undefined } {
    const purpose = this.requests.opened(id)
    const { role, instead } = this.admission.opened(id)
    this.#changes.came(id)
    this.#retry = FIRST_RETRY
    this.#hurry()
    const mine = purpose !== undefined && instead === undefined
    return { role: mine ? roleOf(purpose) : role, mine, instead: instead ?? this.admission.surplus }
  }

  /** An edge ended. Only a loss that the neighbour did not announce is repaired at once: an eviction would set off the next one. */
  lost(neighbour: Neighbour, reason: LossReason): void {
    this.admission.forget(neighbour)
    this.#changes.went(neighbour.id)
    this.#ringIsStale = true
    if (reason === 'cut' || reason === 'silent') this.#repair()
  }

  /** A neighbour fell silent. */
  silent(): void {
    this.#ringIsStale = true
    this.#repair()
  }

  #repair(): void {
    this.#retry = FIRST_RETRY
    this.#retryAt = this.#context.now
    this.#hurry()
  }

  dialFailed(id: Id): void {
    this.requests.dialFailed(id)
    this.#hurry()
  }

  /** Another node refused, or agreed: then this node dials. */
  answered(answer: KnockAnswer): void {
    if (this.requests.answered(answer) === 'walk refused') this.#backOff()
  }

  /** The neighbour's hello arrived. */
  met(neighbour: Neighbour): void {
    this.#ringIsStale = true
    if (this.#steps.delete(neighbour.id)) this.seeks.start(this.#context.position, 'ring', neighbour)
    this.requests.met(neighbour)
    for (const other of this.#context.neighbours.values())
      if (other.splicedFor === neighbour.id) this.#context.send(other, { type: 'splice', newcomer: neighbour.id })
    this.#hurry()
  }

  #backOff(): void {
    this.#retryAt = this.#context.now + this.#retry * (0.5 + this.#context.options.random())
    this.#retry = Math.min(2 * this.#retry, LAST_RETRY)
  }

  tick(): void {
    this.admission.tick()
    this.requests.tick()
    this.#refill()
    this.#changes.tick()
    if (this.#context.neighbours.size > 0) {
      if (this.#ringIsStale) this.#improveRing()
      this.#seek()
      this.#findLong()
      this.#findRandom()
      this.#trim()
    }
    this.rendezvous.tick()
  }

  /** A neighbour sends a seek, a request for an edge or an answer, or passes one on. */
  relayed(from: Neighbour, message: Seek | Found | Knock | KnockAnswer): void {
    if (from.relayed >= RELAYED.burst) return
    from.relayed++
    if (message.type === 'seek') this.seeks.seek(from, message)
    else if (message.type === 'found') this.seeks.found(from, message)
    else if (message.type === 'knock') this.knocks.knock(from, message)
    else this.knocks.answer(from, message)
  }

  /** Neighbours may send more. Counted in whole numbers, because each of some eight neighbours has this bound. */
  #refill(): void {
    const { now, neighbours } = this.#context
    const refilled = Math.floor(((now - this.#refilledAt) * RELAYED.rate) / 1_000)
    if (refilled === 0) return
    this.#refilledAt += (refilled * 1_000) / RELAYED.rate
    for (const neighbour of neighbours.values()) neighbour.relayed = Math.max(0, neighbour.relayed - refilled)
  }

  /** A neighbour told which edges it got and lost. */
  changed(from: Neighbour, change: NeighbourChange): void {
    this.#changes.told(from, change)
    if (change.came.length > 0) this.#ringIsStale = true
  }

  /** Asks a neighbour's neighbour for an edge when it is nearer on the ring than this node's present one. */
  #improveRing(): void {
    this.#ringIsStale = false
    const { neighbours, position } = this.#context
    const sides = ringSides(position, neighbours.values())
    const ring = `${sides.successor?.id} ${sides.predecessor?.id}`
    if (ring !== this.#ring) {
      this.#ring = ring
      this.#ringChangedAt = this.#context.now
    }
    let [ahead, behind]: [Sighting?, Sighting?] = []
    let [least, most] = [
      sides.successor === undefined ? RING : clockwise(position, sides.successor.position),
      sides.predecessor === undefined ? 0 : clockwise(position, sides.predecessor.position),
    ]
    for (const neighbour of neighbours.values()) {
      if (!neighbour.isLive) continue
      for (const contact of neighbour.contacts) {
        const way = clockwise(position, contact.position)
        if ((way >= least && way <= most) || !this.requests.mayAsk(contact.id)) continue
        if (way < least) [least, ahead] = [way, { id: contact.id, via: neighbour.id }]
        if (way > most) [most, behind] = [way, { id: contact.id, via: neighbour.id }]
      }
    }
    if (ahead !== undefined) this.requests.knock(ahead.id, ahead.via, [], 'ring')
    if (behind !== undefined && behind.id !== ahead?.id) this.requests.knock(behind.id, behind.via, [], 'ring')
  }

  #seek(): void {
    const { now, options, position } = this.#context
    if (now < this.#seekAt) return
    const isSettled = now - this.#ringChangedAt > SETTLED
    this.#seekAt = now + (isSettled ? SEEK_EVERY : SEEK_SOON) * (0.5 + options.random())
    if (!isSettled) this.seeks.start(position, 'ring')
    // The nearest node may be that of the other side: a node between this one and its neighbour is the nearest to the middle of the two.
    const { successor, predecessor } = ringSides(position, this.#context.neighbours.values())
    if (successor === undefined || predecessor === undefined) return
    this.seeks.start(Math.floor(position + clockwise(position, successor.position) / 2) % RING, 'ring')
    this.seeks.start(Math.floor(position + RING - clockwise(predecessor.position, position) / 2) % RING, 'ring')
  }

  #findLong(): void {
    const { now, options, neighbours, position } = this.#context
    if (this.#longMissing === 0 || this.admission.room < 1 || now < this.#longAt) return
    this.#longAt = now + SEEK_SOON
    const { successor } = ringSides(position, neighbours.values())
    const nearest = successor === undefined ? 1 : clockwise(position, successor.position)
    this.seeks.start(Math.floor(harmonicPosition(position, nearest, options.random)), 'long')
  }

  /** Edges far along the ring that this node has not asked for yet. */
  get #longMissing(): number {
    const { options, neighbours } = this.#context
    if (!options.mechanisms.longEdges || neighbours.size < 2) return 0
    let known = 0
    for (const { contacts } of neighbours.values()) known += contacts.length
    if (known < LEAST_KNOWN) return 0
    let missing = Math.max(1, Math.floor(options.maxPeers / 8)) - this.requests.count('long')
    for (const neighbour of neighbours.values()) if (neighbour.role === 'long' && neighbour.mine) missing--
    return Math.max(0, missing)
  }

  /** A seek found a node; `step` is the furthest on the way to it that two relays reach, or the node itself. */
  #reachable(found: Id, step: Id, relays: readonly Id[], purpose: EdgeRole): void {
    if (!this.requests.mayAsk(found) || !this.requests.mayAsk(step)) return
    const { position, neighbours } = this.#context
    if (purpose === 'ring' && !improvesRing(position, ringSides(position, neighbours.values()), positionOf(found))) return
    const [via, ...route] = relays
    const isStep = step !== found && purpose === 'ring'
    if (isStep) this.#steps.set(step, this.#context.now)
    this.requests.knock(step, via, route, isStep ? 'step' : purpose)
  }

  #findRandom(): void {
    // A newcomer keeps room for its edge along the ring: a full node gives one of its own to a node that needs two.
    const kept = this.#longMissing > 0 && this.#context.now - this.#startedAt < SETTLED ? 3 : 0
    const room = this.admission.room - kept
    if (room < 1 || this.#context.now < this.#retryAt) return
    for (let i = 0; i < Math.ceil(room / 2); i++) {
      const first = this.#context.pick(this.#context.live())
      if (first === undefined) return
      this.requests.walk(first, 1 + this.#context.below(MAX_RELAYS), room)
    }
  }

  /** Closes an edge above `maxPeers`, if its other end has too many as well or this node is at its limit. */
  #trim(): void {
    const { neighbours, options, now, id, position } = this.#context
    const excess = neighbours.size - options.maxPeers
    if (excess <= 0) this.#fullSince = undefined
    else this.#fullSince ??= now
    if (this.#fullSince === undefined || now - this.#fullSince < TRIM_AFTER) return
    const edge = victim(id, position, [...neighbours.values()], ({ room }) => room < 0 || excess > 1)
    if (edge !== undefined && (edge.state !== 'suspect' || excess > 1)) this.#close(edge)
  }

  /** Asks for ring neighbours anew: the island grew by another one. */
  merged(): void {
    this.#ringChangedAt = this.#context.now
    this.#seekAt = Math.min(this.#seekAt, this.#context.now + SEEK_SOON * this.#context.options.random())
  }
}
