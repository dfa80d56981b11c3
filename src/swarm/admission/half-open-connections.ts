/**
 * The connections that answered a remote's offer and are not open yet: how many there may be, and which of them is closed for a new one.
 * Nothing tells an honest offer from one whose sender is dead or lies, so what counts is the time that each attempt had. Pure bookkeeping.
 */
import type { Env } from '../core/env.js'
import type { Slot } from './budget.js'

/**
 * From answer to open channel, in milliseconds: what each attempt is granted even when others want its slot. Direct connections take
 * 5–300 ms, relayed ones below a second.
 */
const GRANTED = 1_000
/** A quarter of the connection budget, and no more than that: 64 a second, each of which costs 4 ms of CPU, are accepted in the long run. */
const LIMIT = { share: 1 / 4, least: 4, most: 64 }

export interface Attempt {
  /** The answer left: the remote's time runs. */
  readonly answered: () => void
  /** It is open, or closed. */
  readonly end: () => void
}

interface Entry {
  readonly signaling: string
  readonly slot: Slot
  readonly evict: () => void
  answeredAt: number
}

export class Attempts {
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

  /** Makes room for one more that came by this signalling. False when all are too young to go. */
  makeRoom(signaling: string): boolean {
    if (this.#entries.size < this.#limit) return true
    const victim = this.#victim(signaling)
    victim?.evict()
    return victim !== undefined
  }

  /** `evict` closes the connection, whose slot of the budget is released by that. */
  begin(signaling: string, slot: Slot, evict: () => void): Attempt {
    const entry: Entry = { signaling, slot, evict, answeredAt: Number.POSITIVE_INFINITY }
    this.#entries.add(entry)
    return { answered: () => void (entry.answeredAt = this.#env.now()), end: () => void this.#entries.delete(entry) }
  }

  /** The slot of an attempt that had its time, where the budget has no other. */
  yield(): Slot | undefined {
    const victim = this.#victim()
    const slot = victim?.slot.handOver()
    victim?.evict()
    return slot
  }

  /**
   * Takes the oldest attempt off the list, of the signalling that has most. For one of another signalling, which has fewer, it need not have
   * had its time: a flood of one leaves the others their share.
   */
  #victim(signaling?: string): Entry | undefined {
    const counts = new Map<string, number>()
    const of = (name = '') => counts.get(name) ?? 0
    for (const entry of this.#entries) counts.set(entry.signaling, of(entry.signaling) + 1)
    let victim: Entry | undefined
    for (const entry of this.#entries) {
      const isFair = signaling !== undefined && of(entry.signaling) > of(signaling) + 1
      const isDue = entry.answeredAt + (isFair ? 0 : GRANTED) <= this.#env.now()
      if (isDue && of(entry.signaling) > of(victim?.signaling)) victim = entry
    }
    if (victim !== undefined) this.#entries.delete(victim)
    return victim
  }
}
