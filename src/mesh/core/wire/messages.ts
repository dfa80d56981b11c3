/**
 * The messages between two neighbours of a mesh, as objects. Knows nothing of bytes (`wire-format.ts`) nor of what a node does with them.
 *
 * A feed is what one sender broadcasts on one topic, numbered from 0. `open-feed` gives it a short number, the alias, which is valid on
 * one connection in one direction: channels are ordered, so an alias arrives before its first use. An answer to a message uses the alias
 * of the message, the field is `yourAlias` then.
 */
import type { Id } from '../../../core/id.js'

/** Edges to the root of an island are counted up to this number: in hellos and pings they have seven bits. */
export const MAX_DEPTH = 127

/** Why an edge exists. `ring`: next id on the ring. `long`: far along the ring, for routes. `random`: keeps the mesh in one piece. */
export type EdgeRole = 'ring' | 'long' | 'random'

/** Why a node wants an edge. `island`: the other end may belong to another piece of the mesh. `step`: it is on the way to a ring neighbour. */
export type EdgePurpose = EdgeRole | 'island' | 'step'

/**
 * Why an edge ended. One of its ends says the first three. `cut`: the connection broke while the neighbour still answered. `silent`: the neighbour
 * had not answered a ping before. Only `cut` and `silent` start a repair.
 */
export type LossReason = 'left' | 'evicted' | 'misbehaved' | 'cut' | 'silent'

/** The piece of the mesh that a node belongs to: the lowest id in it, and the number of the last beacon of that node. */
export interface Island {
  root: Id
  beacon: number
}

/** A node asks for an edge. */
export interface EdgeRequest {
  origin: Id
  purpose: EdgePurpose
  /** Edges that the origin has, and how many more it wants. */
  edges: number
  room: number
  island: Island
}

/** The first message on every edge. */
export interface Hello {
  type: 'hello'
  island: Island
  /** Edges to the root of the island, at most {@link MAX_DEPTH}. */
  depth: number
  /** The node has compared with the mesh: see catching-up.ts. */
  caughtUp: boolean
  maxPeers: number
  role: EdgeRole
  /** Digest of everything that the node has: see feed-table.ts. */
  digest: number
  neighbours: readonly Id[]
}

export interface NeighbourChange {
  type: 'neighbours'
  came: readonly Id[]
  went: readonly Id[]
}

/** Answered by `pong` at once. Both say what the node has, so that a neighbour that lacks a part of it can ask. */
export interface Ping {
  type: 'ping' | 'pong'
  digest: number
  /** The last beacon of the island, by its low 16 bits. */
  beacon: number
  /** Edges to the root of the island, at most {@link MAX_DEPTH}. */
  depth: number
  /** The node has compared with the mesh: see catching-up.ts. */
  caughtUp: boolean
}

/** The last message on an edge. */
export interface Bye {
  type: 'bye'
  reason: 'left' | 'evicted' | 'misbehaved'
}

/** Looks for the node nearest to a position, except the origin. Each node passes it to a nearer one; it carries names, no handshake. */
export interface Seek {
  type: 'seek'
  origin: Id
  position: number
  purpose: EdgeRole
  /** The nodes that it has passed, at most {@link MAX_TRAIL}. */
  trail: readonly Id[]
}

/** The answer to a seek, on the same way back: the last of the trail is the node that was found. */
export interface Found {
  type: 'found'
  origin: Id
  purpose: EdgeRole
  trail: readonly Id[]
}

/** Greedy routes in a mesh of 10 000 nodes take 5 to 8 edges. */
export const MAX_TRAIL = 12

/**
 * An {@link EdgeRequest} on its way. With a `target` relays forward it along `route`; without one it takes `steps` random steps.
 * `trail` are the relays that it has passed, at most {@link MAX_RELAYS}.
 */
export interface Knock extends EdgeRequest {
  type: 'knock'
  target: Id | undefined
  /** Relays still to pass before the target. */
  route: readonly Id[]
  steps: number
  trail: readonly Id[]
}

/** A handshake over k relays fails by 1 − 0.99^(k² + 3k + 2) when 1 % of the hops fail: 6 % with one relay, 11 % with two. */
export const MAX_RELAYS = 2

