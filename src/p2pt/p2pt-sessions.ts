/** The members of a room: one session per peer of its swarm with a message channel. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Swarm } from '../swarm/swarm.js'
import type * as messengers from './lazy-messengers.js'
import type { RoomMessenger, P2PTMessage } from './room-messenger.js'
import type { P2PTPeer } from './p2pt-peer.js'
import { P2PTSession } from './p2pt-session.js'

const log = logger('room')

export interface P2PTSessionsEvents {
  peerconnect: [P2PTPeer]
  peerclose: [P2PTPeer]
  msg: [P2PTPeer, P2PTMessage]
  data: [P2PTPeer, string | Uint8Array]
  warning: [SwarmlinkError]
}

export interface P2PTSessionsDeps {
  env: Env
  requestTimeout: number
  /** The largest JSON text that this side takes, in bytes. */
  maxJsonSize: number
  /** The lazy chunk with the messengers. */
  messengers: typeof messengers
}

export class P2PTSessions extends Emitter<P2PTSessionsEvents> {
  readonly swarm: Swarm
  readonly #options: P2PTSessionsDeps
  readonly #sessions = new Map<TopicPeer, P2PTSession>()

  constructor(swarm: Swarm, options: P2PTSessionsDeps) {
    super()
    this.swarm = swarm
    this.#options = options
    swarm.on('peer', peer => this.#beginStock(peer))
    swarm.on('connection', (connection, peer) => this.#beginSwarmlink(connection, peer))
    swarm.on('lost', peer => this.#end(peer))
  }

  get all(): P2PTSession[] {
    return [...this.#sessions.values()]
  }

  get peers(): P2PTPeer[] {
    return this.all.map(({ peer }) => peer)
  }

  /** The session of the peer with this announce id. */
  get(id: Id): P2PTSession | undefined {
    return this.all.find(({ remote }) => remote.announceId === id)
  }

  /** Starts the session of a stock peer, over its only channel. That of a swarmlink peer starts with its DataConnection. */
  #beginStock(peer: TopicPeer): void {
    const { first: channel, connection } = peer
    if (peer.remote.isSwarmlink || channel === undefined) return
    const { env, messengers, maxJsonSize: jsonLimit } = this.#options
    const { maxMessageSize } = connection
    this.#begin(peer, new messengers.StockMessenger({ env, channel, maxMessageSize, jsonLimit }))
  }

  #beginSwarmlink(connection: DataConnection, peer: TopicPeer): void {
    connection.on('error', error => this.emit('warning', error))
    connection.on('close', () => peer.destroy()) // a room's connection carries nothing else
    const { messengers, maxJsonSize } = this.#options
    connection.on('connect', () => this.#begin(peer, new messengers.SwarmlinkMessenger(connection, maxJsonSize)))
  }

  #begin(peer: TopicPeer, messenger: RoomMessenger): void {
    if (this.#sessions.has(peer) || peer.state !== 'open') return
    const session = new P2PTSession({
      ...this.#options,
      messenger,
      remote: peer.remote,
      disconnect: () => {
        this.swarm.avoid(peer) // or it would be dialled again at once
        peer.destroy()
      },
    })
    this.#sessions.set(peer, session)
    session.on('data', data => this.emit('data', session.peer, data))
    session.on('message', (bound, message) => this.emit('msg', bound, message))
    session.on('warning', error => this.emit('warning', error))
    log('%s joined (%s)', peer.remote.announceId.slice(0, 8), peer.remote.isSwarmlink ? 'swarmlink' : 'stock')
    this.emit('peerconnect', session.peer)
  }

  #end(peer: TopicPeer): void {
    const session = this.#sessions.get(peer)
    if (session === undefined) return
    this.#sessions.delete(peer)
    session.close()
    log('%s left; its dropped messages: %o', peer.remote.announceId.slice(0, 8), session.dropped)
    this.emit('peerclose', session.peer)
  }
}
