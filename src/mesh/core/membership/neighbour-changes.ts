/** Tells neighbours which edges this node has, and keeps what they tell: the names that further edges are made from. */
import type { Id } from '../../../core/id.js'
import type { MeshContext } from '../mesh-context.js'
import type { NeighbourChange } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { positionOf } from './position.js'
import { MAX_LISTED } from '../wire/wire-format.js'

/** Changes are told at most this often. In ms. */
const TELL_EVERY = 1_000

export class NeighbourChanges {
  readonly #context: MeshContext
  #came: Id[] = []
  #went: Id[] = []
  #toldAt = 0

  constructor(context: MeshContext) {
    this.#context = context
  }

  came(id: Id): void {
    this.#came.push(id)
  }

  went(id: Id): void {
    this.#went.push(id)
  }

  tick(): void {
    if ((this.#came.length === 0 && this.#went.length === 0) || this.#context.now < this.#toldAt + TELL_EVERY) return
    this.#toldAt = this.#context.now
    const came = this.#came.filter(id => this.#context.neighbours.has(id)).slice(-MAX_LISTED)
    const went = this.#went.filter(id => !this.#context.neighbours.has(id)).slice(-MAX_LISTED)
    this.#came = []
    this.#went = []
    for (const neighbour of this.#context.live()) this.#context.send(neighbour, { type: 'neighbours', came, went })
  }

  /** A neighbour told its changes. */
  told(from: Neighbour, { came, went }: NeighbourChange): void {
    const contacts = from.contacts.filter(({ id }) => !went.includes(id) && !came.includes(id))
    for (const id of came) contacts.push({ id, position: positionOf(id) })
    from.contacts = contacts.slice(0, MAX_LISTED)
  }
}