/** The answer to a knock, which takes the same way back. */
export interface KnockAnswer {
  type: 'knock-answer'
  origin: Id
  /** The node that answers. */
  target: Id
  trail: readonly Id[]
  accepted: boolean
  purpose: EdgePurpose
  /** When accepted: the neighbour of `target` that gives its edge to `target` up for one to `origin`. */
  splice: Id | undefined
}

/** Tells a neighbour that `newcomer` connects to it and takes the place of the sender. */
export interface Splice {
  type: 'splice'
  newcomer: Id
}

export interface OpenFeed {
  type: 'open-feed'
  alias: number
  sender: Id
  /** The public key of which `sender` is the hash. */
  key: Uint8Array
  /** Rises with each start of the sender. */
  epoch: number
  topic: string
}

/** How many parents a node keeps for a feed: 1, 2, or all neighbours. */
export type Redundancy = 'tree' | 'two-parents' | 'flood'

/** What a sender signed: the same on every edge. */
export interface Post {
  sequence: number
  /** Over topic, sender, epoch, sequence and payload. */
  signature: Uint8Array
  /** The payload; of a large one the table of its chunks: see chunk-table.ts. */
  payload: Uint8Array
  large: boolean
  redundancy: Redundancy
  confirm: boolean
  /** The feed has a tree of its own. */
  ownTree: boolean
}

export interface Gossip {
  type: 'gossip'
  alias: number
  hops: number
  /**
   * `push`: by a tree. `urgent`: the tree is damaged, and every neighbour gets the post. `repair`: the answer to a `want`, which the receiver
   * announces only. `news`: a post of another island, by the tree of this one.
   */
  way: 'push' | 'urgent' | 'repair' | 'news'
  post: Post
}

export interface Chunk {
  type: 'chunk'
  alias: number
  sequence: number
  index: number
  data: Uint8Array
}

/** The sender of the message has these posts: triples of alias, first sequence, count. */
export interface Announce {
  type: 'announce'
  ranges: readonly number[]
}

/** Asks for one post, and for those that follow. */
export interface Graft {
  type: 'graft'
  yourAlias: number
  sequence: number
}

/** Asks for posts and nothing more. With `chunk` > 0 for the chunks of one post from that one on. */
export interface Want {
  type: 'want'
  yourAlias: number
  first: number
  count: number
  chunk: number
}

/** The neighbour sends posts of this feed that came by another edge: announce them instead. */
export interface Prune {
  type: 'prune'
  yourAlias: number
}

/** `branch`: the edge is part of the island's tree. `cut-branch`: it no longer is. */
export interface Branch {
  type: 'branch' | 'cut-branch'
}

/** What a node has, as triples of alias, oldest stored sequence, next sequence. `reply` is set in the answer to another one. */
export interface Vector {
  type: 'vector'
  reply: boolean
  entries: readonly number[]
}

/** Goes from the root of the island through its tree every 10 s. */
export interface Beacon {
  type: 'beacon'
  root: Id
  number: number
  /** Nodes of the island, as counted by the beacon before. */
  size: number
  key: Uint8Array
  signature: Uint8Array
  depth: number
}

/** How many nodes got this beacon through the sender of the message. */
export interface BeaconCount {
  type: 'beacon-count'
  number: number
  count: number
}

/** That many more nodes got the post through the sender of the message. */
export interface Receipt {
  type: 'receipt'
  yourAlias: number
  sequence: number
  count: number
}

/** The node has taken all posts of the feed below `next`, and all nodes behind it those below `behind`. */
export interface Taken {
  type: 'taken'
  yourAlias: number
  next: number
  behind: number
}

export type MeshMessage =
  | Hello
  | NeighbourChange
  | Ping
  | Bye
  | Seek
  | Found
  | Knock
  | KnockAnswer
  | Splice
  | OpenFeed
  | Gossip
  | Chunk
  | Announce
  | Graft
  | Want
  | Prune
  | Branch
  | Vector
  | Beacon
  | BeaconCount
  | Receipt
  | Taken
