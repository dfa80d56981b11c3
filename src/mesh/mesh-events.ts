/** What the application hears of a mesh, and what it may ask for. */
import type { Message } from '../channel/messages/messenger.js'
import { SwarmlinkError } from '../core/errors.js'
import type { StageCounts } from '../swarm/counters.js'
import type { MeshCounts } from './core/mesh-context.js'
import type { EdgeRole, LossReason } from './core/wire/messages.js'
import type { Misconduct } from './core/score.js'

/** A message of another member. */
export interface ReceivedMessage<Received = Message> {
  /** The peer id of its sender. A broadcast was signed by it; a direct message came over its connection. */
  from: string
  data: Received
  /** The topic of a broadcast; undefined for a direct message. */
  topic?: string
  /** The number of a broadcast among those of its sender on its topic since the sender joined: 0, 1, 2 … */
  sequence?: number
  /** Connections that the broadcast passed: 1 from a neighbour, 0 for an earlier one of `history`. */
  hops?: number
}

/** The events of a mesh. */
export interface MeshEvents<Received = Message> {
  /** A member is connected, with this peer id. */
  'peer:connect': [string]
  /**
   * A connected member is gone, or was exchanged for another; and why: it `left`, was `evicted`, `misbehaved`, was `silent` (it stopped answering, as a
   * process that was killed), or its connection was `cut`.
   */
  'peer:disconnect': [string, LossReason]
  /** A connection to a member did not open in time. Its peer id is not known yet: this is the id of its session. */
  'peer:timeout': [string]
  /** The mesh has so many members now, with this one: see `size`. */
  size: [number]
  /** A broadcast of any topic, or a direct message. */
  message: [ReceivedMessage<Received>]
  /** Something did not work; the mesh goes on. */
  warning: [SwarmlinkError]
}

/** The options of one broadcast. */
export interface BroadcastOptions {
  /** Waits until all members have it, or do not answer: see {@link BroadcastReceipt}. @default false */
  confirm?: boolean
  /** From how many neighbours each member gets it: 1, 2, or all. More cost as much more, and no loss delays the message. @default 1 */
  redundancy?: 1 | 2 | 'flood'
}

/** What became of a broadcast. */
export interface BroadcastReceipt {
  /** Its number among the broadcasts of this member on this topic. */
  sequence: number
  /** Members that confirmed it; 0 without `confirm`. */
  reached: number
  /** The other members of the mesh, as far as they are counted. */
  of: number
}

/** The options of one subscription. */
export interface SubscribeOptions {
  /** Whether the broadcasts of each sender arrive in its order. The order is that of the topic, for all of its subscribers. @default true */
  ordered?: boolean
  /**
   * Of each sender so many earlier broadcasts are given to the handler first: those that this member has, or when it joins those that its
   * neighbours keep. @default 0
   */
  history?: number
}

/** One connected member. */
export interface NeighbourStats {
  peerId: string
  /** Why the connection exists: neighbours by id, far along the ring of ids, or chosen at random. */
  role: EdgeRole
  /** `suspect`: it did not answer lately. */
  state: 'opening' | 'open' | 'suspect'
  /** In milliseconds. */
  roundTripTime: number
  /** It reads more slowly than this member sends: it gets announcements, and asks for what it lacks. */
  lagging: boolean
  /** From 0, which is best, to -10, at which the connection is closed; and what lowered it last. */
  score: number
  scoreCause: Misconduct | undefined
}

/** The state of a mesh. */
export interface MeshStats {
  peerId: string
  /** Members, as last counted; this one is counted too. */
  size: number
  /** The piece of the mesh that this member is in, by the id of the member that counts it: equal on all of its members. */
  island: string
  /** Connections between this member and that one. */
  depth: number
  neighbours: NeighbourStats[]
  /** Messages of the mesh that this member sent to its neighbours since it joined, and their bytes; without direct messages. */
  sent: { messages: number; bytes: number }
  /** Senders and topics that were heard of. */
  feeds: number
  /** Totals since this member joined. */
  counts: Readonly<MeshCounts>
  /** How many members reached each stage of a connection, by tracker and driver; `mesh` are those that were met over neighbours. */
  stages: Record<string, StageCounts>
}

/** The error of a call after `leave()`. */
export function left(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this mesh was left: make a new one with createMesh()')
}
