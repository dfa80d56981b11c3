/** A peer as one topic sees it: its wire and its messages, on a connection that may serve other topics too. */
import { Emitter } from '../core/emitter.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { EngineChannel } from '../engine/engine.js'
import type { Signaling, SignalingSource } from '../signaling/signaling.js'
import type { Remote, RemotePeer } from './remote-peer.js'

/** How a peer was met: through a signalling, or on a connection that was there for another topic. */
export type PeerSource = SignalingSource | 'connection'

export interface PeerOrigin {
  /** The signalling's, or `connection`. */
  readonly name: string
  readonly source: PeerSource
  readonly patience?: Signaling['patience']
}

export interface TopicPeerEvents {
  /** The topic's first channel is open. */
  connect: []
  /** The topic's message channel, or the replacement of a lost one; it opens, or is open. */
  messages: [EngineChannel]
  /** The application closed its messages: no other channel replaces them. */
  silent: []
  /** Over, with the error if it ended in one. Emitted once. */
  close: [SwarmlinkError | undefined]
}

/** Which side ended a topic; `refused`: the other side, before it began. */
export type TopicEnd = 'here' | 'there' | 'refused'

export class TopicPeer extends Emitter<TopicPeerEvents> {
  readonly connection: RemotePeer
  readonly origin: PeerOrigin
  readonly #done: (error: SwarmlinkError | undefined, how: TopicEnd) => void
  /** The wire of a torrent, or the one channel that a stock peer of a room has. */
  first: EngineChannel | undefined
  #messages: EngineChannel | undefined
  #state: 'connecting' | 'open' | 'closed' = 'connecting'

  /** `done`: the topic needs the connection no more, which goes if this was the last topic. */
  constructor(connection: RemotePeer, origin: PeerOrigin, done: (error: SwarmlinkError | undefined, how: TopicEnd) => void) {
    super()
    this.connection = connection
    this.origin = origin
    this.#done = done
    connection.on('close', this.#over)
  }

  get remote(): Remote {
    return this.connection.remote
  }

  get state(): 'connecting' | 'open' | 'leaving' | 'closed' {
    return this.#state === 'open' && this.connection.state === 'leaving' ? 'leaving' : this.#state
  }

  /** Makes this the first channel. Until one has opened, another may replace a lost one. */
  begin(channel: EngineChannel): void {
    const taken = this.first !== undefined && this.first.state !== 'closed'
    if (taken || this.#state !== 'connecting') return channel.close()
    this.first = this.#keep(channel)
    const opened = () => {
      if (this.#state !== 'connecting') return
      this.#state = 'open'
      this.emit('connect')
    }
    if (channel.state === 'open') opened()
    else channel.on('open', opened)
  }

  /** Makes this the message channel, instead of the one before. */
  converse(channel: EngineChannel): void {
    if (this.#state === 'closed') return channel.close()
    this.#messages = this.#keep(channel)
    this.emit('messages', channel)
  }

  /** The application closes its messages and wants no others; the rest goes on. */
  silence(): void {
    this.emit('silent')
  }

  /** Ends it for this topic; other topics go on. */
  destroy(error?: SwarmlinkError): void {
    this.#end(error, 'here')
  }

  #end(error: SwarmlinkError | undefined, how: TopicEnd): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.connection.off('close', this.#over) // which may go on for days with other topics
    this.#done(error, how)
    this.first?.close()
    this.#messages?.close()
    this.emit('close', error)
  }

  /**
   * When both of its channels are closed the other side is done with the topic, or with all of them: that shows so first. A message channel
   * that closes before the first channel is here says nothing.
   */
  #keep(channel: EngineChannel): EngineChannel {
    channel.on('close', () => {
      const done = this.first?.state === 'closed' && (this.#messages?.state ?? 'closed') === 'closed'
      if (done && !this.connection.isEnding) this.#end(undefined, this.#state === 'open' ? 'there' : 'refused')
    })
    return channel
  }

  readonly #over = (error: SwarmlinkError | undefined): void => {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.emit('close', error)
  }
}
