/** Notices a flood of offers whose callers never connect. Their attempts take no slot while it lasts, so that the next one is answered. */
import type { SwarmContext } from '../swarm-context.js'

/** Overdue attempts at the same time that make a flood. */
const OVERDUE_ATTEMPTS = 3
/** How long a flood is taken to last after an attempt was closed for another one, in milliseconds. */
const LASTS = 10_000

export class FloodGuard {
  readonly #context: SwarmContext
  #floodedUntil = Number.NEGATIVE_INFINITY

  constructor(context: SwarmContext) {
    this.#context = context
  }

  get flooded(): boolean {
    const { runtime, registry, options } = this.#context
    return runtime.env.now() < this.#floodedUntil || registry.overdue >= Math.min(OVERDUE_ATTEMPTS, options.limits.maxPeers)
  }

  /** An attempt was closed before it was open, because there are too many. */
  evicted(): void {
    this.#floodedUntil = this.#context.runtime.env.now() + LASTS
  }
}
