/** Follows each peer of one swarm from its attempt to its end: counts the stages, tells the decisions what happened, and tells the swarm. */
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { Role } from '../peer/negotiation.js'
import type { PeerOrigin, TopicPeer } from '../peer/topic-peer.js'
import type { MessageChannels } from './session/message-channels.js'
import type { SwarmContext } from './swarm-context.js'

const log = logger('swarm')

/** Errors that end an attempt and say nothing about the peer. */
const NO_FAULT = new Set(['ERR_ENGINE', 'ERR_TRACKER_LINK', 'ERR_SIGNALING_LINK'])

export class PeerMonitor {
  readonly #context: SwarmContext
  readonly #messages: MessageChannels

  constructor(context: SwarmContext, messages: MessageChannels) {
    this.#context = context
    this.#messages = messages
  }

  follow(peer: TopicPeer, role: Role): void {
    const { scheduler, runtime, topic } = this.#context
    const { remote, origin } = peer
    let connected = false
    scheduler.grew(origin.name)
    peer.on('connect', () => {
      if (peer.state === 'closed') return // a proven connection to the same id is open
      connected = true
      this.#connected(peer)
    })
    peer.on('messages', channel => this.#messages.openFramed(peer, channel))
    peer.on('close', error => {
      if (connected) this.#lost(peer, error)
      else if (error !== undefined) this.failed(remote.announceId, error, origin, { proven: runtime.isProven(remote), role })
      if (connected || error !== undefined) this.#context.freed()
      else if (!this.#context.closed) runtime.sharedTopics.changed(topic) // the slot of an attempt that was given up is free
    })
  }

  /** An attempt failed, before there was a peer if `role` is missing. */
  failed(id: Id, error: SwarmlinkError, origin: PeerOrigin, attempt: { proven: boolean; role?: Role }): void {
    const { topic, counters, gater } = this.#context
    log('%s: failed to connect to %s: %s', topic.slice(0, 8), id.slice(0, 8), error.message)
    counters.because('failed', error.code, origin.name)
    // ERR_ICE_FAILED with advice about TURN is also what a connection timeout becomes.
    const code = error.code === 'ERR_ICE_FAILED' && error.cause instanceof SwarmlinkError ? error.cause.code : error.code
    if (code === 'ERR_ICE_FAILED') gater.missed(id, 'failed', origin.name, attempt)
    else if (code === 'ERR_CONNECT_TIMEOUT') {
      // An invitation that a person carries may have been given up.
      if (origin.patience === undefined) gater.missed(id, 'timeout', origin.name, attempt)
    } else if (error.code === 'ERR_IDENTITY') {
      // The signalling may have changed the description, while others bring the true one. A relay peer loses its right to introduce instead.
      if (origin.source !== 'exchange') gater.avoid(id, origin.name, attempt.proven)
    } else if (!NO_FAULT.has(error.code)) gater.avoid(id, undefined, attempt.proven)
    this.#context.tell('failed', { id, error })
  }

  #connected(peer: TopicPeer): void {
    const { topic, counters, scheduler, policy, options, tell, wake } = this.#context
    const { origin, remote } = peer
    counters.add('connected', origin.name)
    if (origin.source === 'exchange') counters.add('exchanged', origin.name)
    scheduler.grew(origin.name)
    wake() // fewer offers may be wanted
    log('%s: connected to %s', topic.slice(0, 8), remote.announceId.slice(0, 8))
    tell('peer', peer)
    if (options.plain === true && !remote.isSwarmlink) this.#messages.openPlain(peer)
    policy.evicts(peer)?.destroy()
  }

  #lost(peer: TopicPeer, error: SwarmlinkError | undefined): void {
    const { counters, gater, runtime, tell } = this.#context
    const { origin, remote } = peer
    counters.because('lost', error?.code ?? 'closed', origin.name)
    // A remote that closes its control channel again and again is connected once more, and then avoided for a while.
    if (error?.code === 'ERR_CHANNEL_LOST')
      gater.missed(remote.announceId, 'timeout', origin.name, { proven: runtime.isProven(remote) })
    tell('lost', peer, error)
  }
}
