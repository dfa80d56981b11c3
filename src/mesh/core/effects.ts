/**
 * What the mesh core asks of the code around it, and its options. The core calls these methods in the middle of its work: none of them may
 * call the core back before it has returned.
 */
import type { Id } from '../../core/id.js'
import type { EdgePurpose, EdgeRequest, LossReason, MeshMessage, OpenFeed, Post } from './wire/messages.js'

export interface MeshEffects {
  /** Sends a message to a neighbour, in order. */
  send(to: Id, message: MeshMessage): void
  /**
   * Connects to a node that agreed. `via` are the relays, the neighbour first. The answer is `MeshCore.opened` or
   * `MeshCore.dialFailed`.
   */
  dial(id: Id, via: readonly Id[], purpose: EdgePurpose): void
  /** Closes the connection, once what was sent before has left. */
  close(id: Id, reason: LossReason): void
  /** Shows a request to members that trackers and drivers know; those that `MeshCore.admits` accepts connect. `MeshCore.request` has it later. */
  rendezvous(request: EdgeRequest): void
  /** A post for the application. */
  deliver(post: DeliveredPost): void
  /** The receipt of an own post rose to this number of members. */
  reached(topic: string, sequence: number, members: number): void
  /** The verdict on a post; `undefined` when it follows as `MeshCore.verified`, which takes the same object. */
  verify(feed: Omit<OpenFeed, 'type' | 'alias'>, post: Post): boolean | undefined
  /** The verdict on a beacon: it is small, and few arrive. */
  verifyBeacon(root: Id, number: number, key: Uint8Array, signature: Uint8Array): boolean
  signBeacon(number: number): Uint8Array
  /** The hash of a chunk of a large payload, of which chunk-table.ts keeps the first 16 bytes. */
  hash(data: Uint8Array): Uint8Array
}

export interface DeliveredPost {
  from: Id
  /** The public key of `from`. */
  key: Uint8Array
  topic: string
  sequence: number
  payload: Uint8Array
  /** Edges between the sender and this node. */
  hops: number
}

/** Mechanisms that a simulation switches off, one at a time, to show what each is worth. */
export interface MeshMechanisms {
  /** Feeds of active senders have a tree of their own. Off: all use the tree of the island. */
  ownTrees: boolean
  /** A node whose tree is damaged sends to all neighbours. */
  urgent: boolean
  /** Pings find silent neighbours. Off: only the transport does. */
  pings: boolean
  /** Digests and vectors find what was missed. */
  repair: boolean
  /** A full node gives one of its edges to a newcomer that needs two. Off: it refuses or evicts. */
  splice: boolean
  /** Edges far along the ring. */
  longEdges: boolean
  /** Announcements wait, so that one message holds several and crossing ones are saved. */
  batching: boolean
  /** Chunks of a large payload are forwarded before it is complete. */
  earlyChunks: boolean
  /** Beacons count the island and separate islands link. */
  beacons: boolean
}

export interface MeshCoreOptions {
  id: Id
  key: Uint8Array
  /** Rises with each start of this node. */
  epoch: number
  maxPeers: number
  /** A number in [0, 1). */
  random: () => number
  /** A post that has made more hops is not forwarded. */
  maxHops: number
  /** Posts that are kept for neighbours that missed them. */
  keepPosts: number
  keepBytes: number
  mechanisms: MeshMechanisms
}

export const ALL_MECHANISMS: MeshMechanisms = {
  ownTrees: true,
  urgent: true,
  pings: true,
  repair: true,
  splice: true,
  longEdges: true,
  batching: true,
  earlyChunks: true,
  beacons: true,
}
