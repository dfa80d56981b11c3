/**
 * One peer of ours and the topics that we share with it, each with channels of its own on the one connection. What is in common
 * is found by keyed hashes: the callee shows its topics, the caller opens those that it has too, under a hash of its own. Only who knows a
 * topic can tell, or say, that it is meant.
 */
import { Control } from '../channel/control.js'
import { EXCHANGE, HASH_BYTES } from '../channel/control-wire.js'
import { concatBytes, sha256, toHex, utf8 } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { idBytes, type Id } from '../core/id.js'
import { TokenBucket } from '../core/token-bucket.js'
import type { EngineChannel } from '../engine/engine.js'
import type { Role } from '../peer/negotiation.js'
import { CONNECT_TIMEOUT, OUR_LABEL, type RemotePeer } from '../peer/remote-peer.js'
import { type Introducer, TopicPeer } from '../peer/topic-peer.js'
import type { RelayPort } from '../signaling/relay/port.js'
import type { RelaySignaling } from '../signaling/relay/relay.js'
import { Repair } from './repair.js'
import type { Sharing, SharedTopic } from './sharing.js'
import { MESSAGES, TopicChannels, WIRE } from './topic-channels.js'
import { TopicNames } from './topic-names.js'

const DOMAIN = utf8.encode('swarmlink topics in common')
/** Each takes two of the 511 channels that an engine has. */
const MAX_TOPICS = 200
/** A topic that came to nothing, or that we have enough of, is left alone for so long. */
const REST = 60_000
/** One that the other side closed may be back at once: a torrent that was removed and added again. */
const SHORT_REST = 5_000
/** Topics that a caller opens: all at once, and then no more than it adds by itself. */
const OPENING = { burst: 2 * MAX_TOPICS, rate: 10 }
/** A peer that calls anew has lost us, unless its call left before it had us; one that calls everybody all the time is asked this often. */
const SUSPICION = { after: 10_000, gap: 30_000 }

const CONTROL = `${OUR_LABEL}control`
const FURTHER = new RegExp(`^${OUR_LABEL}(${WIRE}|${MESSAGES}):([0-9a-f]{${2 * HASH_BYTES}})$`)

const HERE: Introducer = { name: 'connection', source: 'connection' }

export interface LinkParts {
  env: Env
  peer: RemotePeer
  role: Role
  sharing: Sharing | undefined
  /** Others may be introduced to this peer, and it to them. */
  exchanges: boolean
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
  readonly #peers = new Map<Id, TopicPeer>()
  /** The topic that brought us together: its channels need no hash. */
  #origin: TopicPeer | undefined
  #secluded = false
  /** Both certificates in one: what is shown here means nothing anywhere else. */
  #secret: Uint8Array | undefined
  /** Made when the other side uses such names: many have one topic, and never do. */
  readonly #names: TopicNames
  readonly #shown = new Set<Id>()
  readonly #resting = new Map<Id, Timer>()
  readonly #opening: TokenBucket
  #suspectAfter = Number.POSITIVE_INFINITY

