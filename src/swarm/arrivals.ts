/** From a connection to a peer of one topic: what else the connection serves, the peer's place, and what becomes of that while its path is lost. */
import type { Timer } from '../core/env.js'
import type { Id } from '../core/id.js'
import type { Sdp } from '../core/sdp.js'
import type { Role } from '../peer/negotiation.js'
import { type Claim, OVERDUE } from '../peer/registry.js'
import type { RemotePeer } from '../peer/remote-peer.js'
import { TopicPeer } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { Coordinator } from './coordinator.js'
import { isProven, mayExchange } from './identification.js'
import type { Link } from './link.js'
import type { Network, Together } from './network.js'

/** A refusal may be forged. An answered peer that really accepted connects within this time; the attempt is closed afterwards. */
const REFUSED_GRACE = 2_000
/** A connection that is repaired at once is not replaced: most are within a second or two. */
const UNWELL_GRACE = 3_000

export interface ArrivalsOptions {
  topic: Id
  network: Network
  coordinator: Coordinator<unknown>
  /** A peer is on its way. */
  connecting: (peer: TopicPeer, role: Role) => void
  /** Somebody was turned away for a connection that came to nothing. */
  missed: () => void
}

export class Arrivals {
  readonly #options: ArrivalsOptions
  /** Attempts that a refusal gave a deadline: further refusals change nothing. */
  readonly #doubted = new WeakSet<TopicPeer>()

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /** A connection between two swarmlink peers may serve other topics too, unless one of the two says that this topic is private. */
  link(
    together: Together | undefined,
    peer: RemotePeer,
    role: Role,
    { sdp: { secluded }, source }: { sdp: Sdp; source: Signaling['source'] },
  ): Link | undefined {
    const { network, coordinator } = this.#options
    if (together === undefined) return undefined
    return new together.Link({
      env: network.env,
      peer,
      role,
      sharing: coordinator.registry.shares && secluded !== true ? network.sharing : undefined,
      shares: network.shares(peer.remote, source),
      exchanges: mayExchange(network, peer.remote),
      secluded: () => network.links.seclude(peer),
    })
  }

  /** The peer that this topic brought us; what is released belongs to the connection. */
  begin(connection: RemotePeer, link: Link | undefined, introducer: Signaling, releases: Array<() => void>): TopicPeer {
    connection.on('close', () => {
      for (const release of releases) release()
    })
    if (link !== undefined) return link.begin(this.#options.topic, introducer)
    const peer = new TopicPeer(connection, introducer, { done: error => connection.destroy(error) })
    connection.on('connect', () => {
      if (connection.first !== undefined) peer.begin(connection.first)
    })
    connection.on('channel', channel => channel.close())
    return peer
  }

  /** It has this place from now on. */
  adopt(peer: TopicPeer, claim: Claim): void {
    const { network, coordinator } = this.#options
    const { registry, places } = coordinator
    claim.peer = peer
    peer.on('connect', () => {
      const unplaced = claim.lapsed || (!claim.admitted && !claim.slow)
      // The connection proves that a remote which says that it is alone is there, unlike a flood of offers that say so.
      const evicts = claim.alone && places.mayEvict
      claim.since = network.env.now()
      for (const loser of registry.opened(claim)) drop(loser)
      if (unplaced && places.over && !evicts) peer.destroy()
    })
    peer.on('close', () => claim.release())
    this.#watch(peer, claim)
    this.#options.connecting(peer, claim.role)
  }

  /** A peer that is connected already has this topic too. */
  meet(peer: TopicPeer, role: Role): void {
    const { coordinator, network } = this.#options
    const { remote } = peer
    this.adopt(peer, coordinator.registry.claim(remote.announceId, role, true, { proven: isProven(network, remote) }))
  }

  /** Every peer of this topic goes, and every attempt. */
  close(): void {
    for (const claim of this.#options.coordinator.registry.claims()) drop(claim)
  }

  /** Both descriptions are known here: from now on it can open. */
  await(peer: TopicPeer, claim: Claim): void {
    const { network, coordinator, missed } = this.#options
    if (peer.state !== 'connecting') return
    const timer = network.env.timer(OVERDUE, () => {
      const { registry, places } = coordinator
      const { full } = places
      registry.lapse(claim, true)
      if (full || registry.open === 0) missed() // there is room again, or still no peer
    })
    peer.on('connect', () => timer.cancel())
    peer.on('close', () => timer.cancel())
  }

  /** A refusal arrived for this attempt: it frees its slot, and is closed unless it connects within {@link REFUSED_GRACE}. */
  doubt(peer: TopicPeer): void {
    const { network, coordinator, topic } = this.#options
    const claim = coordinator.registry.claims().find(other => other.peer === peer)
    if (claim === undefined || peer.state !== 'connecting' || this.#doubted.has(peer)) return
    this.#doubted.add(peer)
    coordinator.registry.lapse(claim, true)
    network.sharing.changed(topic)
    const timer = network.env.timer(REFUSED_GRACE, () => peer.destroy())
    peer.on('connect', () => timer.cancel())
    peer.on('close', () => timer.cancel())
  }

  /** Where a path stays lost the peer is looked for by every other way, while its connection may still be repaired. */
  #watch(peer: TopicPeer, claim: Claim): void {
    const { network, coordinator, missed } = this.#options
    const { connection } = peer
    let grace: Timer | undefined
    const unwell = () => {
      grace = network.env.timer(UNWELL_GRACE, () => {
        coordinator.registry.lapse(claim, true)
        missed()
      })
    }
    const well = () => {
      grace?.cancel()
      coordinator.registry.lapse(claim, false)
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

/** Whoever lost its place goes. */
export function drop(claim: Claim): void {
  if (claim.peer === undefined) claim.release()
  else claim.peer.destroy()
}
