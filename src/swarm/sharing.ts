/** Which topics this client has to share with peers that it is connected to, and the connections that they may be shared over. */
import type { Id } from '../core/id.js'
import type { Remote, RemotePeer } from '../peer/remote-peer.js'
import type { Role } from '../peer/negotiation.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { RelaySignaling } from '../signaling/relay/relay.js'
import type { Link } from './link.js'

/** A topic that may be found in common on a connection that is there. */
export interface SharedTopic {
  readonly topic: Id
  /** Whether more peers are welcome now. When that changes its owner calls {@link Sharing.changed}. */
  open(): boolean
  /** Whether this one is. */
  wants(remote: Remote): boolean
  /** It has this topic too: the peer is on its way. `role` is ours on the connection. */
  meet(peer: TopicPeer, role: Role): void
}

export class Sharing {
  readonly #topics = new Map<Id, SharedTopic>()
  readonly #links = new Set<Link>()
  /** Peers introduce peers through it; absent where they shall not. */
  relay: RelaySignaling | undefined

  get topics(): Iterable<SharedTopic> {
    return this.#topics.values()
  }

  get links(): Iterable<Link> {
    return this.#links
  }

  get(topic: Id): SharedTopic | undefined {
    return this.#topics.get(topic)
  }

  /** Takes the place of a swarm that has not left the same topic yet. */
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
    for (const link of this.#links) link.hide(topic)
  }

  /** The topic leaves, and the connections that it brought about serve no further topic: returns those connections. */
  seclude(shared: SharedTopic): RemotePeer[] {
    this.leave(shared)
    return [...this.#links].filter(link => link.seclude(shared.topic)).map(({ peer }) => peer)
  }

  /** The topic has room again, resumed, or lost a peer. */
  changed(topic: Id): void {
    const shared = this.#topics.get(topic)
    if (shared !== undefined) for (const link of this.#links) link.offer(shared)
  }

  add(link: Link): void {
    this.#links.add(link)
  }

  delete(link: Link): void {
    this.#links.delete(link)
  }
}
