/** What meeting others without a torrent takes: an engine, an identity, trackers, a swarm for each topic. Knows nothing of messages. */
import type { Env } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { findEngine } from '../engine/find-engine.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import { resolveCredentials } from '../identity/resolve-credentials.js'
import type { Driver } from '../signaling/pubsub/driver.js'
import type { Signaling } from '../signaling/signaling.js'
import { openSignaling } from '../signaling/open-signaling.js'
import type { SignalingSet } from '../signaling/signaling-set.js'
import { TrackerSet } from '../signaling/tracker/tracker-set.js'
import { Network, NETWORK_DEFAULTS } from '../swarm/network.js'
import { Swarm } from '../swarm/swarm.js'
import { SWARM_DEFAULTS, type SwarmOptions } from '../swarm/swarm-options.js'

/** Offers gathered as soon as the room is open, so that the first announcement does not wait. */
const AHEAD = 5

export interface RoomOptions {
  env: Env
  /** Who we are on the trackers. */
  announceId: Id
  rtcConfig: RTCConfiguration
  wrtc: WebRtcImplementation | undefined
  credentials: Credentials | CredentialStore | undefined
  /** Further ways to meet, for every topic. @default none */
  signaling?: ReadonlyArray<Driver | Signaling>
  /** Something did not work; the rest goes on. */
  warn: (error: SwarmlinkError) => void
}

/** What is particular to one topic; whatever is missing is as usual. */
export type JoinOptions = Pick<SwarmOptions, 'topic'> &
  Partial<Pick<SwarmOptions, 'limits' | 'maxMessageSize' | 'numwant' | 'plain' | 'port' | 'nameOf'>>

export class Room implements AsyncDisposable {
  readonly trackers: TrackerSet
  readonly #options: RoomOptions
  #signaling: SignalingSet | undefined
  readonly #swarms = new Set<Swarm>()
  readonly #online = () => {
    this.trackers.wake()
    this.#signaling?.wake()
    this.#network?.moved()
  }
  readonly #pagehide = () => this.#network?.leave()
  #opening: Promise<Network> | undefined
  #network: Network | undefined
  #closing: Promise<void> | undefined

  constructor(options: RoomOptions) {
    this.#options = options
    this.trackers = new TrackerSet(options.env, options.warn)
  }

  /** Rejects when there is no WebRTC here, or the credentials are no good; it may be tried again then. */
  async open(): Promise<void> {
    this.#opening ??= this.#open()
    try {
      await this.#opening
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  /** Meets whoever is there under this topic, once the room is open; which trackers to announce it to is the caller's to say. */
  join({
    limits = SWARM_DEFAULTS,
    numwant = SWARM_DEFAULTS.numwant,
    port = SWARM_DEFAULTS.port,
    ...options
  }: JoinOptions): Swarm {
    const { announceId, warn } = this.#options
    if (this.#network === undefined || this.#closing !== undefined) throw closed()
    this.#network.pool.prepare(Math.min(AHEAD, limits.maxPeers))
    const swarm = new Swarm({
      ...options,
      announceId,
      network: this.#network,
      limits,
      numwant,
      port,
      isOwn: id => id === announceId,
      progress: () => ({ uploaded: 0, downloaded: 0, left: 1 }), // everybody is interested in everybody
      admit: () => true,
    })
    swarm.on('warning', warn)
    this.#swarms.add(swarm)
    for (const signaling of this.#signaling?.list() ?? []) swarm.attach(signaling)
    return swarm
  }

  /** Resolves when the first offer is gathered; to false when that will not be. */
  async gathered(signal: AbortSignal): Promise<boolean> {
    const offers = (await this.#network?.pool.take({ least: 1, most: 1 }, signal)) ?? []
    for (const offer of offers) this.#network?.pool.giveBack(offer)
    return offers.length > 0
  }

  /** Says goodbye under this topic, and to every peer that was met under it. */
  async leave(swarm: Swarm): Promise<void> {
    await swarm.close()
    this.#swarms.delete(swarm)
  }

  /** Ends everything, and returns when nothing is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #open(): Promise<Network> {
    const { env, wrtc, credentials, signaling = [], rtcConfig, warn } = this.#options
    const [engine, identity] = await Promise.all([findEngine(wrtc), resolveCredentials(credentials, env)])
    this.#signaling = await openSignaling(signaling, env, warn) // behind what may fail: nothing is left of it then
    if (this.#closing !== undefined) throw closed()
    globalThis.addEventListener?.('online', this.#online)
    globalThis.addEventListener?.('pagehide', this.#pagehide)
    this.#network = new Network({
      ...NETWORK_DEFAULTS,
      env,
      engine,
      identity,
      rtcConfig,
      exchange: identity.key !== undefined,
      warn,
    })
    return this.#network
  }

  async #close(): Promise<void> {
    globalThis.removeEventListener?.('online', this.#online)
    globalThis.removeEventListener?.('pagehide', this.#pagehide)
    await Promise.all([...this.#swarms].map(swarm => this.leave(swarm)))
    await this.trackers.close()
    await this.#opening?.catch(() => {}) // whoever called open() heard of it
    this.#signaling?.close()
    this.#network?.close()
  }
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this room is closed; make a new one')
}
