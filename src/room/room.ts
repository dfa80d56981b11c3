/** What meeting others without a torrent takes: a place to stand, and a swarm for each topic. Knows nothing of messages. */
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { TrackerSet } from '../signaling/tracker/tracker-set.js'
import type { Station, StationEvents } from '../swarm/station.js'
import { Swarm } from '../swarm/swarm.js'
import { SWARM_DEFAULTS, type SwarmOptions } from '../swarm/swarm-options.js'

/** Offers gathered as soon as the room is open, so that the first announcement does not wait. */
const AHEAD = 5

export interface RoomOptions {
  /** Other rooms and torrents may stand there too. */
  station: Station
  /** Something did not work, at this tracker if one is named; the rest goes on. */
  warn: (...warning: StationEvents['warning']) => void
}

/** What is particular to one topic; whatever is missing is as usual. */
export type JoinOptions = Pick<SwarmOptions, 'topic'> &
  Partial<Pick<SwarmOptions, 'limits' | 'maxJsonSize' | 'maxMessageSize' | 'numwant' | 'plain' | 'port'>>

export class Room implements AsyncDisposable {
  readonly #options: RoomOptions
  readonly #leave: () => Promise<void>
  readonly #swarms = new Set<Swarm>()
  #closing: Promise<void> | undefined

  constructor(options: RoomOptions) {
    const { station, warn } = options
    this.#options = options
    this.#leave = station.enter()
    station.on('warning', warn)
  }

  get trackers(): TrackerSet {
    return this.#options.station.trackers
  }

  /** Our identity, once the room is open. */
  get peerId(): Id | undefined {
    return this.#options.station.network?.identity.peerId
  }

  /** The id of our session on the trackers, once the room is open. */
  get announceId(): Id | undefined {
    return this.#options.station.network?.announceId
  }

  /** Rejects when there is no WebRTC here, or the credentials are no good; it may be tried again then. */
  async open(): Promise<void> {
    await this.#options.station.open()
    if (this.#closing !== undefined) throw closed()
  }

  /**
   * Meets whoever is there under this topic, once the room is open; which trackers to announce it to is the caller's to say. Throws when
   * somebody who stands there does so already: trackers and peers would not know whom of the two they mean.
   */
  join({
    limits = SWARM_DEFAULTS,
    numwant = SWARM_DEFAULTS.numwant,
    port = SWARM_DEFAULTS.port,
    ...options
  }: JoinOptions): Swarm {
    const { station, warn } = this.#options
    const { network } = station
    if (network === undefined || this.#closing !== undefined) throw closed()
    if (network.topics.has(options.topic))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'there is a room of this name on these connections already; use that one')
    network.pool.prepare(Math.min(AHEAD, limits.maxPeers))
    const swarm = new Swarm({
      ...options,
      network,
      limits,
      numwant,
      port,
      progress: () => ({ uploaded: 0, downloaded: 0, left: 1 }), // everybody is interested in everybody
    })
    swarm.on('warning', warn)
    this.#swarms.add(swarm)
    for (const signaling of station.signaling) swarm.attach(signaling)
    return swarm
  }

  /** Resolves when the first offer is gathered; to false when that will not be. */
  async gathered(signal: AbortSignal): Promise<boolean> {
    const pool = this.#options.station.network?.pool
    const offers = (await pool?.take({ least: 1, most: 1 }, signal)) ?? []
    for (const offer of offers) pool?.giveBack(offer)
    return offers.length > 0
  }

  /** Says goodbye under this topic, and to every peer that was met under it. */
  async leave(swarm: Swarm): Promise<void> {
    await swarm.close()
    this.#swarms.delete(swarm)
  }

  /** Ends everything that is its own, and returns when nothing of it is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { station, warn } = this.#options
    await Promise.all([...this.#swarms].map(swarm => this.leave(swarm)))
    await this.#leave()
    station.off('warning', warn)
  }
}

function closed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this room is closed; make a new one')
}
