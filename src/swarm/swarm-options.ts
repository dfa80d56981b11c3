/** The options and events of a swarm. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import type { MessageLimits } from '../channel/messages/message-size.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { CreatePolicy } from './admission/connection-policy.js'
import type { Pace } from './announce/announce-clock.js'
import type { StageStep } from './counters.js'
import type { Runtime } from './runtime.js'

export const SWARM_DEFAULTS = {
  maxPeers: 50,
  refreshInterval: 30_000,
  announceInterval: 5_000,
  maxAnnounceInterval: 120_000,
  backoffMultiplier: 1.1,
  numwant: 50,
  /** WebSocket trackers ignore it, but the protocol has the field. */
  port: 6881,
}

export interface SwarmLimits extends Pace {
  maxPeers: number
}

export interface TransferProgress {
  uploaded: number
  downloaded: number
  left: number
}

/** The message limits are those of this side; missing ones have their defaults. */
export interface SwarmOptions extends Partial<MessageLimits> {
  topic: Id
  runtime: Runtime
  limits: SwarmLimits
  numwant: number
  port: number
  /** Gives stock peers a message channel too: plain JSON on their one channel. @default false */
  plain?: boolean
  /** Another id under which this client is announced for this topic, for instance by WebTorrent's own trackers. */
  alias?: Id
  progress: () => TransferProgress
  /** Private: its connections serve no other topic, and peer exchange is off. @default false */
  isolated?: boolean
  /** Connected peers introduce others. @default true, where peer exchange is on */
  exchange?: boolean
  /** Evicts useless peers in a swarm with few slots: see `PeerRotation`. @default false */
  rotates?: boolean
  /** Whether the topic is paused now. @default never */
  paused?: () => boolean
  /** Decides which peers the swarm is connected to. @default it fills `maxPeers` */
  policy?: CreatePolicy
}

export interface SwarmEvents {
  /** A peer is connected: its first channel is open. */
  peer: [TopicPeer]
  /** A message channel to a swarmlink peer, or with `plain` to any peer; its `connect` follows. */
  connection: [DataConnection, TopicPeer]
  lost: [TopicPeer, SwarmlinkError | undefined]
  failed: [{ id: Id; error: SwarmlinkError }]
  counts: [Signaling, { complete: number; incomplete: number }]
  /** A peer entered a new stage, or was refused, failed or lost. */
  stage: [StageStep]
  warning: [SwarmlinkError]
}
