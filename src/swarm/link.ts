/**
 * The connection to one swarmlink peer: its control channel, its repair, and the channels of each topic that both sides have. What is in
 * common is found by keyed hashes: the callee shows its topics, the caller opens those that it has too, under a hash of its own. Only who
 * knows a topic can tell, or say, that it is meant. When a topic is shown and opened is the matter of {@link CommonTopics}.
 */
import { Control } from '../channel/control.js'
import { EXCHANGE, HASH_BYTES, SHARING } from '../channel/control-wire.js'
import { concatBytes, sha256, toHex, utf8 } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { idBytes, type Id } from '../core/id.js'
import type { EngineChannel } from '../engine/engine.js'
import type { Role } from '../peer/negotiation.js'
import { OUR_LABEL, type RemotePeer } from '../peer/remote-peer.js'
import type { Introducer, TopicPeer } from '../peer/topic-peer.js'
import type { RelayPort } from '../signaling/relay/port.js'
import type { RelaySignaling } from '../signaling/relay/relay.js'
import { CommonTopics } from './common-topics.js'
import { Repair } from './repair.js'
import type { Sharing, SharedTopic } from './sharing.js'
import { MESSAGES, TopicChannels, WIRE } from './topic-channels.js'

const DOMAIN = utf8.encode('swarmlink topics in common')
/** A peer that calls anew has lost us, unless its call left before it had us; one that calls everybody all the time is asked this often. */
const SUSPICION = { after: 10_000, gap: 30_000 }

const CONTROL = `${OUR_LABEL}control`
const FURTHER = new RegExp(`^${OUR_LABEL}(${WIRE}|${MESSAGES}):([0-9a-f]{${2 * HASH_BYTES}})$`)

export interface LinkParts {
  env: Env
  peer: RemotePeer
  role: Role
  sharing: Sharing | undefined
  /** Topics in common may be looked for with this peer. */
  shares: boolean
  /** Others may be introduced to this peer, and it to them. */
  exchanges: boolean
  /** The connection serves no further topic: one of the two sides shares nothing with the other. */
  secluded: () => void
}

export class Link implements RelayPort {
  readonly peer: RemotePeer
  readonly role: Role
  readonly #env: Env
  /** Absent where the connection serves the one topic that it was made for. */
  readonly #sharing: Sharing | undefined
  readonly #mayExchange: boolean
  readonly #control: Control
  readonly #channels: TopicChannels
  readonly #repair: Repair
  readonly #topics: CommonTopics
  /** The topic that brought us together: its channels need no hash. */
  #origin: { topic: Id; peer: TopicPeer } | undefined
  /** Both certificates in one: what is shown here means nothing anywhere else. */
  #secret: Uint8Array | undefined
  #suspectAfter = Number.POSITIVE_INFINITY

