/** Swarms without a torrent: holds the shared runtime, and makes one swarm per topic. Knows nothing of messages. */
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { TrackerSet } from '../signaling/tracker/tracker-set.js'
import type { SharedRuntime, SharedRuntimeEvents } from '../swarm/shared-runtime.js'
import { Swarm } from '../swarm/swarm.js'
import { SWARM_DEFAULTS, type SwarmOptions } from '../swarm/swarm-options.js'

/** Offers gathered as soon as the room is open, so that the first announcement does not wait. */
const AHEAD = 5

export interface RoomOptions {
  /** May be shared with other rooms and torrents. */
  runtime: SharedRuntime
  /** An operation failed, at the named tracker if there is one; the room goes on. */
  warn: (...warning: SharedRuntimeEvents['warning']) => void
}

type Optional = 'exchange' | 'limits' | 'maxJsonSize' | 'maxMessageSize' | 'numwant' | 'plain' | 'policy' | 'port'

/** The options of one topic; a missing one has its default. */
export interface JoinOptions extends Pick<SwarmOptions, 'topic'>, Partial<Pick<SwarmOptions, Optional>> {
  /** Offers that are gathered at once. @default 5 */
  ahead?: number
}

export class Room {
  readonly #options: RoomOptions
  readonly #leave: () => Promise<void>
  readonly #swarms = new Set<Swarm>()
  #closing: Promise<void> | undefined

  constructor(options: RoomOptions) {
    const { runtime, warn } = options
    this.#options = options
    this.#leave = runtime.enter()
    runtime.on('warning', warn)
  }

  get trackers(): TrackerSet {
    return this.#options.runtime.trackers
  }

  /** Our peer id; undefined before the room is open. */
  get peerId(): Id | undefined {
    return this.#options.runtime.runtime?.identity.peerId
  }

  /** Our announce id; undefined before the room is open. */
  get announceId(): Id | undefined {
    return this.#options.runtime.runtime?.announceId
  }

  /** Rejects without a WebRTC engine and with bad credentials; may be called again then. */
  async open(): Promise<void> {
    await this.#options.runtime.open()
    if (this.#closing !== undefined) throw closed()
  }

  /**
   * Starts a swarm for this topic; the caller attaches the trackers. Throws before the room is open, and when the runtime has a swarm for
   * the topic already: trackers and peers could not tell the two apart.
   */
  join({
    limits = SWARM_DEFAULTS,
    numwant = SWARM_DEFAULTS.numwant,
    port = SWARM_DEFAULTS.port,
    ahead = AHEAD,
    ...options
  }: JoinOptions): Swarm {
    const { runtime: shared, warn } = this.#options
    const { runtime } = shared
    if (runtime === undefined || this.#closing !== undefined) throw closed()
    if (runtime.topics.has(options.topic))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'these connections have a room or a mesh of this name already: use that one',
      )
    runtime.pool.prepare(Math.min(ahead, limits.maxPeers))
    const swarm = new Swarm({
      ...options,
      runtime,
      limits,
      numwant,
      port,
      progress: () => ({ uploaded: 0, downloaded: 0, left: 1 }), // a leecher, which wants all other members
    })
    swarm.on('warning', warn)
    this.#swarms.add(swarm)
    for (const signaling of shared.signaling) swarm.attach(signaling)
    return swarm
  }

  /** Resolves to true when the first offer is gathered, to false when none can be. */
  async gathered(signal: AbortSignal): Promise<boolean> {
    const pool = this.#options.runtime.runtime?.pool
    const offers = (await pool?.take({ least: 1, most: 1 }, signal)) ?? []
    pool?.giveBack(...offers)
    return offers.length > 0
  }

  /** Announces `stopped` for this topic, and closes the connections to its peers. */
  async leave(swarm: Swarm): Promise<void> {
    await swarm.close()
    this.#swarms.delete(swarm)
  }

  /** Leaves every topic; resolves when all its connections are closed. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const { runtime, warn } = this.#options
    await Promise.all([...this.#swarms].map(swarm => this.leave(swarm)))
    await this.#leave()
    runtime.off('warning', warn)
  }
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this room is closed: make a new one')
}
