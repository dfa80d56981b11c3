/** What all swarms of one client share: the engine, the budget, the pool of offers, the identity. */
import type { Env } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { Engine } from '../engine/engine.js'
import type { Identity } from '../identity/identity.js'
import { ConnectionBudget } from '../peer/budget.js'
import { Gate } from '../peer/gate.js'
import { Links } from '../peer/links.js'
import { OfferPool } from '../peer/offer-pool.js'
import type { Signaling } from '../signaling/signaling.js'
import { Sharing } from './sharing.js'

/** Offers that one signalling may have us work on at a time; libp2p takes as many. More wait their turn, up to a bound. */
const INBOUND = { inside: 10, waiting: 64 }

export const NETWORK_DEFAULTS = { gatherTimeout: 1_000, maxConnections: 256 }

export interface NetworkOptions {
  env: Env
  engine: Engine
  identity: Identity
  rtcConfig: RTCConfiguration
  gatherTimeout: number
  maxConnections: number
  /** Peers introduce peers. */
  exchange: boolean
  warn: (error: SwarmlinkError) => void
}

/** What only peers of ours need. */
export type Together = typeof import('./together.js')

export class Network {
  readonly env: Env
  readonly engine: Engine
  readonly identity: Identity
  readonly rtcConfig: RTCConfiguration
  readonly gatherTimeout: number
  readonly budget: ConnectionBudget
  readonly pool: OfferPool
  /** One connection a remote, whatever topics it serves. */
  readonly links = new Links()
  readonly sharing = new Sharing()
  readonly #gates = new Map<string, Gate>()
  /** Peers introduce peers. */
  readonly exchange: boolean
  #together: Promise<Together> | undefined
  #closed = false

  constructor(options: NetworkOptions) {
    this.env = options.env
    this.engine = options.engine
    this.identity = options.identity
    this.rtcConfig = options.rtcConfig
    this.gatherTimeout = options.gatherTimeout
    this.budget = new ConnectionBudget(options.maxConnections)
    this.pool = new OfferPool({ ...options, budget: this.budget })
    this.exchange = options.exchange
  }

  /** One gate a signalling, for all topics together. */
  gate(signaling: Signaling): Gate {
    const gate = this.#gates.get(signaling.name) ?? new Gate(INBOUND)
    this.#gates.set(signaling.name, gate)
    return gate
  }

  /** Loaded when it is asked for the first time: it is a fifth of all, and takes less time than finding somebody who needs it. */
  together(): Promise<Together> {
    this.#together ??= this.#load().catch((error: unknown) => {
      this.#together = undefined // the page may be offline
      throw asError(error, 'ERR_ENGINE', 'a part of swarmlink could not be loaded')
    })
    return this.#together
  }

  close(): void {
    this.#closed = true
    this.sharing.relay?.close()
    for (const gate of this.#gates.values()) gate.close()
    this.#gates.clear()
    this.pool.close()
  }

  async #load(): Promise<Together> {
    const together = await import('./together.js')
    if (this.exchange && !this.#closed) this.sharing.relay = new together.RelaySignaling({ env: this.env })
    return together
  }
}
