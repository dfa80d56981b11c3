/** The events of a {@link ConnectionManager}. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import type { Message, Sendable } from '../channel/messages/messenger.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { StageStep } from '../swarm/counters.js'
import type { PeerInfo } from './options.js'
import type { Torrent, Wire } from './webtorrent.js'

/** The events of a {@link ConnectionManager}. */
export interface ConnectionManagerEvents<Received = Message, Sent = Sendable> {
  /** The identity exists and the engine runs. */
  ready: [{ peerId: string; announceId: string }]
  /** A peer is connected. */
  peer: [PeerInfo, Torrent]
  /** WebTorrent completed the BitTorrent handshake with a peer that this manager found. */
  wire: [Wire, Torrent]
  /** A message channel to a swarmlink peer. */
  connection: [DataConnection<Received, Sent>, Torrent]
  /** A connected peer is gone; `reason` is an error code, or `closed`. */
  'peer-disconnected': [{ peerId: string; announceId: string; reason: string }, Torrent]
  /** The connection never opened, so only the announce id of the peer is known. */
  'peer-failed': [{ announceId: string; error: SwarmlinkError }, Torrent]
  /** Counts of a swarm, from a tracker or another signalling. `url` is its name as in `getStats()`: `serverName(url)` of a tracker. */
  update: [{ url: string; infoHash: string; complete: number; incomplete: number }]
  /** A peer entered a new stage, or was refused, failed or lost: the events that `getStats()` counts. */
  stage: [{ infoHash: string } & StageStep]
  /** An operation failed; the manager goes on. */
  warning: [SwarmlinkError]
}
