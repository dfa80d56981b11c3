/**
 * Bounds what all swarms of a client spend on incoming offers together, so that a flood takes a bounded share: how many offers are answered
 * at the same time, how many answered connections may be half-open, and which connection is closed for a newcomer.
 */
import type { Id } from '../../core/id.js'
import { HalfOpenConnections } from './half-open-connections.js'
import type { Slot } from '../../peer/connection-budget.js'
import { Semaphore } from '../../core/semaphore.js'
import { offererWins } from '../../peer/negotiation.js'
import type { Signaling } from '../../signaling/signaling.js'
import type { Runtime } from '../runtime.js'

/** Offers of one signalling that are answered at the same time; libp2p takes as many. More wait, up to a bound. */
const INBOUND = { inside: 10, waiting: 64 }

export class InboundLimits {
  readonly halfOpen: HalfOpenConnections
  readonly #runtime: Runtime
  readonly #queues = new Map<string, Semaphore>()

  constructor(runtime: Runtime, maxConnections: number) {
    this.#runtime = runtime
    this.halfOpen = new HalfOpenConnections(runtime.env, maxConnections)
  }

  /** The queue of one signalling, for all topics together. */
  queue(signaling: Signaling): Semaphore {
    const queue = this.#queues.get(signaling.name) ?? new Semaphore(INBOUND)
    this.#queues.set(signaling.name, queue)
    return queue
  }

  /**
   * A budget slot for a connection to this remote, which dials us. Where none is left, an unanswered offer of this client gives its slot, or a
   * half-open connection that had its time. When two peers dial each other with their last slot, one of them keeps waiting for its answer.
   */
  slot(from: Id): Slot | undefined {
    const { budget, pool, announceId } = this.#runtime
    return budget.acquire() ?? pool.yield(offererWins(from, announceId)) ?? this.halfOpen.yield()
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close()
    this.#queues.clear()
  }
}
