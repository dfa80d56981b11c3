/**
 * Where a client stands: its engine, who it is, the trackers and buses that it meets others by, and the network of all its swarms.
 * Opened by whoever needs it first, closed by whoever leaves it last. Knows nothing of torrents and rooms.
 */
import { Emitter } from '../core/emitter.js'
import { untilAborted, type Env } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { findEngine } from '../engine/find-engine.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { announceIdOf } from '../identity/announce-id.js'
import type { Credentials, CredentialStore, Identity } from '../identity/identity.js'
import { resolveCredentials } from '../identity/resolve-credentials.js'
import { openSignaling } from '../signaling/open-signaling.js'
import type { Driver } from '../signaling/pubsub/driver.js'
import type { PubSubStatus } from '../signaling/pubsub/pubsub-signaling.js'
import type { RelayStatus } from '../signaling/relay/relay.js'
import type { SignalingSet } from '../signaling/signaling-set.js'
import type { Signaling, SignalingStatus } from '../signaling/signaling.js'
import type { TrackerStatus } from '../signaling/tracker/tracker.js'
import { TrackerSet } from '../signaling/tracker/tracker-set.js'
import { type Admit, Network, NETWORK_DEFAULTS, type Shares } from './network.js'

export interface StationOptions {
  env: Env
  rtcConfig: RTCConfiguration
  wrtc: WebRtcImplementation | undefined
  credentials: Credentials | CredentialStore | undefined
  gatherTimeout?: number
  maxConnections?: number
  /** Who we are on the trackers, where the application says so. @default made for our key */
  announceId?: Id
  /** Further ways to meet, for every topic. @default none */
  signaling?: ReadonlyArray<Driver | Signaling>
  /** Let peers introduce peers, if we can prove who we are. @default true */
  exchange?: boolean
  /** The application's word on a peer. @default everybody is welcome */
  admit?: Admit
  /** With whom topics in common are looked for. @default with peers that prove who they are */
  shares?: Shares
}

/**
 * A credential store belongs to the application: one that asks its user for a password may take its time, one that never answers must
 * not go unnoticed. After this time, in milliseconds, the station says that it still waits.
 */
export const STORE_PATIENCE = 10_000

export interface StationEvents {
  /** Something did not work, at this tracker if one is given, by its URL; the rest goes on. */
  warning: [SwarmlinkError, string?]
}

/** Where a part of the application keeps its station, for others to stand on. */
export const STATION = Symbol('swarmlink station')

/** Whose connections, trackers and identity other parts of the application may use: a `ConnectionManager`, a `P2PT`. */
export interface Shareable {
  readonly [STATION]: Station
}

export class Station extends Emitter<StationEvents> {
  readonly trackers: TrackerSet
  readonly #options: StationOptions
  #users = 0
  #given: SignalingSet | undefined
  #opening: Promise<Network> | undefined
  #network: Network | undefined
  #closing: Promise<void> | undefined
  readonly #stop = new AbortController()
  readonly #online = () => {
    this.trackers.wake()
    this.#given?.wake()
    this.#network?.moved()
  }
  readonly #pagehide = () => this.#network?.leave()
  /** Back from the cache: the browser closed the sockets meanwhile, and says so in tasks that wait before this timer's. */
  readonly #pageshow = ({ persisted }: { persisted?: boolean }) =>
    void (persisted === true && this.#options.env.timer(0, this.#online))

  constructor(options: StationOptions) {
    super()
    this.#options = options
    this.trackers = new TrackerSet(options.env, (error, { url }) => this.emit('warning', error, url))
  }

  /** One more part of the application stands here, until it calls what it gets; that resolves when whatever was only its own is gone. */
  enter(): () => Promise<void> {
    if (this.#closing !== undefined) throw closed()
    this.#users++
    let leaving: Promise<void> | undefined
    return () => (leaving ??= this.#leave())
  }

  /** Rejects when there is no WebRTC here, or the credentials are no good; it may be tried again then. */
  async open(): Promise<Network> {
    const opening = (this.#opening ??= this.#open())
    try {
      return await opening
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined
      throw error
    }
  }

  /** Once it is open. */
  get network(): Network | undefined {
    return this.#network
  }

  /** What the application handed in, once it is open. */
  get signaling(): Signaling[] {
    return this.#given?.list() ?? []
  }

  /** How the ways to meet are: trackers, what the application handed in, and last the exchange as soon as it is loaded. */
  statuses(): { trackers: TrackerStatus[]; signaling: Array<SignalingStatus | PubSubStatus | RelayStatus> } {
    const relay = this.#network?.sharing.relay
    const exchange = relay === undefined ? [] : [relay.status()]
    return { trackers: this.trackers.statuses(), signaling: [...(this.#given?.statuses() ?? []), ...exchange] }
  }

  async #open(): Promise<Network> {
    const { env, wrtc, credentials, signaling = [], exchange = true, announceId, ...options } = this.#options
    const warn = (error: SwarmlinkError) => void this.emit('warning', error)
    const [engine, identity] = await untilAborted(
      Promise.all([findEngine(wrtc), this.#identity(credentials)]),
      this.#stop.signal,
      closed,
    )
    this.#given = await openSignaling(signaling, env, warn) // behind what may fail: nothing is left of it then
    if (this.#closing !== undefined) throw closed()
    globalThis.addEventListener?.('online', this.#online)
    globalThis.addEventListener?.('pagehide', this.#pagehide)
    globalThis.addEventListener?.('pageshow', this.#pageshow)
    this.#network = new Network({
      ...NETWORK_DEFAULTS,
      shares: ({ verified }) => verified,
      ...options,
      env,
      engine,
      identity,
      announceId: announceId ?? announceIdOf(identity, env),
      bound: announceId === undefined,
      exchange: exchange && identity.key !== undefined,
      warn,
    })
    return this.#network
  }

  async #identity(credentials: StationOptions['credentials']): Promise<Identity> {
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
    globalThis.removeEventListener?.('online', this.#online)
    globalThis.removeEventListener?.('pagehide', this.#pagehide)
    globalThis.removeEventListener?.('pageshow', this.#pageshow)
    await this.trackers.close()
    await this.#opening?.catch(() => {}) // whoever called open() heard of it
    this.#given?.close()
    this.#network?.close()
  }
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'these connections were closed for good; make a new ConnectionManager or P2PT')
}
