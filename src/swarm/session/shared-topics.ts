/** The topics of this client that may be found in common with a connected peer, and the sessions over which they may be. */
import type { Id } from '../../core/id.js'
import type { Remote, RemotePeer } from '../../peer/remote-peer.js'
import type { Role } from '../../peer/negotiation.js'
import type { TopicPeer } from '../../peer/topic-peer.js'
import type { ExchangeSignaling } from '../../signaling/exchange/exchange-signaling.js'
import type { PeerSession } from './peer-session.js'

/** A topic that may be found in common on an existing connection. */
export interface SharedTopic {
  readonly topic: Id
  /** Whether the swarm accepts more peers now. When that changes, the swarm calls {@link SharedTopics.changed}. */
  open(): boolean
  /** Whether the swarm accepts this peer. */
  wants(remote: Remote): boolean
  /** The remote has this topic too: the peer is connecting. `role` is this side's role on the connection. */
  meet(peer: TopicPeer, role: Role): void
}

export class SharedTopics {
  readonly #topics = new Map<Id, SharedTopic>()
  readonly sessions = new Set<PeerSession>()
  /** Peer exchange; absent where it is off. */
  exchange: ExchangeSignaling | undefined

  get topics(): Iterable<SharedTopic> {
    return this.#topics.values()
  }

  get(topic: Id): SharedTopic | undefined {
    return this.#topics.get(topic)
  }

  /** Replaces a swarm that has not left the same topic yet. */
  join(shared: SharedTopic): void {
    const before = this.#topics.get(shared.topic)
    if (before !== undefined) this.leave(before)
    this.#topics.set(shared.topic, shared)
    this.changed(shared.topic)
  }

  /** Changes nothing when another swarm has the topic by now. */
  leave(shared: SharedTopic): void {
    const { topic } = shared
    if (this.#topics.get(topic) !== shared) return
    this.#topics.delete(topic)
    for (const session of this.sessions) session.topics.hide(topic)
  }

  /** The topic leaves, and the connections that it brought about serve no further topic: returns those connections. */
  isolate(shared: SharedTopic): RemotePeer[] {
    this.leave(shared)
    return [...this.sessions].filter(session => session.isolate(shared.topic)).map(({ peer }) => peer)
  }

  /** The topic has room again, resumed, or lost a peer. */
  changed(topic: Id): void {
    const shared = this.#topics.get(topic)
    if (shared !== undefined) for (const session of this.sessions) session.topics.offer(shared)
  }
}
