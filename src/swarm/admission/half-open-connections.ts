/**
 * The half-open connections: answered offers whose channel is not open yet. Bounds them, and chooses which one is closed for a newer one.
 * Nothing tells an honest offer from one whose sender is dead or lies, so what counts is the time that each had. Pure bookkeeping.
 */
import type { Env } from '../../core/env.js'
import type { Slot } from '../../peer/connection-budget.js'

/** Milliseconds from answer to open channel that each one is granted: direct connections take 5–300 ms, relayed ones below a second. */
const GRANTED = 1_000
/** A quarter of the connection budget, and no more than that: 64 a second, each of which costs 4 ms of CPU, are accepted in the long run. */
const LIMIT = { share: 1 / 4, least: 4, most: 64 }

export interface HalfOpen {
  /** The answer left: the remote's time runs. */
  readonly answered: () => void
  /** The connection is open, or closed. */
  readonly end: () => void
}

interface Entry {
  readonly signaling: string
  readonly slot: Slot
  readonly evict: () => void
  answeredAt: number
}

export class HalfOpenConnections {
  readonly #env: Env
  readonly #limit: number
  /** In the order in which they began. */
  readonly #entries = new Set<Entry>()

  constructor(env: Env, maxConnections: number) {
    this.#env = env
    this.#limit = Math.min(LIMIT.most, Math.max(LIMIT.least, Math.floor(maxConnections * LIMIT.share)))
  }

  get size(): number {
    return this.#entries.size
  }

  /** Makes room for one more by this signalling. False when all are too young to be closed. */
  makeRoom(signaling: string): boolean {
    if (this.#entries.size < this.#limit) return true
    const victim = this.#victim(signaling)
    victim?.evict()
    return victim !== undefined
  }

  /** `evict` closes the connection, which releases its budget slot. */
  begin(signaling: string, slot: Slot, evict: () => void): HalfOpen {
    const entry: Entry = { signaling, slot, evict, answeredAt: Number.POSITIVE_INFINITY }
    this.#entries.add(entry)
    return { answered: () => void (entry.answeredAt = this.#env.now()), end: () => void this.#entries.delete(entry) }
  }

  /** The slot of a connection that had its time, where the budget has no other. */
  yield(): Slot | undefined {
    const victim = this.#victim()
    const slot = victim?.slot.handOver()
    victim?.evict()
    return slot
  }

  /** Removes the oldest one of the signalling that has most: a flood through one signalling leaves the others their share. */
  #victim(signaling?: string): Entry | undefined {
    const counts = new Map<string, number>()
    const of = (name = '') => counts.get(name) ?? 0
    for (const entry of this.#entries) counts.set(entry.signaling, of(entry.signaling) + 1)
    let victim: Entry | undefined
    for (const entry of this.#entries) {
      const isFair = signaling !== undefined && of(entry.signaling) > of(signaling) + 1
      // A connection of a signalling that has fewer need not wait until this one had its time.
      const isDue = entry.answeredAt + (isFair ? 0 : GRANTED) <= this.#env.now()
      if (isDue && of(entry.signaling) > of(victim?.signaling)) victim = entry
    }
    if (victim !== undefined) this.#entries.delete(victim)
    return victim
  }
}
