/** What all swarms of one client share: the engine, the budget, the pool of offers, who we are, whom we take. */
import type { Env } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Candidates, Engine, EngineConnection } from '../engine/engine.js'
import type { Identity } from '../identity/identity.js'
import { ConnectionBudget } from '../peer/budget.js'
import { Links } from '../peer/links.js'
import { OfferPool } from '../peer/offer-pool.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { Inbound } from './inbound.js'
import { Sharing } from './sharing.js'
import type * as together from './together.js'

export const NETWORK_DEFAULTS = { gatherTimeout: 1_000, maxConnections: 256 }

export interface NetworkOptions {
  env: Env
  engine: Engine
  identity: Identity
  /** Who we are on the trackers. */
  announceId: Id
  /** Announce ids are made for their keys, ours too: others are refused as borrowed. @default false */
  bound?: boolean
  rtcConfig: RTCConfiguration
  gatherTimeout: number
  maxConnections: number
  /** The application's word on a peer, before anything is built for it. @default everybody is welcome */
  admit?: Admit
  /** With whom topics in common are looked for. @default with everybody */
  shares?: Shares
  /** Peers introduce peers. Only who can prove its identity should: others would have honest ones accused. */
  exchange: boolean
  warn: (error: SwarmlinkError) => void
}

export type Admit = (remote: Remote, signaling: Signaling) => boolean | Promise<boolean>

/** Whether the connection to this peer may serve other topics too: then the peer can find out which ones we have. */
export type Shares = (remote: Remote, source: Signaling['source']) => boolean

/** Code that is needed when the first offer or answer arrives. */
export type Together = typeof together

export class Network {
  readonly env: Env
  readonly engine: Engine
  readonly identity: Identity
  readonly announceId: Id
  readonly bound: boolean
  readonly admit: Admit
  readonly rtcConfig: RTCConfiguration
  readonly gatherTimeout: number
  readonly budget: ConnectionBudget
  readonly pool: OfferPool
  /** One connection a remote, whatever topics it serves. */
  readonly links = new Links()
  readonly sharing = new Sharing()
  /** What its swarms meet others under, and which swarm that is: a swarm that ends takes away no topic that another has by now. */
  readonly topics = new Map<Id, object>()
  readonly #shares: Shares
  readonly #mayShare = new WeakMap<Remote, boolean>()
  readonly #maxConnections: number
  readonly #connections = new Set<EngineConnection>()
  /** Peers introduce peers. */
  readonly exchange: boolean
  /** There with {@link together}. */
  inbound: Inbound | undefined
  #together: Promise<Together> | undefined
  #loaded: Together | undefined
  #closed = false

  constructor(options: NetworkOptions) {
    this.env = options.env
    this.engine = this.#watched(options.engine)
    this.identity = options.identity
    this.announceId = options.announceId
    this.bound = options.bound ?? false
    this.admit = options.admit ?? (() => true)
    this.#shares = options.shares ?? (() => true)
    this.rtcConfig = options.rtcConfig
    this.gatherTimeout = options.gatherTimeout
    this.budget = new ConnectionBudget(options.maxConnections)
    this.pool = new OfferPool({ ...options, engine: this.engine, budget: this.budget })
    this.#maxConnections = options.maxConnections
    this.exchange = options.exchange
  }

  /** Loaded when the first swarm asks for it: it is half of all, and takes less time than finding a peer that needs it. */
  together(): Promise<Together> {
    this.#together ??= this.#load().catch((error: unknown) => {
      this.#together = undefined // the page may be offline
      throw asError(error, 'ERR_ENGINE', 'a part of swarmlink could not be loaded')
    })
    return this.#together
  }

  /** Why there is no path to a peer, once the part is loaded that can tell. */
  readonly explain = (candidates: Candidates): string | undefined => this.#loaded?.explainNoPath(candidates)

  /** Asked once for each connection. */
  shares(remote: Remote, source: Signaling['source']): boolean {
    const known = this.#mayShare.get(remote)
    if (known !== undefined) return known
    const shares = this.#shares(remote, source)
    this.#mayShare.set(remote, shares)
    return shares
  }

  /** Our addresses may have changed, or the network is back: looks for new paths to peers of ours while the old ones may still be good. */
  moved(): void {
    for (const link of this.sharing.links) link.moved()
  }

  /** This remote calls, though we are connected to it as far as we know. */
  suspect(remote: Id): void {
    for (const link of this.sharing.links) if (link.remote === remote) link.suspect()
  }

  /** The page goes, at once: whoever sees its connections close need not wait until it is missed. Should it come back, all begins anew. */
  leave(): void {
    this.pool.drain() // places that get free are no reason to gather anew
    for (const link of this.sharing.links) link.bye()
    for (const connection of [...this.#connections]) connection.close()
  }

  close(): void {
    this.#closed = true
    this.sharing.relay?.close()
    this.inbound?.close()
    this.pool.close()
  }

  async #load(): Promise<Together> {
    const together = await import('./together.js')
    this.#loaded = together
    this.inbound = new together.Inbound(this, this.#maxConnections)
    if (this.#closed) this.inbound.close()
    if (this.exchange && !this.#closed)
      this.sharing.relay = new together.RelaySignaling({ env: this.env, repair: (from, message) => this.#passed(from, message) })
    return together
  }

  #passed(from: Id, message: Uint8Array): void {
    for (const link of this.sharing.links) if (link.remote === from) link.passed(message)
  }

  /** The same engine; what it makes is known here for as long as it lives. */
  #watched(engine: Engine): Engine {
    return {
      name: engine.name,
      createConnection: config => {
        const connection = engine.createConnection(config)
        this.#connections.add(connection)
        connection.on('state', state => {
          if (state === 'closed') this.#connections.delete(connection)
        })
        return connection
      },
    }
  }
}
