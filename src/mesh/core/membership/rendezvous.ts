/**
 * When trackers and drivers are asked for members: at once and often while this node has few edges, ever more rarely in a mesh, and for ever,
 * because only they can tell two islands of each other.
 */
import type { MeshContext } from '../mesh-context.js'
import type { EdgeRequest } from '../wire/messages.js'

/** While a node has less than half of its edges, in ms: the first wait and the longest. */
const POOR_FIRST = 1_000
const POOR_LAST = 30_000
/** In a mesh: the first wait, and the longest for a mesh of {@link SMALL} members. */
const FIRST = 5_000
const LAST = 120_000
/** In a larger mesh each node asks more rarely, so that all together ask about once a second. */
const SMALL = 120
/** The longest wait is at most this many times {@link LAST}: the root of the island may claim any number of members. */
const MAX_SCALE = 100
const GROWTH = 1.5

export class Rendezvous {
  readonly #context: MeshContext
  readonly #request: () => EdgeRequest
  /** Edges that are agreed on and not open yet: a handshake may take a second. */
  readonly #opening: () => number
  #at = 0
  #wait = FIRST
  #poorWait = POOR_FIRST
  #wasPoor = true

  constructor(context: MeshContext, request: () => EdgeRequest, opening: () => number) {
    this.#context = context
    this.#request = request
    this.#opening = opening
  }

  /** It has, or is opening, less than half of its edges, in a mesh that has more members. */
  get #isPoor(): boolean {
    const { options, size } = this.#context
    const edges = this.#opening() + this.#context.live().length
    return edges === 0 || (edges < options.maxPeers / 2 && edges + 1 < size)
  }

  tick(): void {
    const { now, options, effects } = this.#context
    const isPoor = this.#isPoor
    if (isPoor && !this.#wasPoor) {
      this.#poorWait = POOR_FIRST
      this.#at = Math.min(this.#at, now + POOR_FIRST * 2 * options.random())
    }
    this.#wasPoor = isPoor
    this.#at = Math.min(this.#at, now + 1.5 * LAST * this.#scale) // the mesh may have become smaller
    if (now < this.#at) return
    this.#at = now + this.#next(isPoor) * (0.5 + options.random())
    effects.rendezvous(this.#request())
  }

  #next(isPoor: boolean): number {
    if (isPoor) {
      const wait = this.#poorWait
      this.#poorWait = Math.min(POOR_LAST, GROWTH * wait)
      return wait
    }
    this.#wait = Math.min(LAST * this.#scale, this.#wait * GROWTH * this.#scale)
    return this.#wait
  }

  get #scale(): number {
    return Math.min(MAX_SCALE, Math.max(1, this.#context.size / SMALL))
  }
}
