/**
 * What all swarms of a client grant to the offers of others together, so that a flood of them takes a bounded share: how many are answered at
 * the same time, how many of those answered may be on their way, and whose connection is given up for a newcomer.
 */
import type { Id } from '../core/id.js'
import { Attempts } from '../peer/attempts.js'
import type { Slot } from '../peer/budget.js'
import { Gate } from '../peer/gate.js'
import { callerWins } from '../peer/negotiation.js'
import type { Signaling } from '../signaling/signaling.js'
import type { Network } from './network.js'

/** Offers of one signalling that are answered at the same time; libp2p takes as many. More wait, up to a bound. */
const INBOUND = { inside: 10, waiting: 64 }

export class Inbound {
  readonly attempts: Attempts
  readonly #network: Network
  readonly #gates = new Map<string, Gate>()

  constructor(network: Network, maxConnections: number) {
    this.#network = network
    this.attempts = new Attempts(network.env, maxConnections)
  }

  /** One gate a signalling, for all topics together. */
  gate(signaling: Signaling): Gate {
    const gate = this.#gates.get(signaling.name) ?? new Gate(INBOUND)
    this.#gates.set(signaling.name, gate)
    return gate
  }

  /**
   * A place in the budget for a connection to this remote, which calls us. Where none is left an own offer without an answer so far
   * gives its own, or an attempt that had its time. When two call each other with their last place one goes on waiting for its answer.
   */
  slot(from: Id): Slot | undefined {
    const { budget, pool, announceId } = this.#network
    return budget.acquire() ?? pool.yield(callerWins(from, announceId)) ?? this.attempts.yield()
  }

  close(): void {
    for (const gate of this.#gates.values()) gate.close()
    this.#gates.clear()
  }
}
