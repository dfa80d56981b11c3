/** What `getStats()` gives: everything that is known, as plain data. */
import type { PubSubStatus } from '../signaling/pubsub/pubsub-signaling.js'
import type { RelayStatus } from '../signaling/relay/relay.js'
import type { SignalingStatus } from '../signaling/signaling.js'
import type { TrackerStatus } from '../signaling/tracker/tracker.js'
import type { StageCounts } from '../swarm/counters.js'

export interface TorrentStats {
  infoHash: string
  /** Peers that are connected. */
  peerCount: number
  /** Those of them that run swarmlink and have a message channel. */
  connections: number
  /** Where this torrent is announced: trackers by the names of their URLs, as `serverName(url)` gives them, the others by their own names. */
  trackers: string[]
  signaling: string[]
  /** What became of everybody met, stage by stage, with reasons. */
  stages: StageCounts
  /** The same for each of them: by a tracker's name, a driver's name, `exchange`, or `connection` where it was there already. */
  bySignaling: Record<string, StageCounts>
}

export interface ManagerStats {
  /** `off`: there is no WebRTC, or the credentials are no good; a `warning` said which. */
  state: 'starting' | 'running' | 'off' | 'destroyed'
  activeTorrents: number
  /** Our identity; absent until `ready`. */
  peerId: string | undefined
  /** The id of this session; absent until `ready`. */
  announceId: string | undefined
  /** Which WebRTC is used; absent until `ready`, and where there is none. */
  engine: string | undefined
  /** Connections of the whole client: open, on their way, and offered. */
  connections: { used: number; limit: number }
  offers: { made: number; reused: number; idle: number }
  trackers: TrackerStatus[]
  /**
   * What the `signaling` option named, and `exchange` where peers introduce peers. Of a driver, and of `exchange`, more is known than of
   * a signalling of the application's own.
   */
  signaling: Array<SignalingStatus | PubSubStatus | RelayStatus>
  torrents: TorrentStats[]
}
