/**
 * `p2pt.peers`: a list of peers that is also the object of the published `p2pt`, from each peer's id to its channels. In the package two
 * peers have one connection per tracker that they share, and `peers[id]` holds each of them. Here two peers have one connection; `peers[id]`
 * has one entry per connected tracker, and the connection closes when all of them are destroyed.
 */
import { P2PTPeer, type Conversation } from './p2pt-peer.js'

/** The type of `p2pt.peers`. */
export type P2PTPeers<Received, Sent> = Array<P2PTPeer<Received, Sent>> & {
  /** The channels of the peer with this id by tracker URL; undefined when it is not connected. */
  readonly [id: string]: Readonly<Record<string, P2PTPeer<Received, Sent>>>
}

/** The name of a peer's single channel while no tracker is connected. */
const ONLY_CHANNEL = 'swarmlink'

export interface RoomMember extends Conversation {
  readonly peer: P2PTPeer
  /** Names of the channels that the application destroyed. */
  readonly endedChannels: Set<string>
}

class Channel extends P2PTPeer {
  readonly #member: RoomMember
  readonly #name: string
  readonly #names: readonly string[]

  constructor(member: RoomMember, name: string, names: readonly string[]) {
    super(member)
    this.#member = member
    this.#name = name
    this.#names = names
  }

  override get connected(): boolean {
    return super.connected && !this.#member.endedChannels.has(this.#name)
  }

  override destroy(): void {
    const { endedChannels } = this.#member
    endedChannels.add(this.#name)
    if (this.#names.every(name => endedChannels.has(name))) super.destroy()
  }
}

type Listed = P2PTPeer[] & Record<string, Record<string, P2PTPeer>>

/** `trackers`: the URLs of the connected trackers. */
export function peersOf(members: Iterable<RoomMember>, trackers: readonly string[]): Listed {
  const names = trackers.length > 0 ? trackers : [ONLY_CHANNEL]
  const peers: P2PTPeer[] = []
  for (const member of members) {
    const left = names.filter(name => !member.endedChannels.has(name))
    const channels = Object.fromEntries(left.map(name => [name, new Channel(member, name, names)]))
    // Not enumerable, so that `Object.keys(peers)` and `for … in` give only the ids, as in the package.
    Object.defineProperty(peers, peers.length, { value: member.peer, enumerable: false, writable: true, configurable: true })
    Object.defineProperty(peers, member.remote.announceId, {
      value: channels,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return peers as Listed // both kinds of properties were defined above
}
