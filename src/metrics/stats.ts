/** The types of `getStats()`. */
import type { PubSubStatus } from '../signaling/pubsub/pubsub-signaling-types.js'
import type { ExchangeStatus } from '../signaling/exchange/exchange-signaling.js'
import type { SignalingStatus } from '../signaling/signaling.js'
import type { TrackerStatus } from '../signaling/tracker/tracker.js'
import type { StageCounts } from '../swarm/counters.js'

/** The statistics of one torrent. */
export interface TorrentStats {
  infoHash: string
  /** Peers that are connected. */
  peerCount: number
  /** Swarmlink peers with a message channel. */
  connections: number
  /** Where this torrent is announced: names of trackers, as `serverName(url)` returns them, and names of other signallings. */
  trackers: string[]
  /** The other signallings where this torrent is announced, by their names. */
  signaling: string[]
  /** Counts of peers per stage, with reasons. */
  stages: StageCounts
  /** The same per signalling: a tracker's name, a driver's name, `exchange`, or `connection` for peers that were connected already. */
  bySignaling: Record<string, StageCounts>
}

/** The statistics of a manager. */
export interface ManagerStats {
  /** `off`: there is no WebRTC, or the credentials cannot be used; a `warning` event has the reason. */
  state: 'starting' | 'running' | 'off' | 'destroyed'
  /** How many torrents have a swarm: the length of `torrents`. */
  activeTorrents: number
  /** The peer id of this client; absent until `ready`. */
  peerId: string | undefined
  /** The id of this session; absent until `ready`. */
  announceId: string | undefined
  /** The name of the WebRTC engine; absent until `ready`, and if there is none. */
  engine: string | undefined
  /** Connections of the whole client: open, connecting, and offered. */
  connections: { used: number; limit: number }
  /** Offers of the pool: gathered, sent again after no answer came, and ready to be sent. */
  offers: { made: number; reused: number; idle: number }
  /** Every tracker that is in use. */
  trackers: TrackerStatus[]
  /**
   * The signallings of the option `signaling`, and `exchange` if peer exchange is on. Drivers and `exchange` have more fields than a
   * signalling of the application.
   */
  signaling: Array<SignalingStatus | PubSubStatus | ExchangeStatus>
  /** Every torrent that has a swarm. */
  torrents: TorrentStats[]
}
