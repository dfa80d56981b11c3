/** The options, events and statistics of {@link PubSubSignaling}. */
import type { Env } from '../../core/env.js'
import type { SwarmlinkError } from '../../core/errors.js'
import type { SignalingStatus } from '../signaling.js'
import type { MessageFault } from './codec.js'

/** Why a received message was dropped. */
export type PubSubDropReason =
  | MessageFault
  /** From a later version. */
  | 'unknown-kind'
  /** It arrived under the wrong namespace, or with our own id as its sender. */
  | 'misplaced'
  /** The listener threw. */
  | 'listener'

/** The statistics of a {@link PubSubSignaling}. */
export interface PubSubStatus extends SignalingStatus {
  /** Topics that are subscribed. */
  topics: number
  /** Members, of all topics together, that were heard lately. */
  members: number
  /** Sent messages: to all members of a topic, and to one member. */
  broadcasts: number
  messagesOut: number
  /** Messages that arrived. */
  messagesIn: number
  /** Dropped messages by reason. */
  dropped: Partial<Record<PubSubDropReason, number>>
}

/** The events of a {@link PubSubSignaling}. */
export interface PubSubSignalingEvents {
  /** The driver reported an error or threw; it is used further. */
  warning: [SwarmlinkError]
}

/** The options of a {@link PubSubSignaling}. */
export interface PubSubSignalingOptions {
  /** Unique among all signallings of a client. @default `driver:` and the driver's own name */
  name?: string
  /** Time, randomness and sockets; replaced by tests. */
  env?: Env
}
