/** Peer exchange: connected swarmlink peers name members of a topic and forward offers between them. Knows ports, not connections. */
import { BoundedMap } from '../../core/bounded-map.js'
import { utf8 } from '../../core/bytes.js'
import { Counter } from '../../core/counter.js'
import type { Env } from '../../core/env.js'
import { misuse, ProtocolError, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import type {
  Announcement,
  DirectSignaling,
  InboundDescription,
  OutboundAnswer,
  OutboundDirectedOffer,
  OutboundCandidate,
  OutboundRefusal,
  SignalingListener,
  SignalingStatus,
} from '../signaling.js'
import { writeCandidate } from './payload-codec.js'
import { RelayPeer, type RelayPort } from './relay-peer.js'
import type { ForwardFault } from './forwarder.js'
import { ExchangeTopic, type PayloadFault } from './exchange-topic.js'
import { decode, MAX_BODY, type ExchangeFrame } from './codec.js'

const log = logger('relay')

/** Bounds each of the two lists of accused peers: a remote that invents ids must not fill memory. */
const MAX_ACCUSED = 1_000
/** Accusations after which a sender is ignored: if two relays forward bad signatures of one sender, the sender is the likely forger. */
const MAX_ACCUSATIONS = 2

/** Why a frame from a relay was dropped. */
export type ExchangeDropReason =
  | ForwardFault
  | PayloadFault
  | 'malformed'
  /** From a later version. */
  | 'unknown-type'
  /** From a port that did not join, or from a sender that was accused twice. */
  | 'stranger'
  /** For a topic that this client did not subscribe to, or that the relay did not join. */
  | 'misplaced'
  /** The listener threw. */
  | 'listener'

export interface ExchangeStatus extends SignalingStatus {
  topics: number
  /** Connected peers that are used as relays. */
  ports: number
  /** Members, of all topics together, that a relay named within the last two minutes. */
  members: number
  /** Payloads that this client forwarded for other peers. */
  passedOn: number
  /** Peers that are not used as relays any more, because they forwarded a forged description. */
  distrusted: number
  /** Dropped frames by reason. */
  dropped: Partial<Record<ExchangeDropReason, number>>
}

export interface ExchangeSignalingDeps {
  env: Env
  /** Takes a repair payload that a relay forwarded: see {@link ExchangeSignaling.repair}. */
  repair?: (from: Id, body: Uint8Array) => void
}

/**
 * Queries and forwards only for subscribed topics, and only between peers that joined them; a private topic never takes part.
 * Frames are never queued: a frame that its port does not take at once is lost.
 */
export class ExchangeSignaling implements DirectSignaling {
  readonly name = 'exchange'
  readonly source = 'exchange'
  readonly maxOffers = 0
  /** Always true: each topic opens with its first relay. */
  readonly open = true
  readonly #options: ExchangeSignalingDeps
  readonly #topics = new Map<Id, ExchangeTopic>()
  readonly #relays = new Map<RelayPort, RelayPeer>()
  /** Relays that forwarded a forged description, and the senders that forged descriptions name, with the number of accusations. */
  readonly #distrusted = new BoundedMap<Id, true>(MAX_ACCUSED)
  readonly #accusedSenders = new BoundedMap<Id, number>(MAX_ACCUSED)
  readonly #dropped = new Counter<ExchangeDropReason>()
  #passedOn = 0
  #closed = false

  constructor(options: ExchangeSignalingDeps) {
    this.#options = options
  }

  status(): ExchangeStatus {
    const now = this.#options.env.now()
    return {
      name: this.name,
      state: this.#closed ? 'closed' : 'open',
      topics: this.#topics.size,
      ports: this.#relays.size,
      members: [...this.#topics.values()].reduce((sum, { members }) => sum + members.size(now), 0),
      passedOn: this.#passedOn,
      distrusted: this.#distrusted.size,
      dropped: this.#dropped.counts(),
    }
  }

  /** Both sides joined this topic on this connection. A peer without peer exchange is ignored. */
  joined(topic: Id, port: RelayPort): void {
    if (this.#closed || port.exchanges === false || this.#distrusted.has(port.remote)) return
    let relay = this.#relays.get(port)
    if (relay === undefined) this.#relays.set(port, (relay = new RelayPeer(port)))
    if (relay.topics.has(topic)) return
    relay.topics.add(topic)
    this.#topics.get(topic)?.join(relay)
  }

  left(topic: Id, port: RelayPort): void {
    const relay = this.#relays.get(port)
    if (relay?.topics.delete(topic) === true) this.#topics.get(topic)?.leave(relay)
  }

  /** The connection closed, or the other side said that it does not take part in peer exchange. */
  gone(port: RelayPort): void {
    const relay = this.#relays.get(port)
    if (relay === undefined) return
    this.#relays.delete(port)
    for (const topic of relay.topics) this.#topics.get(topic)?.leave(relay)
  }

  /** Never throws. */
  received(port: RelayPort, message: Uint8Array): void {
    const reason = this.#receive(port, message)
    if (reason !== undefined) this.#dropped.add(reason)
  }

  /** Sends a repair payload through relays of this topic to a peer whose connection lost its path. False when no relay took it. */
  repair(topic: Id, to: Id, body: Uint8Array): boolean {
    return body.length <= MAX_BODY && (this.#topics.get(topic)?.repair(to, body) ?? false)
  }

  subscribe(id: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw new SwarmlinkError('ERR_CLOSED', `the signalling ${this.name} was closed`)
    if (this.#topics.has(id)) throw misuse(`the topic ${id} has a listener already`)
    const topic = new ExchangeTopic(this.#options.env, id, listener, call => this.#notify(call))
    this.#topics.set(id, topic)
    for (const relay of this.#relays.values()) if (relay.topics.has(id)) topic.join(relay)
    return () => {
      if (this.#topics.get(id) !== topic) return
      this.#topics.delete(id)
      topic.stop()
    }
  }

  announce(announcement: Announcement): boolean {
    const topic = this.#topics.get(announcement.topic)
    return topic?.open === true && topic.query.announce(announcement)
  }

  dialable(id: Id): Id[] {
    const dialable = this.#topics.get(id)?.dialable() ?? []
    return this.#accusedSenders.size === 0 ? dialable : dialable.filter(peer => !this.#isAccused(peer))
  }

  dial({ topic, to, offerId, sdp }: OutboundDirectedOffer): boolean {
    return this.#topics.get(topic)?.dial(to, { kind: 'offer', offerId, body: utf8.encode(sdp) }) ?? false
  }

  answer({ topic, to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#topics.get(topic)?.reply(to, { kind: 'answer', offerId, body: utf8.encode(sdp) }) ?? false
  }

  candidate({ topic, to, offerId, candidate }: OutboundCandidate): boolean {
    return this.#topics.get(topic)?.reply(to, { kind: 'candidate', offerId, body: writeCandidate(candidate) }) ?? false
  }

  refuse({ topic, to, offerId }: OutboundRefusal): boolean {
    return this.#topics.get(topic)?.reply(to, { kind: 'refusal', offerId, body: new Uint8Array() }) ?? false
  }

  /**
   * The relay that forwarded this description is never used again. A hostile sender may have forged its own signature to get an honest
   * relay accused; so a sender that is named in two accusations is ignored, too, whichever relay forwards its payloads.
   */
  distrust({ from, sdp }: InboundDescription): void {
    const forger = [...this.#relays.values()].find(({ descriptions }) => descriptions.has(sdp))
    if (forger === undefined) return
    log('%s: distrusted as a relay, forwarded a forged description of %s', forger.port.remote.slice(0, 8), from.slice(0, 8))
    this.#distrusted.set(forger.port.remote, true)
    this.#accusedSenders.set(from, (this.#accusedSenders.get(from) ?? 0) + 1)
    this.gone(forger.port)
  }

  /** Final. Listeners of topics that are still subscribed get `close`. */
  close(): void {
    this.#closed = true
    for (const port of this.#relays.keys()) this.gone(port)
    this.#topics.clear()
  }

  #receive(port: RelayPort, bytes: Uint8Array): ExchangeDropReason | undefined {
    const relay = this.#relays.get(port)
    if (relay === undefined) return 'stranger'
    try {
      const message = decode(bytes)
      if (message === undefined) return 'unknown-type'
      const topic = this.#topics.get(message.topic)
      return topic?.has(relay) === true ? this.#use(topic, relay, message) : 'misplaced'
    } catch (thrown) {
      log('%s: %s', port.remote.slice(0, 8), thrown)
      return thrown instanceof ProtocolError ? 'malformed' : 'listener'
    }
  }

  #use(topic: ExchangeTopic, relay: RelayPeer, message: ExchangeFrame): ExchangeDropReason | undefined {
    switch (message.type) {
      case 'query':
        return topic.forwarder.answerQuery(relay, message)
      case 'forward': {
        const fault = topic.forwarder.forward(relay, message)
        if (fault === undefined) this.#passedOn++
        return fault
      }
      case 'members':
        return topic.named(relay, message.members)
      case 'unreachable':
        return topic.unreachable(relay, message.peer, message.offerId)
      case 'forwarded': {
        const { peer, payload } = message
        if (this.#isAccused(peer)) return 'stranger'
        if (payload.kind === 'dial-request') return topic.dialRequested(relay, peer)
        if (payload.kind !== 'repair') return topic.received(relay, peer, payload)
        if (!relay.repairs.take(1, this.#options.env.now())) return 'too-fast'
        topic.repairReceived(relay, peer)
        this.#notify(() => this.#options.repair?.(peer, payload.body))
        return undefined
      }
    }
  }

  #isAccused(id: Id): boolean {
    return (this.#accusedSenders.get(id) ?? 0) >= MAX_ACCUSATIONS
  }

  /** Counts what a listener throws; the other listeners and frames are not affected. */
  #notify(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      log('a listener failed: %s', thrown)
      this.#dropped.add('listener')
    }
  }
}
