/** The message channels of one topic: one `DataConnection` a peer, over the channel that the peer gives for it. */
import { DataConnection, type DataConnectionParts } from '../channel/data-connection.js'
import { FramedMessenger } from '../channel/framed-messenger.js'
import type { MessageLimits } from '../channel/message-size.js'
import { PlainMessenger } from '../channel/plain-messenger.js'
import type { Env } from '../core/env.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { EngineChannel } from '../engine/engine.js'
import type { Remote } from '../peer/remote-peer.js'
import type { TopicPeer } from '../peer/topic-peer.js'

export interface ConversationsOptions {
  env: Env
  self: Pick<Remote, 'announceId' | 'peerId'>
  /** What this side takes; the usual limits unless given. */
  limits?: Partial<MessageLimits>
  /** A message channel can be handed out; its `connect` follows. */
  opened: (connection: DataConnection, peer: TopicPeer) => void
  /** The first error of a connection without an `error` listener. */
  unheard: (error: SwarmlinkError) => void
}

export class Conversations {
  readonly #options: ConversationsOptions
  readonly #connections = new Map<TopicPeer, DataConnection>()

  constructor(options: ConversationsOptions) {
    this.#options = options
  }

  get connections(): DataConnection[] {
    return [...this.#connections.values()]
  }

  /** With a peer of ours, over a channel of its own. */
  framed(peer: TopicPeer, channel: EngineChannel): void {
    const { env, limits } = this.#options
    this.#handOver(peer, channel, {
      messenger: host => new FramedMessenger({ env, channel, ...limits, host }),
      leaving: () => peer.silence(),
    })
  }

  /** With any other, over the one channel that there is: whoever closes that has to leave before. */
  plain(peer: TopicPeer): void {
    const { first: channel, maxMessageSize } = peer
    const { env, limits } = this.#options
    if (channel === undefined) return
    this.#handOver(peer, channel, {
      messenger: host => new PlainMessenger({ env, channel, maxMessageSize, jsonLimit: limits?.maxJsonSize, host }),
      leaving: () => peer.leave(),
    })
  }

  #handOver(peer: TopicPeer, channel: EngineChannel, parts: Pick<DataConnectionParts, 'messenger' | 'leaving'>): void {
    const { self, opened, unheard } = this.#options
    const { ours, peerId, verified } = peer.remote
    if (channel.state === 'closed' || peer.state === 'closed') return
    const connection = new DataConnection({
      // A stock peer knows nothing of peer ids: towards it both ends go by their announce ids, as the trackers call them.
      localPeerId: ours ? self.peerId : self.announceId,
      remotePeerId: peerId,
      verified,
      unheard,
      ...parts,
    })
    this.#connections.set(peer, connection)
    connection.on('close', () => {
      if (this.#connections.get(peer) === connection) this.#connections.delete(peer)
    })
    const look = () => {
      if (channel.state !== 'open' || peer.state !== 'open') return
      opened(connection, peer)
      queueMicrotask(() => connection.start())
    }
    // Channels open in any order; whoever hears of the connection has heard of the peer.
    if (channel.state === 'open' && peer.state === 'open') return look()
    if (channel.state !== 'open') channel.on('open', look)
    if (peer.state !== 'open') peer.on('connect', look)
  }
}
