/** What all swarms of one client share: engine, identity, connection budget, offer pool, connection index, shared topics. */
import type { Env } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Candidates, Engine, EngineConnection } from '../engine/engine.js'
import type { Identity } from '../identity/identity.js'
import { ConnectionBudget } from '../peer/connection-budget.js'
import { ConnectionIndex } from '../peer/connection-index.js'
import { OfferPool } from '../peer/offer-pool.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { InboundLimits } from './admission/inbound-limits.js'
import { SharedTopics } from './session/shared-topics.js'
import type * as lazyPeerFeatures from './lazy-peer-features.js'

export const RUNTIME_DEFAULTS = { gatherTimeout: 1_000, maxConnections: 256 }

export interface RuntimeDeps {
  env: Env
  engine: Engine
  identity: Identity
  /** Our id on trackers and buses. */
  announceId: Id
  /** Announce ids are derived from keys, ours too: an id that does not match its key is refused as borrowed. @default false */
  bound?: boolean
  rtcConfig: RTCConfiguration
  gatherTimeout: number
  maxConnections: number
  /** Whether the application accepts a peer; asked before anything is built for it. @default it accepts every peer */
  admit?: Admit
  /** Whether topics in common are looked for with a peer. @default with every peer */
  shares?: Shares
  /** Peer exchange is on. It needs a provable identity: without one, honest relay peers would be accused. */
  exchange: boolean
  warn: (error: SwarmlinkError) => void
}

export type Admit = (remote: Remote, signaling: Signaling) => boolean | Promise<boolean>

/** Whether the connection to this peer may serve other topics too. The peer can then test which topics this client has. */
export type Shares = (remote: Remote, source: Signaling['source']) => boolean

/** Code that is needed when the first offer or answer arrives: one lazy chunk. */
export type LazyPeerFeatures = typeof lazyPeerFeatures

export class Runtime {
  readonly env: Env
  readonly engine: Engine
  readonly identity: Identity
  readonly announceId: Id
  readonly bound: boolean
  readonly admit: Admit
  readonly budget: ConnectionBudget
  readonly pool: OfferPool
  /** One connection per remote, whatever topics it serves. */
  readonly index = new ConnectionIndex()
  readonly sharedTopics = new SharedTopics()
  /** The swarm of each topic. A swarm that ends deletes its topic only while no other swarm has it. */
  readonly topics = new Map<Id, object>()
  /** The topics that announce because they have no peer, each by its scheduler. */
  readonly alone = new Set<object>()
  readonly #options: RuntimeDeps
  readonly #mayShare = new WeakMap<Remote, boolean>()
  readonly #connections = new Set<EngineConnection>()
  /** Peer exchange is on. */
  readonly exchange: boolean
  /** Both are present once {@link peerFeatures} has loaded. */
  features: LazyPeerFeatures | undefined
  inbound: InboundLimits | undefined
  #loading: Promise<LazyPeerFeatures> | undefined
  #closed = false

  constructor(options: RuntimeDeps) {
    this.#options = options
    this.env = options.env
    this.engine = options.engine
    this.identity = options.identity
    this.announceId = options.announceId
    this.bound = options.bound ?? false
    this.admit = options.admit ?? (() => true)
    this.budget = new ConnectionBudget(options.maxConnections)
    this.pool = new OfferPool({ ...options, createConnection: () => this.createConnection(), budget: this.budget })
    this.exchange = options.exchange
  }

  /** A connection that gathers for at most `most` milliseconds, and is recorded until it closes. */
  createConnection(most = Number.POSITIVE_INFINITY): EngineConnection {
    const { rtcConfig, env, engine, gatherTimeout } = this.#options
    const connection = engine.createConnection({ rtcConfig, gatherTimeout: Math.min(most, gatherTimeout), env })
    this.#connections.add(connection)
    connection.on('state', state => {
      if (state === 'closed') this.#connections.delete(connection)
    })
    return connection
  }

  /** Loads half of the code when the first swarm starts, which takes less time than finding a peer. */
  peerFeatures(): Promise<LazyPeerFeatures> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined // the page may be offline
      throw asError(error, 'ERR_ENGINE', 'a part of swarmlink could not be loaded')
    })
    return this.#loading
  }

  /** Explains why there is no path to a peer, once that code is loaded. */
  readonly explain = (candidates: Candidates): string | undefined => this.features?.explainNoPath(candidates)

  /** Whether this client can tell the owner of an id from an impostor. */
  get canTell(): boolean {
    return this.identity.key !== undefined && this.bound
  }

  /** Whether the remote proved that its id is its own, or this client cannot tell. */
  isProven(remote?: Remote): boolean {
    return !this.canTell || remote?.verified === true
  }

  /** Asks `shares` once for each connection. */
  shares(remote: Remote, source: Signaling['source']): boolean {
    const known = this.#mayShare.get(remote)
    if (known !== undefined) return known
    const shares = this.#options.shares?.(remote, source) ?? true
    this.#mayShare.set(remote, shares)
    return shares
  }

  /** Our addresses may have changed, or the network is back: looks for new paths to swarmlink peers while the old paths may still work. */
  moved(): void {
    for (const session of this.sharedTopics.sessions) session.moved()
  }

  /** This remote dials us, though it is connected as far as we know. */
  suspect(remote: Id): void {
    for (const session of this.sharedTopics.sessions) if (session.remote === remote) session.suspect()
  }

  /** The page is unloaded: closes every connection at once, so that peers need not wait for a timeout. A page that comes back starts anew. */
  leave(): void {
    this.pool.drain() // freed slots must not start gathering
    for (const session of this.sharedTopics.sessions) session.bye()
    for (const connection of [...this.#connections]) connection.close()
  }

  close(): void {
    this.#closed = true
    this.sharedTopics.exchange?.close()
    this.inbound?.close()
    this.pool.close()
  }

  async #load(): Promise<LazyPeerFeatures> {
    const features = await import('./lazy-peer-features.js')
    this.features = features
    this.inbound = new features.InboundLimits(this, this.#options.maxConnections)
    if (this.#closed) this.inbound.close()
    if (this.exchange && !this.#closed)
      this.sharedTopics.exchange = new features.ExchangeSignaling({
        env: this.env,
        repair: (from, message) => this.#forwarded(from, message),
      })
    return features
  }

  #forwarded(from: Id, message: Uint8Array): void {
    for (const session of this.sharedTopics.sessions) if (session.remote === from) session.repair.forwarded(message)
  }
}
