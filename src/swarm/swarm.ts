/** One topic: announces through every signalling, accepts and dials peers, and hands them over. {@link SwarmContext} has the decisions. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import { Emitter } from '../core/emitter.js'
import { asError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { OutboundOffer, Signaling } from '../signaling/signaling.js'
import { Announcer } from './announce/announcer.js'
import type { Invitations } from './announce/invitations.js'
import type { StageCounts } from './counters.js'
import { EXCHANGE } from './dialing/dial-policy.js'
import type { Handshake } from './handshake/handshake.js'
import type { SharedTopic } from './session/shared-topics.js'
import { SwarmContext } from './swarm-context.js'
import type { SwarmEvents, SwarmOptions } from './swarm-options.js'
import type { SwarmPeers } from './swarm-peers.js'

export class Swarm extends Emitter<SwarmEvents> implements AsyncDisposable {
  readonly topic: Id
  readonly #context: SwarmContext
  readonly #announcers = new Map<string, Announcer>()
  readonly #shared: SharedTopic
  #made: SwarmPeers | undefined
  #invitations: Invitations | undefined
  #warned = false
  #closing: Promise<void> | undefined

  constructor(options: SwarmOptions) {
    super()
    const { topic, runtime } = options
    this.topic = topic
    runtime.topics.set(topic, this)
    const context = new SwarmContext(options, {
      tell: (name, ...args) => void this.emit(name, ...args),
      wake: () => {
        for (const announcer of this.#announcers.values()) announcer.wake()
      },
    })
    this.#context = context
    this.#shared = {
      topic,
      open: () => !context.checkPause() && (!context.policy.full || context.policy.invites()),
      wants: remote => context.gater.welcomes(remote.announceId, runtime.isProven(remote)),
      meet: (peer, role) => this.#peers?.upgrader.meet(peer, role),
    }
    if (options.isolated === true) context.registry.shares = false
    else
      queueMicrotask(() => {
        // A peer that is connected for another topic may join at once, and the caller's listeners are added after this constructor.
        if (!context.closed && context.registry.shares) runtime.sharedTopics.join(this.#shared)
      })
    context.policy.exchanges = runtime.exchange && context.registry.shares && options.exchange !== false
    void this.#prepare()
  }

  /** The peers that are connected. */
  get peers(): TopicPeer[] {
    return this.#context.registry.peers()
  }

  get connections(): DataConnection[] {
    return this.#made?.messages.connections ?? []
  }

  get signalings(): Signaling[] {
    return [...this.#announcers.values()].map(({ signaling }) => signaling)
  }

  /** How many peers reached each stage. */
  stages(): StageCounts {
    return this.#context.counters.total()
  }

  /** The same for each signalling. */
  stagesBySignaling(): Record<string, StageCounts> {
    return this.#context.counters.bySignaling()
  }

  /** Counts a peer that became a wire. */
  wired(peer: TopicPeer): void {
    this.#context.counters.add('wired', peer.origin.name)
  }

  /** The topic proved private: from now on its connections serve no other topic, and peer exchange is off. */
  isolate(): void {
    const { registry, policy, runtime } = this.#context
    if (!registry.shares) return
    registry.shares = false
    policy.exchanges = false
    for (const connection of runtime.sharedTopics.isolate(this.#shared)) runtime.index.isolate(connection)
    void this.detach(EXCHANGE)
  }

  /** Refuses this peer for 30 to 60 s. */
  avoid(peer: TopicPeer): void {
    this.#context.avoid(peer)
  }

  /** Announces through this signalling too, from now on. */
  attach(signaling: Signaling): void {
    const { name } = signaling
    if (this.#context.closed || this.#announcers.has(name)) return
    try {
      this.#announcers.set(name, new Announcer(signaling, this.#context, handle => void this.#withHandshake(handle)))
    } catch (error) {
      // A signalling of the application, or one that was closed.
      this.emit('warning', asError(error, 'ERR_SIGNALING_LINK', `subscribing to ${name} failed`))
    }
  }

  /** Says goodbye to one signalling. The peers that it brought stay. */
  async detach(name: string): Promise<void> {
    const announcer = this.#announcers.get(name)
    this.#announcers.delete(name)
    await announcer?.close()
  }

  /** Announces now; resolves when every signalling has replied, or after 5 s. */
  async discover(): Promise<void> {
    const rounds = [...this.#announcers.values()].map(announcer => announcer.round())
    this.#need()
    await Promise.all(rounds)
  }

  /** An offer that a person carries. Its answer may take minutes, and comes by this signalling. */
  async invite(signaling: Signaling): Promise<OutboundOffer> {
    const { Invitations } = await this.#context.runtime.peerFeatures()
    this.#invitations ??= new Invitations(this.#context)
    const offer = await this.#invitations.make(signaling)
    this.#announcers.get(signaling.name)?.wake() // so that it notices when the offer expires
    this.#context.counters.add('offered', signaling.name)
    return offer
  }

  /** Everything is downloaded: tells the trackers. */
  completed(): void {
    for (const announcer of this.#announcers.values()) announcer.completed()
    this.#need()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { sharedTopics, topics } = this.#context.runtime
    if (topics.get(this.topic) === this) topics.delete(this.topic)
    sharedTopics.leave(this.#shared)
    this.#context.close()
    const detaching = [...this.#announcers.keys()].map(name => this.detach(name))
    this.#made?.close()
    await Promise.all(detaching)
  }

  /** Undefined before {@link Runtime.peerFeatures} has loaded. */
  get #peers(): SwarmPeers | undefined {
    const { features, inbound } = this.#context.runtime
    if (features !== undefined && inbound !== undefined && !this.#context.closed)
      this.#made ??= new features.SwarmPeers(this.#context, inbound)
    return this.#made
  }

  /** Loads what the first peer needs, and again when a peer comes if that failed; connected peers introduce others from then on. */
  async #prepare(): Promise<void> {
    const { runtime, policy } = this.#context
    try {
      await runtime.peerFeatures()
      const { exchange } = runtime.sharedTopics
      if (this.#peers !== undefined && exchange !== undefined && policy.exchanges) this.attach(exchange)
    } catch (error) {
      if (!this.#warned) this.emit('warning', asError(error, 'ERR_ENGINE', 'peers cannot connect'))
      this.#warned = true
    }
  }

  /** What arrives before the handshake is loaded waits for it. */
  async #withHandshake(handle: (handshake: Handshake) => unknown): Promise<void> {
    if (this.#peers === undefined) await this.#prepare()
    if (this.#peers === undefined || this.#context.closed) return
    try {
      await handle(this.#peers.handshake)
    } catch (error) {
      this.emit('warning', asError(error, 'ERR_ENGINE', 'a handshake failed'))
    }
  }

  #need(): void {
    this.#context.scheduler.need()
    this.#context.wake()
  }
}