  constructor({ env, peer, role, sharing, shares, exchanges, secluded }: LinkParts) {
    this.#env = env
    this.peer = peer
    this.role = role
    this.#sharing = sharing
    this.#mayExchange = exchanges
    this.#control = new Control({
      env,
      role,
      capabilities: (this.#relay === undefined ? 0 : EXCHANGE) | (sharing === undefined || !shares ? 0 : SHARING),
      host: {
        open: () => peer.openChannel('control'),
        isWell: () => peer.isWell,
        renewed: () => {
          if (this.#relay !== undefined) this.#repair.tellKey()
        },
        greeted: () => {
          if (this.exchanges === false) this.#relay?.gone(this)
          if (shares && this.#has(SHARING) === false) {
            this.#topics.seclude()
            secluded()
          }
        },
        topics: hashes => this.#topics.found(hashes),
        bye: () => peer.destroy(),
        restart: frame => this.#repair.heard(frame),
        relay: message => this.#relay?.received(this, message),
        silent: hash => this.#channels.silenced(hash),
        fault: error => peer.destroy(error),
      },
    })
    this.#channels = new TopicChannels({ env, connection: peer, silent: hash => this.#control.silent(hash) })
    this.#topics = new CommonTopics({
      env,
      peer,
      role,
      sharing,
      control: this.#control,
      hash: (topic, by) => this.#hash(topic, by),
      open: (topicPeer, topic) => this.#open(topicPeer, topic),
      joined: topic => this.#relay?.joined(topic, this),
      left: topic => this.#relay?.left(topic, this),
      fault: error => peer.destroy(error),
      done: error => {
        this.bye()
        peer.destroy(error)
      },
    })
    if (!shares) this.#topics.seclude()
    this.#repair = new Repair({
      env,
      peer,
      role,
      say: frame => void this.#control.restart(frame),
      pass: message => this.#passOn(message),
    })
    peer.on('channel', channel => this.#receive(channel))
    peer.on('connect', () => this.#connected())
    peer.on('close', () => this.#closed())
  }

  get remote(): Id {
    return this.peer.remote.announceId
  }

  get #relay(): RelaySignaling | undefined {
    return this.#mayExchange ? this.#sharing?.relay : undefined
  }

  get exchanges(): boolean | undefined {
    return this.#has(EXCHANGE)
  }

  /** Undefined before the other side said what it can do. */
  #has(capability: number): boolean | undefined {
    const { capabilities } = this.#control
    return capabilities === undefined ? undefined : (capabilities & capability) !== 0
  }

  /** Names the topic that brought us together. */
  begin(topic: Id, introducer: Introducer): TopicPeer {
    const peer = this.#topics.begin(topic, introducer)
    this.#origin = { topic, peer }
    this.peer.on('connect', () => {
      if (this.peer.first !== undefined) peer.begin(this.peer.first)
    })
    return peer
  }

  /** Opens the message channel of the topic that brought us together. */
  converse(): void {
    if (this.#origin !== undefined) this.#channels.openMessages(this.#origin.peer)
  }

  /** The two certificates of this connection. */
  bind(offerFingerprint: string, answerFingerprint: string): void {
    this.#repair.bind(this.role === 'caller' ? answerFingerprint : offerFingerprint)
    this.#secret = sha256(concatBytes(DOMAIN, utf8.encode(`${offerFingerprint}\n${answerFingerprint}`)))
  }

  /** This topic may be shared, for the first time or again. */
  offer(shared: SharedTopic): void {
    this.#topics.offer(shared)
  }

  /** This topic proved private. True when it brought this connection about, which serves no further topic from now on. */
  seclude(topic: Id): boolean {
    if (this.#origin?.topic !== topic || this.#origin.peer.state === 'closed') return false
    this.#topics.seclude()
    this.#control.withdraw(SHARING) // or the topics of the remote would wait for this connection
    return true
  }

  /** It is not shared any more. */
  hide(topic: Id): void {
    this.#topics.hide(topic)
  }

  send(message: Uint8Array): boolean {
    return this.peer.isWell && this.#control.relay(message)
  }

  /** Our addresses may have changed: looks for another path while this one may still be good. */
  moved(): void {
    this.#repair.begin()
    this.#repair.hurry()
  }

  /** Somebody passes on what the other side is said to say about this connection. */
  passed(message: Uint8Array): void {
    this.#repair.passed(message)
  }

  /**
   * The other side calls, though it is connected as far as we know: says a word to it. An engine may take half a minute to miss a peer
   * that it has nothing to say to, and half of that once a word is not acknowledged; how long an answer may take behind all that waits
   * nobody here knows.
   */
  suspect(): void {
    if (!this.peer.isWell) return this.#repair.hurry()
    const now = this.#env.now()
    if (now < this.#suspectAfter) return
    this.#suspectAfter = now + SUSPICION.gap
    this.#control.ping().catch(() => {})
  }

  /** Tells the other side that we go, if there is a way to tell. */
  bye(): void {
    this.#control.bye()
  }

  #connected(): void {
    this.#suspectAfter = this.#env.now() + SUSPICION.after
    this.#control.start()
    const sharing = this.#sharing
    if (sharing === undefined) return
    sharing.add(this)
    this.#topics.start()
    for (const shared of sharing.topics) this.offer(shared) // the other side may have been quicker, and have shown its own
  }

  /** To the other side, by somebody who is connected to both of us. */
  #passOn(message: Uint8Array): boolean {
    return this.#topics.topics.some(topic => this.#relay?.repair(topic, this.remote, message) === true)
  }

  #closed(): void {
    this.#sharing?.delete(this)
    this.#relay?.gone(this)
    this.#control.close()
    this.#topics.close()
  }

  #open(peer: TopicPeer, topic: Id): void {
    const hash = this.#hash(topic, 'caller')
    this.#channels.openWire(peer, hash)
    this.#channels.openMessages(peer, hash)
  }

  #receive(channel: EngineChannel): void {
    if (channel.label === CONTROL) return this.#control.adopt(channel)
    const [, kind, hash] = FURTHER.exec(channel.label) ?? []
    const isOrigins = channel.label === OUR_LABEL + MESSAGES && this.role === 'callee'
    const peer = isOrigins ? this.#origin?.peer : hash === undefined ? undefined : this.#topics.opened(hash)
    if (peer === undefined) channel.close()
    else if (kind === WIRE) peer.begin(channel)
    else this.#channels.adoptMessages(peer, channel, hash)
  }

  #hash(topic: Id, by: Role): string {
    if (this.#secret === undefined) throw new SwarmlinkError('ERR_ENGINE', 'a connection without certificates')
    const text = concatBytes(this.#secret, utf8.encode(by), idBytes(topic))
    return toHex(sha256(text).subarray(0, HASH_BYTES))
  }
}
