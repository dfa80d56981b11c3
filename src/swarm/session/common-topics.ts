/**
 * The topics that one connection serves or could serve: one state each. Decides when a topic is shown to the remote, opened and rested.
 * Knows no channel and no certificate.
 *
 * The answerer shows a topic each time that it would serve it, and never while it serves it. The offerer opens a topic once for each time that
 * it was shown. So the channels of a wire that ended never meet those of the next one.
 */
import { MAX_SHOWN } from '../../channel/control/control-outbox.js'
import { HASH_BYTES } from '../../channel/control/codec.js'
import { backoff } from '../../core/backoff.js'
import type { Env, Timer } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import type { Role } from '../../peer/negotiation.js'
import { CONNECT_TIMEOUT, type RemotePeer } from '../../peer/remote-peer.js'
import { type PeerOrigin, type TopicEnd, TopicPeer } from '../../peer/topic-peer.js'
import type { SharedTopics, SharedTopic } from './shared-topics.js'
import { ShownNames } from './shown-names.js'
import { TopicNames } from './topic-names.js'

/** Each takes two of the 511 channels that an engine has. */
const MAX_TOPICS = 200
/** Rate limit for the channels that a topic in common opens: those of all topics at once, then ten a second. */
const OPENING = { burst: 2 * MAX_TOPICS, rate: 10 }
/**
 * Rate limits for unknown names that the remote shows or opens. An honest remote shows at most 2 048 at a time, half of them fillers; a
 * remote that exceeds the limit tests a list of topics, and is disconnected.
 */
const STRANGE = { burst: 8_192, rate: 10 }
const STRANGE_OPENED = { burst: 1_000, rate: 1 }
/** A topic that was served this long resets its back-off. */
const LASTING = 30_000
/** The rest after this side ended a topic, for instance because WebTorrent closed its wire. It grows while no wire lasts. */
const REST = { first: 1_000, factor: 2, max: 60_000 }
/** Early ends by the remote that cost no rest: a torrent that was removed and added again is met at once. */
const FREE_ENDS = 3
/** How often a topic is offered again that did not want this remote, which may have failed lately or have another connection. */
const LOOK = 2_000
/** The offerer opens a topic that was not shown anew after this time: the answerer's frame can be lost with its channel. */
const UNINVITED = 5_000

const HERE: PeerOrigin = { name: 'connection', source: 'connection' }

/** Absent for a topic that may be offered at any time. */
type State =
  /** Answerer: the remote was told, and may open it. */
  | { readonly name: 'shown' }
  /** `since`: when it opened. */
  | { readonly name: 'served'; readonly peer: TopicPeer; readonly since?: number }
  /** Until the timer fires. `resting`: it has just ended. `unwelcome`: its swarm does not want this remote. `uninvited`: not shown anew. */
  | { readonly name: 'resting' | 'unwelcome' | 'uninvited'; readonly timer: Timer }

/** One object for all: a service has a thousand topics on each of a thousand connections. */
const SHOWN: State = { name: 'shown' }

export interface CommonTopicsDeps {
  env: Env
  peer: RemotePeer
  role: Role
  /** Absent where the connection serves the one topic that it was made for. */
  sharedTopics: SharedTopics | undefined
  /** Tells the remote, and knows what the remote has shown and not taken back. */
  control: { show(hashes: string[]): void; hide(hashes: string[]): void; readonly topics: ReadonlySet<string> }
  /** The keyed hash by which that side names a topic on this connection. */
  hash: (topic: Id, by: Role) => string
  /** Offerer: opens this topic's channels. */
  open: (peer: TopicPeer, topic: Id) => void
  /** Both sides serve this topic from now on; or this side ended it. */
  joined: (topic: Id) => void
  left: (topic: Id) => void
  /** The last topic ended. */
  done: (error: SwarmlinkError | undefined) => void
  /** The remote exceeded {@link STRANGE} or {@link STRANGE_OPENED}. */
  fault: (error: SwarmlinkError) => void
}

export class CommonTopics {
  readonly #deps: CommonTopicsDeps
  readonly #states = new Map<Id, State>()
  /** How often in a row each topic ended before {@link LASTING}. */
  readonly #early = new Map<Id, number>()
  /** The remote's names of our topics, made when it uses the first: most connections serve one topic and use none. */
  readonly #names: TopicNames
  readonly #shown: ShownNames
  readonly #opening: TokenBucket
  readonly #strange: TokenBucket
  /** Offerer: names that the answerer has not shown anew since they were opened. */
  readonly #spent = new Set<string>()
  /** Topics that were not served because {@link MAX_TOPICS} are. */
  readonly #excess = new Set<Id>()
  #served = 0
  #isolated = false

