/** The message channels of one topic: one `DataConnection` per peer, over the channel that the peer opened for it. */
import { DataConnection, type DataConnectionDeps } from '../../channel/messages/data-connection.js'
import { FramedMessenger } from '../../channel/messages/framed-messenger.js'
import { PlainMessenger } from '../../channel/messages/plain-messenger.js'
import type { EngineChannel } from '../../engine/engine.js'
import type { TopicPeer } from '../../peer/topic-peer.js'
import type { SwarmContext } from '../swarm-context.js'

export class MessageChannels {
  readonly #context: SwarmContext
  readonly #connections = new Map<TopicPeer, DataConnection>()

  constructor(context: SwarmContext) {
    this.#context = context
  }

  get connections(): DataConnection[] {
    return [...this.#connections.values()]
  }

  /** To a swarmlink peer, over a channel of its own. */
  openFramed(peer: TopicPeer, channel: EngineChannel): void {
    const { runtime, options } = this.#context
    const { maxMessageSize, maxJsonSize } = options
    const limits = { ...(maxMessageSize !== undefined && { maxMessageSize }), ...(maxJsonSize !== undefined && { maxJsonSize }) }
    this.#handOver(peer, channel, {
      messenger: host => new FramedMessenger({ env: runtime.env, channel, ...limits, host }),
      leaving: () => peer.silence(),
    })
  }

  /** To a stock peer, over its one channel: the peer has to leave before that channel is closed. */
  openPlain(peer: TopicPeer): void {
    const { first: channel, connection } = peer
    const { maxMessageSize } = connection
    const { runtime, options } = this.#context
    if (channel === undefined) return
    this.#handOver(peer, channel, {
      messenger: host => new PlainMessenger({ env: runtime.env, channel, maxMessageSize, jsonLimit: options.maxJsonSize, host }),
      leaving: () => connection.leave(),
    })
  }

  #handOver(peer: TopicPeer, channel: EngineChannel, parts: Pick<DataConnectionDeps, 'messenger' | 'leaving'>): void {
    const { runtime, counters, tell } = this.#context
    const { isSwarmlink, peerId, verified } = peer.remote
    if (channel.state === 'closed' || peer.state === 'closed') return
    const connection = new DataConnection({
      // A stock peer has no peer id: both ends go by their announce ids, as on trackers.
      localPeerId: isSwarmlink ? runtime.identity.peerId : runtime.announceId,
      remotePeerId: peerId,
      verified,
      unheard: error => tell('warning', error),
      ...parts,
    })
    this.#connections.set(peer, connection)
    connection.on('close', () => {
      if (this.#connections.get(peer) === connection) this.#connections.delete(peer)
    })
    const look = () => {
      if (channel.state !== 'open' || peer.state !== 'open') return
      counters.add('messaging', peer.origin.name)
      tell('connection', connection, peer)
      queueMicrotask(() => connection.start())
    }
    // Channels open in any order: `connection` follows `peer`.
    if (channel.state === 'open' && peer.state === 'open') return look()
    if (channel.state !== 'open') channel.on('open', look)
    if (peer.state !== 'open') peer.on('connect', look)
  }
}
