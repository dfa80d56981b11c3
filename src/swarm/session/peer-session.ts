/**
 * The session with one swarmlink peer: its control channel, its repair, and the channels of each topic in common. Topics in common are found by
 * keyed hashes: the answerer shows its topics, the offerer opens those that it has too, under a hash of its own. Only a peer that knows a topic
 * can compute, or recognize, its hash. {@link CommonTopics} decides when a topic is shown and opened.
 */
import { ControlChannel } from '../../channel/control/control-channel.js'
import { EXCHANGE, HASH_BYTES, SHARING } from '../../channel/control/codec.js'
import { concatBytes, hmacSha256, sha256, toHex, utf8 } from '../../core/bytes.js'
import type { Env } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'
import { idBytes, type Id } from '../../core/id.js'
import type { EngineChannel } from '../../engine/engine.js'
import type { Role } from '../../peer/negotiation.js'
import { OUR_LABEL, type RemotePeer } from '../../peer/remote-peer.js'
import type { PeerOrigin, TopicPeer } from '../../peer/topic-peer.js'
import type { RelayPort } from '../../signaling/exchange/relay-peer.js'
import type { ExchangeSignaling } from '../../signaling/exchange/exchange-signaling.js'
import { CommonTopics } from './common-topics.js'
import { Repair } from './repair.js'
import type { SharedTopics } from './shared-topics.js'
import { MESSAGES, TopicChannels, WIRE } from './topic-channels.js'

const DOMAIN = utf8.encode('swarmlink topics in common')
/** A connected peer that dials again may have lost us. It is pinged, but not for a dial that left before, and at most once per `gap`. */
const SUSPICION = { after: 10_000, gap: 30_000 }

const CONTROL = `${OUR_LABEL}control`
const FURTHER = new RegExp(`^${OUR_LABEL}(${WIRE}|${MESSAGES}):([0-9a-f]{${2 * HASH_BYTES}})$`)

export interface PeerSessionDeps {
  env: Env
  peer: RemotePeer
  role: Role
  sharedTopics: SharedTopics | undefined
  /** Whether topics in common are looked for with this peer. */
  shares: boolean
  /** Whether peers are introduced to this peer, and it to them. */
  exchanges: boolean
  /** Called when one of the two sides shares nothing with the other: the connection serves no further topic. */
  isolated: () => void
}

export class PeerSession implements RelayPort {
  readonly peer: RemotePeer
  readonly role: Role
  readonly #env: Env
  /** Absent where the connection serves only the topic that it was made for. */
  readonly #sharedTopics: SharedTopics | undefined
  readonly #mayExchange: boolean
  readonly #control: ControlChannel
  readonly #channels: TopicChannels
  readonly repair: Repair
  readonly topics: CommonTopics
  /** The topic that the connection was made for: its channels need no hash. */
  #origin: { topic: Id; peer: TopicPeer } | undefined
  /** The key of the hashes, from both certificates: a hash means nothing on another connection. */
  #secret: Uint8Array | undefined
  #suspectAfter = Number.POSITIVE_INFINITY

