/**
 * `p2pt.peers`: a list of peers that can also be read as the object of the published `p2pt`, from each peer's id to its channels. In the
 * package two peers get one connection for each tracker that they share, and `peers[id]` names each of them. Here two peers have one
 * connection; `peers[id]` has one entry for each connected tracker, and the connection ends when all of them are destroyed.
 */
import { P2PTPeer, type Conversation } from './p2pt-peer.js'

export type P2PTPeers<Received, Sent> = Array<P2PTPeer<Received, Sent>> & {
  /** The channels of the peer with this id, by their names; undefined when it is not connected. */
  readonly [id: string]: Readonly<Record<string, P2PTPeer<Received, Sent>>>
}

/** The one channel of each peer while no tracker is connected. */
const ONLY_CHANNEL = 'swarmlink'

export interface Member extends Conversation {
  readonly peer: P2PTPeer
  /** Names of the channels that the application destroyed. */
  readonly endedChannels: Set<string>
}

class Channel extends P2PTPeer {
  readonly #member: Member
  readonly #name: string
  readonly #names: readonly string[]

  constructor(member: Member, name: string, names: readonly string[]) {
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

/** `trackers` are the URLs of those that are connected. */
export function peersOf(
  members: Iterable<Member>,
  trackers: readonly string[],
): P2PTPeer[] & Record<string, Record<string, P2PTPeer>> {
  const names = trackers.length > 0 ? trackers : [ONLY_CHANNEL]
  const peers: P2PTPeer[] = []
  for (const member of members) {
    const left = names.filter(name => !member.endedChannels.has(name))
    const channels = Object.fromEntries(left.map(name => [name, new Channel(member, name, names)]))
    // Not enumerable: `Object.keys(peers)` and `for … in` give the ids alone, as they do in the package.
    Object.defineProperty(peers, peers.length, { value: member.peer, enumerable: false, writable: true, configurable: true })
    Object.defineProperty(peers, member.id, { value: channels, enumerable: true, writable: true, configurable: true })
  }
  return peers as P2PTPeer[] & Record<string, Record<string, P2PTPeer>> // both kinds of properties were defined above
}
