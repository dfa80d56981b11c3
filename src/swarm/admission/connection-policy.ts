/** Decides which peers one swarm dials, accepts, evicts. {@link PeerSlots} is the default and fills `maxPeers`; a mesh brings its own. */
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import type { Role } from '../../peer/negotiation.js'
import type { PeerRegistry } from '../../peer/peer-registry.js'
import type { TopicPeer } from '../../peer/topic-peer.js'

export interface PolicyDeps {
  env: Env
  registry: PeerRegistry
  maxPeers: number
}

export type CreatePolicy = (deps: PolicyDeps) => ConnectionPolicy

export interface ConnectionPolicy {
  /** Connected peers introduce others: an evicted peer finds other peers. Set by the swarm. */
  exchanges: boolean

  /** How many more peers to look for. */
  readonly sought: number
  /** How many more peers there is room for. */
  readonly left: number
  readonly full: boolean
  /** Whether to dial this peer, which another peer or a bus named. */
  dials(remote: Id): boolean

  /** Whether to accept an offer. `alone`: the remote says that it has at most one peer. */
  acceptsOffer(remote: Id, alone: boolean): boolean
  /** Whether to accept the answer to an offer of this client. An attempt that is not open yet may give its slot to it: see {@link answered}. */
  acceptsAnswer(remote: Id, alone: boolean): boolean
  /** An answer was accepted and has its entry. */
  answered(): void
  /** A peer was refused here for want of a slot, or refused us for that reason. */
  refused(): void
  /** A tracker counted this many others. */
  counted(others: number): void

  /**
   * What an offer or an answer says to the policy of its receiver: base64url, at most 400 characters. `to` is known unless a tracker
   * chooses the receiver. @default nothing
   */
  note?(role: Role, to: Id | undefined): string | undefined
  /**
   * Asked last, when the remote is identified and the application accepts it: whether to connect. `role` is that of this client, `note` what
   * the other end's policy says. @default yes
   */
  agrees?(remote: Id, role: Role, note: string | undefined): boolean

  /** This remote is alone under this topic and connected to us for another one: it may join on that connection though the swarm is full. */
  invite(remote: Id): void
  /** Whether this remote, or any remote, is invited. */
  invites(remote?: Id): boolean

  /** Whether a peer may be evicted now for a remote that has none. */
  readonly mayEvict: boolean
  /** More peers are connected than there is room for. */
  readonly over: boolean
  /** The peer that is evicted for this one, which has just connected; undefined when none has to go. */
  evicts(newcomer: TopicPeer): TopicPeer | undefined
  /** The peers that could be evicted because they are of no use: see `PeerRotation`. */
  readonly exchangeable: TopicPeer[]
}
