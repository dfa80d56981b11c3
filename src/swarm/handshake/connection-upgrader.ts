/** Turns a connection into a peer of one topic, with a session if it is a swarmlink peer, and keeps its registry entry up to date. */
import type { Timer } from '../../core/env.js'
import type { Sdp } from '../../core/sdp.js'
import type { Slot } from '../../peer/connection-budget.js'
import type { ConnectionEntry } from '../../peer/connection-entry.js'
import type { Role } from '../../peer/negotiation.js'
import { OVERDUE } from '../../peer/peer-registry.js'
import type { RemotePeer } from '../../peer/remote-peer.js'
import { TopicPeer } from '../../peer/topic-peer.js'
import type { Signaling } from '../../signaling/signaling.js'
import { mayExchange } from '../admission/authentication.js'
import type { PeerMonitor } from '../peer-monitor.js'
import { PeerSession } from '../session/peer-session.js'
import type { SwarmContext } from '../swarm-context.js'

/** A refusal may be forged. An answered peer that really accepted connects within this time; the attempt is closed afterwards. */
const REFUSED_GRACE = 2_000
/** A lost path is repaired within a second or two in most cases; the peer is looked for by other ways only after this time. */
const UNREACHABLE_GRACE = 3_000

/** How the connection came about. */
export interface Origin {
  signaling: Signaling
  /** The remote's description. */
  sdp: Sdp
  /** Released when the connection is closed. */
  slot: Slot
}

export interface Upgraded {
  peer: TopicPeer
  /** Present for a swarmlink peer. */
  session: PeerSession | undefined
}

export class ConnectionUpgrader {
  readonly #context: SwarmContext
  readonly #monitor: PeerMonitor
  /** Attempts that a refusal gave a deadline: further refusals change nothing. */
  readonly #doubted = new WeakSet<TopicPeer>()

  constructor(context: SwarmContext, monitor: PeerMonitor) {
    this.#context = context
    this.#monitor = monitor
  }

  upgrade(connection: RemotePeer, entry: ConnectionEntry, { signaling, sdp, slot }: Origin): Upgraded {
    const session = connection.remote.isSwarmlink ? this.#session(connection, entry.role, sdp, signaling.source) : undefined
    connection.on('close', slot.release)
    const peer = session?.begin(this.#context.topic, signaling) ?? stockPeer(connection, signaling)
    this.#adopt(peer, entry)
    return { peer, session }
  }

  /** A peer that is connected for another topic joins this one. */
  meet(peer: TopicPeer, role: Role): void {
    const { registry, runtime } = this.#context
    const { remote } = peer
    this.#adopt(peer, registry.claim(remote.announceId, role, true, { proven: runtime.isProven(remote) }))
  }

  /** Both descriptions are here. An attempt that does not open within {@link OVERDUE} blocks no other one. */
  await(peer: TopicPeer, entry: ConnectionEntry): void {
    const { runtime, registry, policy, freed } = this.#context
    if (peer.state !== 'connecting') return
    const timer = runtime.env.timer(OVERDUE, () => {
      const { full } = policy
      registry.lapse(entry)
      if (full || registry.open === 0) freed() // there is room again, or still no peer
    })
    peer.on('connect', () => timer.cancel())
    peer.on('close', () => timer.cancel())
  }

  /** A refusal arrived for this attempt: it frees its slot, and is closed unless it connects within {@link REFUSED_GRACE}. */
  doubt(peer: TopicPeer): void {
    const { runtime, registry, topic } = this.#context
    const entry = registry.entries().find(other => other.peer === peer)
    if (entry === undefined || peer.state !== 'connecting' || this.#doubted.has(peer)) return
    this.#doubted.add(peer)
    registry.lapse(entry)
    runtime.sharedTopics.changed(topic)
    const timer = runtime.env.timer(REFUSED_GRACE, () => peer.destroy())
    peer.on('connect', () => timer.cancel())
    peer.on('close', () => timer.cancel())
  }

  /** The connection may serve other topics too, unless one of the two sides says that this topic is private. */
  #session(peer: RemotePeer, role: Role, sdp: Sdp, source: Signaling['source']): PeerSession {
    const { runtime, registry } = this.#context
    return new PeerSession({
      env: runtime.env,
      peer,
      role,
      sharedTopics: registry.shares && sdp.isolated !== true ? runtime.sharedTopics : undefined,
      shares: runtime.shares(peer.remote, source),
      exchanges: mayExchange(runtime, peer.remote),
      isolated: () => runtime.index.isolate(peer),
    })
  }

  /** Puts the peer under its entry. */
  #adopt(peer: TopicPeer, entry: ConnectionEntry): void {
    const { runtime, registry, policy } = this.#context
    entry.peer = peer
    peer.on('connect', () => {
      const tookNoSlot = entry.lapsed || (!entry.admitted && !entry.slow)
      // An open connection proves that a remote which says that it is alone exists, unlike a flood of offers that say so.
      const evicts = entry.alone && policy.mayEvict
      for (const loser of registry.opened(entry, runtime.env.now())) loser.drop()
      if (tookNoSlot && policy.over && !evicts) peer.destroy()
    })
    peer.on('close', () => entry.release())
    this.#watchPath(peer, entry)
    this.#monitor.follow(peer, entry.role)
  }

  /** While a path stays lost the peer is looked for by every other way; its connection may still be repaired. */
  #watchPath(peer: TopicPeer, entry: ConnectionEntry): void {
    const { runtime, registry, freed } = this.#context
    const { connection } = peer
    let grace: Timer | undefined
    const unwell = () => {
      grace = runtime.env.timer(UNREACHABLE_GRACE, () => {
        registry.lapse(entry)
        freed()
      })
    }
    const well = () => {
      grace?.cancel()
      registry.recover(entry)
    }
    connection.on('unwell', unwell)
    connection.on('well', well)
    peer.on('close', () => {
      grace?.cancel()
      connection.off('unwell', unwell)
      connection.off('well', well)
    })
  }
}

/** A stock peer has the one channel that the offer opened; others are closed. */
function stockPeer(connection: RemotePeer, signaling: Signaling): TopicPeer {
  const peer = new TopicPeer(connection, signaling, error => connection.destroy(error))
  connection.on('connect', () => {
    if (connection.first !== undefined) peer.begin(connection.first)
  })
  connection.on('channel', channel => channel.close())
  return peer
}
