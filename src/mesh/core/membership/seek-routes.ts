/**
 * Finds nodes near a position of the ring. A seek goes to ever nearer nodes and back with the names of its way. The node at its end is dialled
 * over at most two relays; when it is further, the origin first connects to a node on the way, and seeks on from there.
 */
import type { Id } from '../../../core/id.js'
import type { MeshContext } from '../mesh-context.js'
import { MAX_RELAYS, MAX_TRAIL, type EdgeRole, type Found, type Seek } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { ringDistance } from './position.js'

export interface SeekHost {
  /** A node was found. `step` is the furthest on the way to it that these relays reach, or the node itself. */
  reachable(found: Id, step: Id, relays: readonly Id[], purpose: EdgeRole): void
}

export class SeekRoutes {
  readonly #context: MeshContext
  readonly #host: SeekHost
  /** Seeks of this node that went to a neighbour and are not answered: it may answer so many. */
  readonly #open = new WeakMap<Neighbour, number>()

  constructor(context: MeshContext, host: SeekHost) {
    this.#context = context
    this.#host = host
  }

  /** Starts over a random neighbour, so that further seeks find further ways. */
  start(position: number, purpose: EdgeRole, first = this.#context.pick(this.#context.live())): void {
    if (first === undefined) return
    this.#open.set(first, this.#openOf(first) + 1)
    this.#context.send(first, { type: 'seek', origin: this.#context.id, position, purpose, trail: [] })
  }

  seek(from: Neighbour, seek: Seek): void {
    const { id } = this.#context
    if ((seek.trail.at(-1) ?? seek.origin) !== from.id || seek.origin === id || seek.trail.includes(id))
      return this.#context.penalise(from, 'malformed')
    const trail = [...seek.trail, id]
    const next = trail.length < MAX_TRAIL ? this.#nearer(seek, trail) : undefined
    if (next === undefined) this.#context.send(from, { type: 'found', origin: seek.origin, purpose: seek.purpose, trail })
    else this.#context.send(next, { ...seek, trail })
  }

  /** The neighbour that is nearer to the position, or has a neighbour that is. */
  #nearer({ position, origin }: Seek, trail: readonly Id[]): Neighbour | undefined {
    let least = ringDistance(position, this.#context.position)
    let next: Neighbour | undefined
    for (const neighbour of this.#context.neighbours.values()) {
      if (!neighbour.isLive || neighbour.id === origin || trail.includes(neighbour.id)) continue
      const distance = ringDistance(position, neighbour.position)
      if (distance < least) [least, next] = [distance, neighbour]
      for (const contact of neighbour.contacts) {
        const further = ringDistance(position, contact.position)
        if (further >= least || contact.id === origin || trail.includes(contact.id)) continue
        least = further
        next = neighbour
      }
    }
    return next
  }

  found(from: Neighbour, found: Found): void {
    const { origin, trail, purpose } = found
    if (origin !== this.#context.id) {
      const at = trail.indexOf(this.#context.id)
      if (at < 0) return this.#context.penalise(from, 'malformed')
      const before = this.#context.neighbours.get(trail[at - 1] ?? origin)
      if (before !== undefined) this.#context.send(before, found)
      return
    }
    const open = this.#openOf(from)
    if (open === 0) return
    this.#open.set(from, open - 1)
    const relays = trail.slice(0, Math.min(MAX_RELAYS, trail.length - 1))
    const [step, end] = [trail[relays.length], trail.at(-1)]
    if (step !== undefined && end !== undefined) this.#host.reachable(end, step, relays, purpose)
  }

  #openOf(neighbour: Neighbour): number {
    return this.#open.get(neighbour) ?? 0
  }
}
