/** What a swarm is made of, and what it tells. */
import type { DataConnection } from '../channel/data-connection.js'
import type { MessageLimits } from '../channel/message-size.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { SwarmLimits } from './coordinator.js'
import type { StageStep } from './counters.js'
import type { Network } from './network.js'

export const SWARM_DEFAULTS = {
  maxPeers: 50,
  refreshInterval: 30_000,
  announceInterval: 5_000,
  maxAnnounceInterval: 120_000,
  backoffMultiplier: 1.1,
  numwant: 50,
  /** Trackers of this kind do not look at it, but the protocol has the field. */
  port: 6881,
}

export interface Progress {
  uploaded: number
  downloaded: number
  left: number
}

/** The message limits are those of this side; what is missing is as usual. */
export interface SwarmOptions extends Partial<MessageLimits> {
  topic: Id
  network: Network
  limits: SwarmLimits
  numwant: number
  port: number
  /** Whether peers that are not ours get a message channel too: plain JSON on the one channel that they have. @default false */
  plain?: boolean
  /** What else we are called under this topic, by somebody who announces for us too. */
  alias?: Id
  progress: () => Progress
  /** It keeps to itself: its connections serve no other topic, and nobody is introduced by a peer. @default false */
  secluded?: boolean
  /** Peers that are of no use are let go where few places are taken by them: see `Rotation`. @default false */
  rotates?: boolean
  /** Whether peers are welcome now. */
  paused?: () => boolean
}

export interface SwarmEvents {
  /** A peer is connected: its first channel is open. */
  peer: [TopicPeer]
  /** A message channel to a peer of ours, or with `plain` to any; its `connect` follows. */
  connection: [DataConnection, TopicPeer]
  lost: [TopicPeer, SwarmlinkError | undefined]
  failed: [{ id: Id; error: SwarmlinkError }]
  counts: [Signaling, { complete: number; incomplete: number }]
  /** Somebody came a step further, or no further. */
  stage: [StageStep]
  warning: [SwarmlinkError]
}
