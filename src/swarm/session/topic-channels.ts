/**
 * The channels that topics have beside the first channel of a connection: a message channel each, and a wire for each further topic. The
 * caller of the connection opens them, and opens another when one is lost.
 */
import type { Env } from '../core/env.js'
import type { EngineChannel } from '../engine/engine.js'
import { LastingChannel } from '../peer/lasting-channel.js'
import { OUR_LABEL, type RemotePeer } from '../peer/remote-peer.js'
import type { TopicPeer } from '../peer/topic-peer.js'

export const MESSAGES = 'messages'
export const WIRE = 'wire'

export interface TopicChannelsParts {
  env: Env
  connection: RemotePeer
  /** Callee only: tells the caller that the application closed its messages of this topic. */
  silent: (hash: string | undefined) => void
}

export class TopicChannels {
  readonly #parts: TopicChannelsParts
  /** The message channel of each topic, by the label that both ends know. */
  readonly #messages = new Map<string, LastingChannel>()

  constructor(parts: TopicChannelsParts) {
    this.#parts = parts
  }

  /** Caller only: opens the wire of a further topic, and another as long as none has opened: later its end is the torrent's matter. */
  openWire(peer: TopicPeer, hash: string): void {
    const wire = this.#lasting(peer, WIRE, { hash, open: true, use: channel => peer.begin(channel) })
    peer.on('connect', () => wire.release())
    wire.start()
  }

  /** Caller only: opens the message channel of a topic. Without a hash it is the topic that brought the two together. */
  openMessages(peer: TopicPeer, hash?: string): void {
    this.#messagesOf(peer, hash, true).start()
  }

  /** Callee only: the caller opened the message channel of this topic, the first or another in its place. */
  adoptMessages(peer: TopicPeer, channel: EngineChannel, hash?: string): void {
    const messages = this.#messages.get(labelOf(MESSAGES, hash)) ?? this.#messagesOf(peer, hash, false)
    if (!messages.adopt(channel)) this.#parts.silent(hash) // the caller cannot have heard it
  }

  /** Caller only: the callee's application closed its messages of this topic. */
  silenced(hash?: string): void {
    this.#messages.get(labelOf(MESSAGES, hash))?.release()
  }

  #messagesOf(peer: TopicPeer, hash: string | undefined, open: boolean): LastingChannel {
    const label = labelOf(MESSAGES, hash)
    const messages = this.#lasting(peer, MESSAGES, { hash, open, use: channel => peer.converse(channel) })
    this.#messages.set(label, messages)
    peer.on('silent', () => {
      messages.release()
      if (!open) this.#parts.silent(hash)
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
    const { env, connection } = this.#parts
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