  constructor({ env, peer, role, sharedTopics, shares, exchanges, isolated }: PeerSessionDeps) {
    this.#env = env
    this.peer = peer
    this.role = role
    this.#sharedTopics = sharedTopics
    this.#mayExchange = exchanges
    this.#control = new ControlChannel({
      env,
      role,
      capabilities: (this.#relay === undefined ? 0 : EXCHANGE) | (sharedTopics === undefined || !shares ? 0 : SHARING),
      host: {
        open: () => peer.openChannel('control'),
        isWell: () => peer.isWell,
        renewed: () => {
          if (this.#relay !== undefined) this.repair.tellKey()
        },
        greeted: () => {
          if (this.exchanges === false) this.#relay?.gone(this)
          if (shares && this.#has(SHARING) === false) {
            this.topics.isolate()
            isolated()
          }
        },
        topics: hashes => this.topics.found(hashes),
        bye: () => peer.destroy(),
        restart: frame => this.repair.heard(frame),
        relay: message => this.#relay?.received(this, message),
        silent: hash => this.#channels.silenced(hash),
        fault: error => peer.destroy(error),
      },
    })
    this.#channels = new TopicChannels({ env, connection: peer, silent: hash => this.#control.silent(hash) })
    this.topics = new CommonTopics({
      env,
      peer,
      role,
      sharedTopics,
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
    if (!shares) this.topics.isolate()
    this.repair = new Repair({
      env,
      peer,
      role,
      say: frame => void this.#control.restart(frame),
      forward: message => this.#forward(message),
    })
    peer.on('channel', channel => this.#receive(channel))
    peer.on('connect', () => this.#connected())
    peer.on('close', () => this.#closed())
  }

  get remote(): Id {
    return this.peer.remote.announceId
  }

  get #relay(): ExchangeSignaling | undefined {
    return this.#mayExchange ? this.#sharedTopics?.exchange : undefined
  }

  get exchanges(): boolean | undefined {
    return this.#has(EXCHANGE)
  }

  /** Undefined before the remote sent its capabilities. */
  #has(capability: number): boolean | undefined {
    const { capabilities } = this.#control
    return capabilities === undefined ? undefined : (capabilities & capability) !== 0
  }

  /** Begins the topic that the connection was made for. */
  begin(topic: Id, origin: PeerOrigin): TopicPeer {
    const peer = this.topics.begin(topic, origin)
    this.#origin = { topic, peer }
    this.peer.on('connect', () => {
      if (this.peer.first !== undefined) peer.begin(this.peer.first)
    })
    return peer
  }

  /** Opens the message channel of that topic. */
  converse(): void {
    if (this.#origin !== undefined) this.#channels.openMessages(this.#origin.peer)
  }

  /** Sets the two certificates of this connection. */
  bind(offerFingerprint: string, answerFingerprint: string): void {
    this.repair.bind(this.role === 'offerer' ? answerFingerprint : offerFingerprint)
    this.#secret = sha256(concatBytes(DOMAIN, utf8.encode(`${offerFingerprint}\n${answerFingerprint}`)))
  }

  /** This topic proved private. True when the connection was made for it: then it serves no further topic. */
  isolate(topic: Id): boolean {
    if (this.#origin?.topic !== topic || this.#origin.peer.state === 'closed') return false
    this.topics.isolate()
    this.#control.withdraw(SHARING) // or the remote's topics would wait for this connection
    return true
  }

  send(message: Uint8Array): boolean {
    return this.peer.isWell && this.#control.relay(message)
  }

  /** Our addresses may have changed: looks for another path while this one may still work. */
  moved(): void {
    this.repair.begin()
    this.repair.hurry()
  }

  /**
   * The remote dials us, though it is connected as far as we know: pings it. An engine may take 30 s to notice that a silent peer is gone, and
   * 15 s once a message is not acknowledged. The ping itself has no timeout: it may queue behind other messages.
   */
  suspect(): void {
    if (!this.peer.isWell) return this.repair.hurry()
    const now = this.#env.now()
    if (now < this.#suspectAfter) return
    this.#suspectAfter = now + SUSPICION.gap
    this.#control.ping().catch(() => {})
  }

  /** Tells the remote that we leave, if the control channel is open. */
  bye(): void {
    this.#control.bye()
  }

  #connected(): void {
    this.#suspectAfter = this.#env.now() + SUSPICION.after
    this.#control.start()
    const sharedTopics = this.#sharedTopics
    if (sharedTopics === undefined) return
    sharedTopics.sessions.add(this)
    this.topics.start()
    for (const shared of sharedTopics.topics) this.topics.offer(shared) // the remote may have shown its topics already
  }

  /** Sends to the remote through a third peer that is connected to both sides. */
  #forward(message: Uint8Array): boolean {
    return this.topics.topics.some(topic => this.#relay?.repair(topic, this.remote, message) === true)
  }

  #closed(): void {
    this.#sharedTopics?.sessions.delete(this)
    this.#relay?.gone(this)
    this.#control.close()
    this.topics.close()
  }

  #open(peer: TopicPeer, topic: Id): void {
    const hash = this.#hash(topic, 'offerer')
    this.#channels.openWire(peer, hash)
    this.#channels.openMessages(peer, hash)
  }

  #receive(channel: EngineChannel): void {
    if (channel.label === CONTROL) return this.#control.adopt(channel)
    const [, kind, hash] = FURTHER.exec(channel.label) ?? []
    const isOrigins = channel.label === OUR_LABEL + MESSAGES && this.role === 'answerer'
    const peer = isOrigins ? this.#origin?.peer : hash === undefined ? undefined : this.topics.opened(hash)
    if (peer === undefined) channel.close()
    else if (kind === WIRE) peer.begin(channel)
    else this.#channels.adoptMessages(peer, channel, hash)
  }

  #hash(topic: Id, by: Role): string {
    if (this.#secret === undefined) throw new SwarmlinkError('ERR_ENGINE', 'a connection without certificates')
    const text = concatBytes(utf8.encode(by), idBytes(topic))
    return toHex(hmacSha256(this.#secret, text).subarray(0, HASH_BYTES))
  }
}
