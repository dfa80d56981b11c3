/**
 * The engine, identity, trackers, buses and {@link Runtime} of one client, shared by its managers and rooms: the first user opens it, the
 * last one closes it. Knows nothing of torrents and rooms.
 */
import { Emitter } from '../core/emitter.js'
import { untilAborted } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { findEngine } from '../engine/find-engine.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { newAnnounceId } from '../identity/announce-id.js'
import type { Credentials, CredentialStore, Identity } from '../identity/identity.js'
import { resolveCredentials } from '../identity/resolve-credentials.js'
import { openSignaling } from '../signaling/open-signaling.js'
import type { Driver } from '../signaling/drivers/driver.js'
import type { PubSubStatus } from '../signaling/pubsub/pubsub-signaling-types.js'
import type { ExchangeStatus } from '../signaling/exchange/exchange-signaling.js'
import type { SignalingSet } from '../signaling/signaling-set.js'
import type { Signaling, SignalingStatus } from '../signaling/signaling.js'
import type { TrackerStatus } from '../signaling/tracker/tracker.js'
import { TrackerSet } from '../signaling/tracker/tracker-set.js'
import { Runtime, RUNTIME_DEFAULTS, type RuntimeDeps, type Shares } from './runtime.js'

export interface SharedRuntimeOptions
  extends
    Pick<RuntimeDeps, 'env' | 'rtcConfig' | 'admit'>,
    Partial<Pick<RuntimeDeps, 'announceId' | 'exchange' | 'gatherTimeout' | 'maxConnections'>> {
  wrtc: WebRtcImplementation | undefined
  credentials: Credentials | CredentialStore | undefined
  /** Further signallings, for every topic. @default none */
  signaling?: ReadonlyArray<Driver | Signaling>
  /** Whether topics in common are looked for with a peer. @default with peers that proved their identity */
  shares?: Shares
}

/** After this time (ms) a warning says that the runtime still waits: a credential store may ask its user, or never answer. */
export const STORE_PATIENCE = 10_000

export interface SharedRuntimeEvents {
  /** A part failed, at the tracker with this URL if one is given; the rest goes on. */
  warning: [SwarmlinkError, string?]
}

/** The key under which a manager or room keeps its runtime, for others to share. */
export const RUNTIME = Symbol('swarmlink station')

/** An object whose connections, trackers and identity others may share: a `ConnectionManager`, a `P2PT`. */
export interface RuntimeHolder {
  readonly [RUNTIME]: SharedRuntime
}

/** Opaque to applications: what is marked as internal stays out of the declarations. */
export class SharedRuntime extends Emitter<SharedRuntimeEvents> {
  /** @internal */
  readonly trackers: TrackerSet
  readonly #options: SharedRuntimeOptions
  #users = 0
  #given: SignalingSet | undefined
  #opening: Promise<Runtime> | undefined
  /** Present once it is open. @internal */
  runtime: Runtime | undefined
  #closing: Promise<void> | undefined
  readonly #stop = new AbortController()
  readonly #online = () => {
    this.trackers.wake()
    this.#given?.wake()
    this.runtime?.moved()
  }
  /** Back from the back/forward cache: the browser closed the sockets, and tells so in tasks that run before this timer's. */
  readonly #pageshow = ({ persisted }: { persisted?: boolean }) =>
    void (persisted === true && this.#options.env.timer(0, this.#online))

  /** @internal */
  constructor(options: SharedRuntimeOptions) {
    super()
    this.#options = options
    this.trackers = new TrackerSet(options.env, (error, { url }) => this.emit('warning', error, url))
  }

  /** Adds a user. Returns the function by which it leaves; that resolves when everything that no other user needs is closed. @internal */
  enter(): () => Promise<void> {
    if (this.#closing !== undefined) throw closed()
    this.#users++
    let leaving: Promise<void> | undefined
    return () => (leaving ??= this.#leave())
  }

  /** Rejects when there is no WebRTC engine, or the credentials are bad; may be called again then. @internal */
  async open(): Promise<Runtime> {
    const opening = (this.#opening ??= this.#open())
    try {
      return await opening
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined
      throw error
    }
  }

  /** The signallings of the application, once it is open. @internal */
  get signaling(): Signaling[] {
    return this.#given?.list() ?? []
  }

  /** The status of every signalling: trackers, those of the application, and peer exchange once it is loaded. @internal */
  statuses(): { trackers: TrackerStatus[]; signaling: Array<SignalingStatus | PubSubStatus | ExchangeStatus> } {
    const exchange = this.runtime?.sharedTopics.exchange
    const exchanges = exchange === undefined ? [] : [exchange.status()]
    return { trackers: this.trackers.statuses(), signaling: [...(this.#given?.statuses() ?? []), ...exchanges] }
  }

  async #open(): Promise<Runtime> {
    const { env, wrtc, credentials, signaling = [], exchange = true, announceId, ...options } = this.#options
    const warn = (error: SwarmlinkError) => void this.emit('warning', error)
    const [engine, identity] = await untilAborted(
      Promise.all([findEngine(wrtc), this.#identity(credentials)]),
      this.#stop.signal,
      closed,
    )
    this.#given = await openSignaling(signaling, env, warn) // last, because what stands before may fail
    if (this.#closing !== undefined) throw closed()
    const { signal } = this.#stop
    globalThis.addEventListener?.('online', this.#online, { signal })
    globalThis.addEventListener?.('pagehide', () => this.runtime?.leave(), { signal })
    globalThis.addEventListener?.('pageshow', this.#pageshow, { signal })
    this.runtime = new Runtime({
      ...RUNTIME_DEFAULTS,
      shares: ({ verified }) => verified,
      ...options,
      env,
      engine,
      identity,
      announceId: announceId ?? newAnnounceId(identity, env),
      bound: announceId === undefined,
      exchange: exchange && identity.key !== undefined,
      warn,
    })
    return this.runtime
  }

  async #identity(credentials: SharedRuntimeOptions['credentials']): Promise<Identity> {
    const { env } = this.#options
    const late = env.timer(STORE_PATIENCE, () => {
      const message = 'the credential store has not answered for 10 s: see load() and save()'
      this.emit('warning', new SwarmlinkError('ERR_CREDENTIALS', message))
    })
    try {
      return await resolveCredentials(credentials, env)
    } finally {
      late.cancel()
    }
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0) return
    this.#stop.abort()
    this.#closing = this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await this.trackers.close()
    await this.#opening?.catch(() => {}) // the caller of open() heard of it
    this.#given?.close()
    this.runtime?.close()
  }
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'these connections were closed for good; make a new ConnectionManager or P2PT')
}
