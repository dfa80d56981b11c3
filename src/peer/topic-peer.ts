/** A peer as one topic sees it: its wire and its messages, on a connection that may serve other topics too. */
import { Emitter } from '../core/emitter.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { EngineChannel } from '../engine/engine.js'
import type { Signaling, SignalingSource } from '../signaling/signaling.js'
import type { Remote, RemotePeer } from './remote-peer.js'

/** How a peer was met: through a signalling, or on a connection that was there for another topic. */
export type PeerSource = SignalingSource | 'connection'

export interface Introducer {
  /** The signalling's, or `connection`. */
  readonly name: string
  readonly source: PeerSource
  readonly patience?: Signaling['patience']
}

export interface TopicPeerEvents {
  /** The topic's first channel is open. */
  connect: []
  /** The topic's message channel, or another in the place of one that was lost; it opens, or is open. */
  messages: [EngineChannel]
  /** The application here closed its messages: no other channel takes their place. */
  silent: []
  /** Over, with the error if it ended in one. Emitted once. */
  close: [SwarmlinkError | undefined]
}

/** What a topic asks of the connection that it shares. */
export interface TopicPeerHost {
  /** The topic is done with it: the connection goes if this was the last. `there`: the other side is; `refused`: it never began. */
  done(error: SwarmlinkError | undefined, how: 'here' | 'there' | 'refused'): void
}

export class TopicPeer extends Emitter<TopicPeerEvents> {
  readonly connection: RemotePeer
  readonly introducer: Introducer
  readonly #host: TopicPeerHost
  #first: EngineChannel | undefined
  #messages: EngineChannel | undefined
  #state: 'connecting' | 'open' | 'closed' = 'connecting'

  constructor(connection: RemotePeer, introducer: Introducer, host: TopicPeerHost) {
    super()
    this.connection = connection
    this.introducer = introducer
    this.#host = host
    connection.on('close', this.#over)
  }

  get remote(): Remote {
    return this.connection.remote
  }

  get state(): 'connecting' | 'open' | 'leaving' | 'closed' {
    return this.#state === 'open' && this.connection.state === 'leaving' ? 'leaving' : this.#state
  }

  /** The wire of a torrent, or the one channel that a stock peer of a room has. */
  get first(): EngineChannel | undefined {
    return this.#first
  }

  get maxMessageSize(): number {
    return this.connection.maxMessageSize
  }

  /** This channel is the first; as long as none has opened, another may take the place of one that was lost. */
  begin(channel: EngineChannel): void {
    const taken = this.#first !== undefined && this.#first.state !== 'closed'
    if (taken || this.#state !== 'connecting') return channel.close()
    this.#first = this.#keep(channel)
    const opened = () => {
      if (this.#state !== 'connecting') return
      this.#state = 'open'
      this.emit('connect')
    }
    if (channel.state === 'open') opened()
    else channel.on('open', opened)
  }

  /** This channel carries the messages, in the place of the one that did so before. */
  converse(channel: EngineChannel): void {
    if (this.#state === 'closed') return channel.close()
    this.#messages = this.#keep(channel)
    this.emit('messages', channel)
  }

  /** The application closes its messages and wants no others; the rest goes on. */
  silence(): void {
    this.emit('silent')
  }

  async remoteAddress(): Promise<{ address: string; port: number } | undefined> {
    return await this.connection.remoteAddress()
  }

  /** Call it before closing the last channel here: the connection then carries what was sent last. */
  leave(): void {
    this.connection.leave()
  }

  /** Ends it for this topic; other topics go on. */
  destroy(error?: SwarmlinkError): void {
    this.#end(error, 'here')
  }

  #end(error: SwarmlinkError | undefined, how: 'here' | 'there' | 'refused'): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.connection.off('close', this.#over) // which may go on for days with other topics
    this.#host.done(error, how)
    this.#first?.close()
    this.#messages?.close()
    this.emit('close', error)
  }

  /**
   * When both of its channels are closed the other side is done with the topic, or with all of them: that shows so first. A message channel
   * that closes before the first channel is here says nothing.
   */
  #keep(channel: EngineChannel): EngineChannel {
    channel.on('close', () => {
      const done = this.#first?.state === 'closed' && (this.#messages?.state ?? 'closed') === 'closed'
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
