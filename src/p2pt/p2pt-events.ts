/** The events of a {@link P2PT}, and what they tell about trackers. */
import type { Sendable } from '../channel/messages/messenger.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { P2PTPeer } from './p2pt-peer.js'
import type { P2PTMessage } from './room-messenger.js'

/** A tracker in events, as in the package. */
export interface P2PTTracker {
  /** The URL as it was given, secrets included: do not log it. */
  announceUrl: string
  /** Its name in errors, logs and statistics: `serverName(announceUrl)`. */
  name: string
}

/** How many trackers the room has. */
export interface P2PTTrackerStats {
  /** Trackers that are connected. */
  connected: number
  /** All trackers of the room. */
  total: number
}

/** The events of a {@link P2PT}. */
export interface P2PTEvents<Received = P2PTMessage, Sent = Sendable> {
  /** A peer is connected and can get messages. Once per peer, whatever number of trackers it shares. */
  peerconnect: [P2PTPeer<Received, Sent>]
  /** A peer is disconnected. It may connect again. */
  peerclose: [P2PTPeer<Received, Sent>]
  /** A message that is not the answer to a waiting promise. `peer.respond()` answers this message. */
  msg: [P2PTPeer<Received, Sent>, Received]
  /** Raw data of a peer with the published package: frames of messages, and bytes. Of a swarmlink peer: messages that are bytes. */
  data: [P2PTPeer<Received, Sent>, string | Uint8Array]
  /** A tracker is connected, for the first time or again. */
  trackerconnect: [P2PTTracker, P2PTTrackerStats]
  /** An operation failed, and the room goes on; the third argument is the tracker that failed, if one did. Also: the room could not start. */
  trackerwarning: [SwarmlinkError, P2PTTrackerStats, P2PTTracker?]
}
