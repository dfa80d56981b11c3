/**
 * Whether this node has caught up: it has compared with the mesh, so a feed that it does not know is news, not the past. A newcomer catches up by a
 * comparison with a neighbour that has caught up, and by nothing else: two newcomers that meet each other first know nothing of the past. Where no
 * node has caught up, the root of the island does so after a time.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Neighbour } from '../neighbour.js'

/** An island of newcomers counts as a mesh of its own after its root has had a neighbour for this time. In ms. */
const FOUNDED = 10_000
/** A node whose neighbours never catch up does so alone after this time, because the root may be hostile and say nothing. In ms. */
const ABANDONED = 60_000
/** Posts that prove the feeds of the past may take this time to arrive and to be verified. In ms. */
const MAX_SETTLING = 5_000

export interface CatchingUpHost {
  /** Compares with the neighbour. Returns whether it was time for it. */
  compare(neighbour: Neighbour): boolean
  /** Sends a ping, unless one is not answered yet. Pings say whether this node has caught up. */
  ping(neighbour: Neighbour): void
  /** Whether the neighbour has still to send posts that prove feeds of the past. */
  isProving(neighbour: Neighbour): boolean
}

export class CatchingUp {
  readonly #context: MeshContext
  readonly #host: CatchingUpHost
  /** When this node had a neighbour for the first time. */
  #metAt: number | undefined
  /** The neighbour that told all of its feeds, and when. What was asked of it is on its way. */
  #settling: { from: Neighbour; at: number } | undefined
  /** Neighbours that were asked in this round: one that does not answer must not keep this node from the next one. */
  readonly #asked = new Set<Neighbour>()

  constructor(context: MeshContext, host: CatchingUpHost) {
    this.#context = context
    this.#host = host
  }

  /** A hello, a ping or its answer came. */
  heard(neighbour: Neighbour, isEqual: boolean): void {
    if (this.#context.isCaughtUp) return
    this.#settle()
    if (!neighbour.isCaughtUp || this.#settling !== undefined) return
    if (isEqual) this.#done()
    else this.#compare(neighbour)
  }

  #compare(neighbour: Neighbour): void {
    if (this.#host.compare(neighbour)) this.#asked.add(neighbour)
  }

  /** The neighbour told its last feed. */
  compared(from: Neighbour): void {
    if (this.#context.isCaughtUp || !from.isCaughtUp || this.#settling !== undefined) return
    this.#settling = { from, at: this.#context.now }
    this.#host.ping(from)
  }

  tick(): void {
    if (this.#context.isCaughtUp) return
    const { now, island, id } = this.#context
    const live = this.#context.live()
    if (live.length === 0) return
    this.#metAt ??= now
    this.#settle()
    if (this.#settling !== undefined) this.#host.ping(this.#settling.from)
    else if (island.root === id && now - this.#metAt >= FOUNDED) this.#done()
    else {
      const knowing = live.filter(({ isCaughtUp }) => isCaughtUp)
      if (knowing.length === 0 && now - this.#metAt >= ABANDONED) return this.#done()
      if (knowing.every(neighbour => this.#asked.has(neighbour))) this.#asked.clear()
      const next = knowing.find(neighbour => !this.#asked.has(neighbour))
      if (next !== undefined) this.#compare(next)
    }
  }

  /** Channels are ordered: when the neighbour has answered a ping, it has sent what it was asked for before. */
  #settle(): void {
    if (this.#settling === undefined) return
    const { from, at } = this.#settling
    const isAnswered = from.answeredPing >= at && !this.#host.isProving(from)
    if (isAnswered || this.#context.now - at >= MAX_SETTLING) this.#done()
  }

  #done(): void {
    this.#settling = undefined
    this.#asked.clear()
    this.#context.isCaughtUp = true
    for (const neighbour of this.#context.live()) if (!neighbour.isCaughtUp) this.#host.ping(neighbour)
  }

  forget(neighbour: Neighbour): void {
    this.#asked.delete(neighbour)
    if (this.#settling?.from === neighbour) this.#settling = undefined
  }
}
