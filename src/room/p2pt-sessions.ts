/** Who is in a room: one session for each peer of a swarm that can be talked to. */
import type { DataConnection } from '../channel/data-connection.js'
import { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Swarm } from '../swarm/swarm.js'
import type * as links from './links.js'
import type { Link, P2PTMessage } from './p2pt-link.js'
import type { P2PTPeer } from './p2pt-peer.js'
import { Session } from './p2pt-session.js'

const log = logger('room')

export interface SessionsEvents {
  peerconnect: [P2PTPeer]
  peerclose: [P2PTPeer]
  msg: [P2PTPeer, P2PTMessage]
  data: [P2PTPeer, string | Uint8Array]
  warning: [SwarmlinkError]
}

export interface SessionsOptions {
  env: Env
  requestTimeout: number
  /** The largest JSON text that this side takes, in bytes. */
  maxJsonSize: number
  /** The chunk with the message formats. */
  links: typeof links
}

export class Sessions extends Emitter<SessionsEvents> {
  readonly swarm: Swarm
  readonly #options: SessionsOptions
  readonly #sessions = new Map<TopicPeer, Session>()

  constructor(swarm: Swarm, options: SessionsOptions) {
    super()
    this.swarm = swarm
    this.#options = options
    swarm.on('peer', peer => this.#welcome(peer))
    swarm.on('connection', (connection, peer) => this.#connect(connection, peer))
    swarm.on('lost', peer => this.#part(peer))
  }

  get all(): Session[] {
    return [...this.#sessions.values()]
  }

  get peers(): P2PTPeer[] {
    return this.all.map(({ peer }) => peer)
  }

  /** The talk with whoever trackers call so. */
  get(id: Id): Session | undefined {
    for (const session of this.#sessions.values()) if (session.id === id) return session
    return undefined
  }

  /** A peer that knows nothing of us is talked to over the channel that it knows; one of ours follows with its connection. */
  #welcome(peer: TopicPeer): void {
    const { first: channel, maxMessageSize } = peer
    if (peer.remote.ours || channel === undefined) return
    const { env, links, maxJsonSize } = this.#options
    this.#meet(peer, new links.StockLink({ env, channel, maxMessageSize, jsonLimit: maxJsonSize }))
  }

  #connect(connection: DataConnection, peer: TopicPeer): void {
    connection.on('error', error => this.emit('warning', error))
    connection.on('close', () => peer.destroy()) // nothing else is on it
    const { links, maxJsonSize } = this.#options
    connection.on('connect', () => this.#meet(peer, new links.OurLink(connection, maxJsonSize)))
  }

  #meet(peer: TopicPeer, link: Link): void {
    if (this.#sessions.has(peer) || peer.state !== 'open') return
    const session = new Session({
      ...this.#options,
      link,
      remote: peer.remote,
      hangUp: () => {
        this.swarm.avoid(peer) // or it would be met again at once
        peer.destroy()
      },
    })
    this.#sessions.set(peer, session)
    session.on('data', data => this.emit('data', session.peer, data))
    session.on('message', (bound, message) => this.emit('msg', bound, message))
    session.on('warning', error => this.emit('warning', error))
    log('%s joined (%s)', session.id.slice(0, 8), session.ours ? 'ours' : 'stock')
    this.emit('peerconnect', session.peer)
  }

  #part(peer: TopicPeer): void {
    const session = this.#sessions.get(peer)
    if (session === undefined) return
    this.#sessions.delete(peer)
    session.close()
    log('%s left; dropped from it: %o', session.id.slice(0, 8), session.dropped)
    this.emit('peerclose', session.peer)
  }
}