  constructor(deps: CommonTopicsDeps) {
    this.#deps = deps
    this.#names = new TopicNames(topic => deps.hash(topic, deps.role === 'offerer' ? 'answerer' : 'offerer'))
    const { env, role, control } = deps
    this.#shown = new ShownNames({ env, size: HASH_BYTES, most: MAX_SHOWN, control })
    this.#opening = new TokenBucket(OPENING)
    this.#strange = new TokenBucket(role === 'offerer' ? STRANGE : STRANGE_OPENED)
  }

  /** The connection is up. */
  start(): void {
    if (this.#deps.role === 'answerer' && !this.#isolated) this.#shown.start()
  }

  /** The topics that are served. */
  get topics(): Id[] {
    return [...this.#states].flatMap(([topic, { name }]) => (name === 'served' ? topic : []))
  }

  /** Serves this topic from now on: the one that the connection was made for, or one that was found in common. */
  begin(topic: Id, origin: PeerOrigin): TopicPeer {
    const { env, peer: connection, sharedTopics, joined } = this.#deps
    const peer: TopicPeer = new TopicPeer(connection, origin, (error, how) => this.#ended(topic, peer, error, how))
    this.#set(topic, { name: 'served', peer })
    this.#served++
    peer.on('connect', () => {
      this.#set(topic, { name: 'served', peer, since: env.now() })
      if (sharedTopics?.get(topic) !== undefined) joined(topic)
    })
    return peer
  }

  /** Serves this topic as soon as both sides want it. To be called whenever that may have changed. */
  offer(shared: SharedTopic): void {
    const { peer, role } = this.#deps
    const { topic } = shared
    const name = this.#states.get(topic)?.name
    if (name === 'served' || name === 'shown' || name === 'resting' || this.#isolated || peer.state !== 'open') return
    // Only a topic that the remote has shown: a wire's first message names the torrent.
    if (role === 'offerer' && !this.#isShown(topic)) return
    if (this.#served >= MAX_TOPICS) this.#excess.add(topic)
    else if (!shared.open()) return // its swarm offers it again
    else if (!shared.wants(peer.remote)) this.#wait(topic, 'unwelcome', LOOK)
    else if (role === 'offerer') this.#open(shared)
    else {
      this.#set(topic, SHOWN)
      this.#shown.show(this.#deps.hash(topic, 'answerer'))
    }
  }

  /** The topic left this client. Its peer ends by itself. */
  hide(topic: Id): void {
    this.#takeBack(topic)
    if (this.#states.get(topic)?.name !== 'served') this.#set(topic)
    this.#early.delete(topic)
    this.#excess.delete(topic)
  }

  /** Serves no further topic from now on. */
  isolate(): void {
    this.#isolated = true
    for (const [topic, { name }] of this.#states) if (name === 'shown') this.hide(topic)
  }

  /** The remote has shown these topics, for the first time or anew. */
  found(hashes: string[]): void {
    if (this.#deps.role !== 'offerer') return
    for (const hash of hashes) this.#spent.delete(hash)
    const meant = this.#meant(hashes)
    this.#count(hashes.length - meant.length)
    for (const shared of meant) this.offer(shared)
  }

  /** Answerer: the peer whose channel the remote opened under this name; undefined where the channel is to be closed. */
  opened(hash: string): TopicPeer | undefined {
    const { env, role, peer } = this.#deps
    // An unknown name costs a look at all topics.
    const isKnown = this.#names.topic(hash) !== undefined
    if (role !== 'answerer' || !(isKnown || this.#opening.take(1, env.now()))) return undefined
    const [shared] = this.#meant([hash])
    if (shared === undefined) return this.#count(1)
    const state = this.#states.get(shared.topic)
    if (state?.name === 'served') return state.peer
    const isFree = state?.name !== 'resting' && !this.#isolated && this.#served < MAX_TOPICS && peer.state === 'open'
    if (isFree && shared.open() && shared.wants(peer.remote)) return this.#meet(shared)
    if (state?.name === 'shown') {
      this.#takeBack(shared.topic)
      this.#set(shared.topic)
    }
    this.offer(shared) // shows it anew as soon as the remote may open it
    return undefined
  }

  close(): void {
    for (const topic of this.#states.keys()) this.#set(topic)
  }

  #isShown(topic: Id): boolean {
    const { topics } = this.#deps.control
    return topics.size > 0 && topics.has(this.#names.of(topic))
  }

  #open(shared: SharedTopic): void {
    const { env, control, open } = this.#deps
    const { topic } = shared
    const name = this.#names.of(topic)
    if (this.#spent.has(name)) return this.#wait(topic, 'uninvited', UNINVITED)
    if (!this.#opening.take(2, env.now())) return this.#wait(topic, 'resting', REST.first)
    // A name that the answerer took back is new when it is shown again.
    if (this.#spent.size > OPENING.burst) for (const old of this.#spent) if (!control.topics.has(old)) this.#spent.delete(old)
    this.#spent.add(name)
    open(this.#meet(shared), topic)
  }

  #meet(shared: SharedTopic): TopicPeer {
    const { env, role } = this.#deps
    const peer = this.begin(shared.topic, HERE)
    const late = () => peer.destroy(new SwarmlinkError('ERR_CONNECT_TIMEOUT', 'a torrent in common did not open in time'))
    const deadline = env.timer(CONNECT_TIMEOUT, late)
    peer.on('connect', () => deadline.cancel())
    peer.on('close', () => deadline.cancel())
    shared.meet(peer, role)
    return peer
  }

  /** A peer of a topic ended. The connection ends with the last one. */
  #ended(topic: Id, peer: TopicPeer, error: SwarmlinkError | undefined, how: TopicEnd): void {
    const { env, sharedTopics, done } = this.#deps
    const state = this.#states.get(topic)
    if (state?.name !== 'served' || state.peer !== peer) return
    this.#served--
    if (this.#served === 0) return done(error)
    this.#takeBack(topic)
    this.#set(topic)
    if (sharedTopics?.get(topic) !== undefined) {
      const lasted = state.since !== undefined && env.now() - state.since >= LASTING
      const early = lasted ? 0 : (this.#early.get(topic) ?? 0) + (how === 'refused' ? 0 : 1)
      this.#early.set(topic, early)
      this.#wait(topic, 'resting', restAfter(how, early))
    }
    for (const waiting of this.#excess) {
      if (this.#served >= MAX_TOPICS) return
      this.#excess.delete(waiting)
      this.#offerAgain(waiting)
    }
  }

  /** Tells the remote that it may not open this topic any more, if it was told that it may. */
  #takeBack(topic: Id): void {
    const { role, hash, left } = this.#deps
    const name = this.#states.get(topic)?.name
    if (role === 'answerer' && (name === 'shown' || name === 'served')) this.#shown.hide(hash(topic, 'answerer'))
    this.#names.delete(topic)
    left(topic)
  }

  /** Looks at the topic again after this time. */
  #wait(topic: Id, name: 'resting' | 'unwelcome' | 'uninvited', ms: number): void {
    if (this.#states.get(topic)?.name === name) return // since before
    const timer = this.#deps.env.timer(ms, () => {
      this.#set(topic)
      if (name === 'uninvited') this.#spent.delete(this.#names.of(topic))
      this.#offerAgain(topic)
    })
    this.#set(topic, { name, timer })
  }

  #offerAgain(topic: Id): void {
    const shared = this.#deps.sharedTopics?.get(topic)
    if (shared !== undefined) this.offer(shared)
  }

  /** Counts names that match no topic of this client. */
  #count(strange: number): undefined {
    if (strange > 0 && !this.#strange.take(strange, this.#deps.env.now()))
      this.#deps.fault(new SwarmlinkError('ERR_BAD_FRAME', 'the peer exceeded the rate limit for names of unknown topics'))
  }

  /** Which of our topics the remote means by these. */
  #meant(hashes: string[]): SharedTopic[] {
    const { sharedTopics } = this.#deps
    for (const { topic } of sharedTopics?.topics ?? []) this.#names.of(topic)
    return hashes.flatMap(hash => sharedTopics?.get(this.#names.topic(hash) ?? '') ?? [])
  }

  /** Cancels the timer of the state before. */
  #set(topic: Id, state?: State): void {
    const before = this.#states.get(topic)
    if (before !== undefined && 'timer' in before) before.timer.cancel()
    if (state === undefined) this.#states.delete(topic)
    else this.#states.set(topic, state)
  }
}

function restAfter(how: TopicEnd, early: number): number {
  if (how === 'here') return backoff(REST, Math.max(0, early - 1))
  return how === 'refused' || early <= FREE_ENDS ? 0 : backoff(REST, early - FREE_ENDS - 1)
}