  constructor({ env, peer, role, sharing, exchanges }: LinkParts) {
    this.#env = env
    this.peer = peer
    this.role = role
    this.#sharing = sharing
    this.#mayExchange = exchanges
    this.#names = new TopicNames(topic => this.#hash(topic, role === 'caller' ? 'callee' : 'caller'))
    this.#opening = new TokenBucket(OPENING, env.now())
    this.#control = new Control({
      env,
      role,
      capabilities: this.#relay === undefined ? 0 : EXCHANGE,
      host: {
        open: () => peer.openChannel('control'),
        isWell: () => peer.isWell,
        renewed: () => {
          if (this.#relay !== undefined) this.#repair.tellKey()
        },
        greeted: () => {
          if (this.exchanges === false) this.#relay?.gone(this)
        },
        topics: hashes => this.#found(hashes),
        bye: () => peer.destroy(),
        restart: frame => this.#repair.heard(frame),
        relay: message => this.#relay?.received(this, message),
        silent: hash => this.#channels.silenced(hash),
        fault: error => peer.destroy(error),
      },
    })
    this.#channels = new TopicChannels({ env, connection: peer, silent: hash => this.#control.silent(hash) })
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
    const { capabilities } = this.#control
    return capabilities === undefined ? undefined : (capabilities & EXCHANGE) !== 0
  }

  /** Names the topic that brought us together. */
  begin(topic: Id, introducer: Introducer): TopicPeer {
    const peer = this.#add(topic, introducer)
    this.#origin = peer
    this.peer.on('connect', () => {
      if (this.peer.first !== undefined) peer.begin(this.peer.first)
    })
    return peer
  }

  /** Opens the message channel of the topic that brought us together. */
  converse(): void {
    if (this.#origin !== undefined) this.#channels.openMessages(this.#origin)
  }

  /** The two certificates of this connection. */
  bind(offerFingerprint: string, answerFingerprint: string): void {
    this.#repair.bind(this.role === 'caller' ? answerFingerprint : offerFingerprint)
    this.#secret = sha256(concatBytes(DOMAIN, utf8.encode(`${offerFingerprint}\n${answerFingerprint}`)))
  }

  /** This topic may be shared: the callee says so, the caller opens what was shown to it. */
  offer(shared: SharedTopic): void {
    if (!this.#mayOffer(shared)) return
    this.#show(shared)
    this.#open(shared)
  }

  /** This topic keeps to itself: the connection that it brought about serves no other from now on. */
  seclude(topic: Id): void {
    if (this.#origin === undefined || this.#peers.get(topic) !== this.#origin) return
    this.#secluded = true
    for (const shown of this.#shown) this.hide(shown)
  }

  /** It is not shared any more. */
  hide(topic: Id): void {
    if (this.#shown.delete(topic)) this.#control.hide([this.#hash(topic, 'callee')])
    this.#names.delete(topic)
    this.#relay?.left(topic, this)
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
    for (const shared of sharing.topics) this.offer(shared) // the other side may have been quicker, and have shown its own
  }

  /** To the other side, by somebody who is connected to both of us. */
  #passOn(message: Uint8Array): boolean {
    return [...this.#peers.keys()].some(topic => this.#relay?.repair(topic, this.remote, message) === true)
  }

  #closed(): void {
    this.#sharing?.delete(this)
    this.#relay?.gone(this)
    this.#control.close()
    for (const timer of this.#resting.values()) timer.cancel()
    this.#resting.clear()
  }

  #mayOffer(shared: SharedTopic): boolean {
    const { topic } = shared
    const free = !this.#peers.has(topic) && !this.#resting.has(topic) && this.#peers.size < MAX_TOPICS
    return free && !this.#secluded && this.peer.state === 'open' && shared.open()
  }

  #show({ topic }: SharedTopic): void {
    if (this.role !== 'callee' || this.#shown.has(topic)) return
    this.#shown.add(topic)
    this.#control.show([this.#hash(topic, 'callee')])
  }

  /** The other side has these too, if they mean anything to us. */
  #found(hashes: string[]): void {
    if (this.role === 'caller') for (const shared of this.#meant(hashes)) if (this.#mayOffer(shared)) this.#open(shared)
  }

  /** What the other side means by these, as far as we share it. */
  #meant(hashes: string[]): SharedTopic[] {
    for (const { topic } of this.#sharing?.topics ?? []) this.#names.of(topic)
    return hashes.flatMap(hash => this.#sharing?.get(this.#names.topic(hash) ?? '') ?? [])
  }

  /** Only what the other side has shown: the first word on a wire names the torrent. */
  #open(shared: SharedTopic): void {
    const { topic } = shared
    const { topics } = this.#control
    if (this.role !== 'caller' || topics.size === 0 || !topics.has(this.#names.of(topic))) return
    if (!shared.wants(this.peer.remote)) return this.#rest(topic)
    const hash = this.#hash(topic, 'caller')
    const peer = this.#meet(shared)
    this.#channels.openWire(peer, hash)
    this.#channels.openMessages(peer, hash)
  }

  #receive(channel: EngineChannel): void {
    if (channel.label === CONTROL) return this.#control.adopt(channel)
    const [, kind, hash] = FURTHER.exec(channel.label) ?? []
    const isOrigins = channel.label === OUR_LABEL + MESSAGES && this.role === 'callee'
    const peer = isOrigins ? this.#origin : hash === undefined ? undefined : this.#known(hash)
    if (peer === undefined) channel.close()
    else if (kind === WIRE) peer.begin(channel)
    else this.#channels.adoptMessages(peer, channel, hash)
  }

  /** The topic that the caller means, if it is one that we share. */
  #known(hash: string): TopicPeer | undefined {
    if (this.role !== 'callee' || !this.#opening.take(1, this.#env.now())) return undefined
    const [shared] = this.#meant([hash])
    if (shared === undefined) return undefined
    const peer = this.#peers.get(shared.topic)
    return peer ?? (this.#mayOffer(shared) && shared.wants(this.peer.remote) ? this.#meet(shared) : undefined)
  }

  #meet(shared: SharedTopic): TopicPeer {
    const peer = this.#add(shared.topic, HERE)
    const late = () => peer.destroy(new SwarmlinkError('ERR_CONNECT_TIMEOUT', 'a torrent in common did not open in time'))
    const deadline = this.#env.timer(CONNECT_TIMEOUT, late)
    peer.on('connect', () => deadline.cancel())
    peer.on('close', () => deadline.cancel())
    shared.meet(peer, this.role)
    return peer
  }

  #add(topic: Id, introducer: Introducer): TopicPeer {
    const peer = new TopicPeer(this.peer, introducer, { done: (error, how) => this.#done(topic, error, how) })
    this.#peers.set(topic, peer)
    peer.on('connect', () => {
      if (this.#sharing?.get(topic) !== undefined) this.#relay?.joined(topic, this)
    })
    return peer
  }

  /** We have done with this topic; with the last of them the connection goes. */
  #done(topic: Id, error: SwarmlinkError | undefined, how: 'here' | 'there' | 'refused'): void {
    this.#peers.delete(topic)
    if (this.#peers.size === 0) {
      this.bye()
      return this.peer.destroy(error)
    }
    this.hide(topic)
    if (this.#sharing?.get(topic) !== undefined) this.#rest(topic, how === 'there' ? SHORT_REST : REST)
  }

  #rest(topic: Id, ms = REST): void {
    this.#resting.get(topic)?.cancel()
    const timer = this.#env.timer(ms, () => {
      this.#resting.delete(topic)
      const shared = this.#sharing?.get(topic)
      if (shared !== undefined) this.offer(shared)
    })
    this.#resting.set(topic, timer)
  }

  #hash(topic: Id, by: Role): string {
    if (this.#secret === undefined) throw new SwarmlinkError('ERR_ENGINE', 'a connection without certificates')
    const text = concatBytes(this.#secret, utf8.encode(by), idBytes(topic))
    return toHex(sha256(text).subarray(0, HASH_BYTES))
  }
}
