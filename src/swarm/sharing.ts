/** Which topics this client has to share with peers that it is connected to, and the connections that they may be shared over. */
import type { Id } from '../core/id.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Role } from '../peer/negotiation.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { RelaySignaling } from '../signaling/relay/relay.js'
import type { Link } from './link.js'

/** A topic that may be found in common on a connection that is there. */
export interface SharedTopic {
  readonly topic: Id
  /** Whether more peers are welcome now. */
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

  /** From now on. */
  join(shared: SharedTopic): void {
    this.#topics.set(shared.topic, shared)
    this.changed(shared.topic)
  }

  /** It is nobody's business any more. */
  leave(topic: Id): void {
    if (!this.#topics.delete(topic)) return
    for (const link of this.#links) link.hide(topic)
  }

  /** It keeps to itself from now on, and so do the connections that it brought about. */
  seclude(topic: Id): void {
    this.leave(topic)
    for (const link of this.#links) link.seclude(topic)
  }

  /** There is room in it again, or it goes on. */
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
