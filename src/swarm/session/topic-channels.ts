/** The channels besides a connection's first: messages for each topic, a wire for each further one. The offerer opens and replaces them. */
import type { Env } from '../../core/env.js'
import type { EngineChannel } from '../../engine/engine.js'
import { LastingChannel } from '../../peer/lasting-channel.js'
import { OUR_LABEL, type RemotePeer } from '../../peer/remote-peer.js'
import type { TopicPeer } from '../../peer/topic-peer.js'

export const MESSAGES = 'messages'
export const WIRE = 'wire'

export interface TopicChannelsDeps {
  env: Env
  connection: RemotePeer
  /** Answerer only: tells the offerer that the application closed its messages of this topic. */
  silent: (hash: string | undefined) => void
}

export class TopicChannels {
  readonly #deps: TopicChannelsDeps
  /** The message channel of each topic, by the label that both ends know. */
  readonly #messages = new Map<string, LastingChannel>()

  constructor(deps: TopicChannelsDeps) {
    this.#deps = deps
  }

  /** Offerer only: opens the wire of a further topic, and replaces it until one has opened. Afterwards WebTorrent handles its end. */
  openWire(peer: TopicPeer, hash: string): void {
    const wire = this.#lasting(peer, WIRE, { hash, open: true, use: channel => peer.begin(channel) })
    peer.on('connect', () => wire.release())
    wire.start()
  }

  /** Offerer only: opens the message channel of a topic; without a hash, of the topic that the connection was made for. */
  openMessages(peer: TopicPeer, hash?: string): void {
    this.#messagesOf(peer, hash, true).start()
  }

  /** Answerer only: the offerer opened the message channel of this topic, or replaced it. */
  adoptMessages(peer: TopicPeer, channel: EngineChannel, hash?: string): void {
    const messages = this.#messages.get(labelOf(MESSAGES, hash)) ?? this.#messagesOf(peer, hash, false)
    if (!messages.adopt(channel)) this.#deps.silent(hash) // the offerer cannot have heard it
  }

  /** Offerer only: the answerer's application closed its messages of this topic. */
  silenced(hash?: string): void {
    this.#messages.get(labelOf(MESSAGES, hash))?.release()
  }

  #messagesOf(peer: TopicPeer, hash: string | undefined, open: boolean): LastingChannel {
    const label = labelOf(MESSAGES, hash)
    const messages = this.#lasting(peer, MESSAGES, { hash, open, use: channel => peer.converse(channel) })
    this.#messages.set(label, messages)
    peer.on('silent', () => {
      messages.release()
      if (!open) this.#deps.silent(hash)
    })
    peer.on('close', () => {
      if (this.#messages.get(label) === messages) this.#messages.delete(label)
    })
    return messages
  }

  #lasting(
    peer: TopicPeer,
    kind: string,
    { hash, open, use }: { hash: string | undefined; open: boolean; use: (channel: EngineChannel) => void },
  ): LastingChannel {
    const { env, connection } = this.#deps
    const label = labelOf(kind, hash)
    const lasting = new LastingChannel({
      env,
      name: `the channel ${OUR_LABEL}${label}`,
      ...(open && { open: () => connection.openChannel(label) }),
      isWell: () => connection.isWell,
      use,
      failed: error => peer.destroy(error),
    })
    peer.on('close', () => lasting.release())
    return lasting
  }
}

function labelOf(kind: string, hash: string | undefined): string {
  return hash === undefined ? kind : `${kind}:${hash}`
}
