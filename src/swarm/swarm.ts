/** One topic at work: announces through every signalling, connects, and hands over peers. The decisions are the coordinator's. */
import type { DataConnection } from '../channel/data-connection.js'
import { Emitter } from '../core/emitter.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { Role } from '../peer/negotiation.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import type { Introducer, TopicPeer } from '../peer/topic-peer.js'
import type { Announcement, OutboundOffer, Signaling, SwarmCounts } from '../signaling/signaling.js'
import { Announcer } from './announcer.js'
import { Arrivals } from './arrivals.js'
import type { Conversations } from './conversations.js'
import { EXCHANGE } from './calling.js'
import { Coordinator } from './coordinator.js'
import { Counters, type StageCounts } from './counters.js'
import { isProven } from './identification.js'
import type { Introduction } from './introduction.js'
import { Invitations } from './invitations.js'
import { PauseWatch } from './pause-watch.js'
import type { Rotation } from './rotation.js'
import type { SharedTopic } from './sharing.js'
import { sign } from './signing.js'
import type { SwarmEvents, SwarmOptions } from './swarm-options.js'

const log = logger('swarm')

/** What ends an attempt without saying anything about the peer. */
const NO_FAULT = new Set(['ERR_ENGINE', 'ERR_TRACKER_LINK', 'ERR_SIGNALING_LINK'])

export class Swarm extends Emitter<SwarmEvents> implements AsyncDisposable {
  readonly topic: Id
  readonly #options: SwarmOptions
  readonly #coordinator: Coordinator<LocalOffer>
  readonly #arrivals: Arrivals
  /** There with the first offer or answer. */
  #introduction: Introduction | undefined
  readonly #invitations: Invitations
  readonly #announcers = new Map<string, Announcer>()
  /** There with the first peer that has a message channel. */
  #conversations: Conversations | undefined
  #rotation: Rotation | undefined
  #warned = false
  readonly #counters = new Counters(step => this.emit('stage', step))
  readonly #pause: PauseWatch
  readonly #shared: SharedTopic
  #closing: Promise<void> | undefined

  constructor(options: SwarmOptions) {
    super()
    const { topic, network, limits, alias } = options
    const { announceId } = network
    this.topic = topic
    this.#options = options
    network.topics.set(topic, this)
    this.#coordinator = new Coordinator(network.env, announceId, id => id === announceId || id === alias, limits, network.links)
    this.#arrivals = new Arrivals({
      topic,
      network,
      coordinator: this.#coordinator,
      connecting: (peer, role) => this.#follow(peer, role),
      missed: () => this.#lost(),
    })
    this.#invitations = new Invitations({
      network,
      coordinator: this.#coordinator,
      sign: offer => this.#sign(offer),
      closed: () => this.#closing !== undefined,
    })
    this.#pause = new PauseWatch({
      env: network.env,
      isPaused: () => options.paused?.() === true,
      changed: paused => this.#paused(paused),
    })
    this.#shared = {
      topic,
      open: () => !this.#pause.look() && (!this.#coordinator.places.full || this.#coordinator.places.invites()),
      wants: remote => this.#coordinator.welcomes(remote.announceId, isProven(network, remote)),
      meet: (peer, role) => this.#arrivals.meet(peer, role),
    }
    if (options.secluded === true) this.#coordinator.registry.shares = false
    // A peer that is connected already may be met at once, and nobody listens to us yet.
    else queueMicrotask(() => this.#share())
    this.#coordinator.places.exchanges = network.exchange && this.#coordinator.registry.shares
    this.#coordinator.scarce = () => !network.budget.spare
    void this.#prepare()
  }

  /** The peers that are connected. */
  get peers(): TopicPeer[] {
    return this.#coordinator.registry.peers()
  }

  get connections(): DataConnection[] {
    return this.#conversations?.connections ?? []
  }

  get signalings(): Signaling[] {
    return [...this.#announcers.values()].map(({ signaling }) => signaling)
  }

  /** What became of everybody who was met. */
  stages(): StageCounts {
    return this.#counters.total()
  }

  /** The same for each signalling. */
  stagesBySignaling(): Record<string, StageCounts> {
    return this.#counters.bySignaling()
  }

  /** For whoever hands a peer on and knows that it became a wire. */
  wired(peer: TopicPeer): void {
    this.#counters.add('wired', peer.introducer.name)
  }

  /** This topic keeps to itself from now on. */
  seclude(): void {
    const { registry } = this.#coordinator
    if (!registry.shares) return
    registry.shares = false
    this.#coordinator.places.exchanges = false
    const { sharing, links } = this.#options.network
    for (const connection of sharing.seclude(this.#shared)) links.seclude(connection)
    void this.detach(EXCHANGE)
  }

  /** This peer is not to be tried again soon. */
  avoid(peer: TopicPeer): void {
    this.#coordinator.avoid(peer.remote.announceId, undefined, isProven(this.#options.network, peer.remote))
  }

  /** Announces there too, from now on. */
  attach(signaling: Signaling): void {
    if (this.#closing !== undefined || this.#announcers.has(signaling.name)) return
    try {
      this.#announcers.set(signaling.name, this.#announceTo(signaling))
    } catch (error) {
      // An application's own signalling, or one that was closed.
      this.emit('warning', asError(error, 'ERR_SIGNALING_LINK', `the signalling ${signaling.name} does not take this topic`))
    }
  }

  /** Meets whoever is connected for another topic and has this one too. */
  #share(): void {
    if (this.#closing !== undefined || !this.#coordinator.registry.shares) return
    this.#options.network.sharing.join(this.#shared)
  }

  /** What is needed as soon as a peer is met; connected peers introduce others from then on. */
  async #prepare(): Promise<void> {
    const { topic, network, limits, progress, rotates } = this.#options
    const { env, sharing } = network
    try {
      const { Introduction, Rotation } = await network.together()
      const { inbound } = network
      if (this.#closing !== undefined || this.#introduction !== undefined || inbound === undefined) return
      const coordinator = this.#coordinator
      this.#introduction = new Introduction({
        topic,
        network,
        inbound,
        coordinator,
        counters: this.#counters,
        arrivals: this.#arrivals,
        failed: (id, error, signaling, proven) => this.#failed(id, error, signaling, { proven }),
        missed: () => this.#lost(),
      })
      const leave = (peer: TopicPeer) => {
        this.avoid(peer)
        peer.destroy()
      }
      if (rotates === true) this.#rotation = new Rotation({ env, coordinator, maxPeers: limits.maxPeers, progress, leave })
      if (sharing.relay !== undefined && coordinator.registry.shares) this.attach(sharing.relay)
    } catch (error) {
      if (!this.#warned) this.emit('warning', asError(error, 'ERR_ENGINE', 'peers cannot be met'))
      this.#warned = true
    }
  }

  #announceTo(signaling: Signaling): Announcer {
    const { topic, network, numwant } = this.#options
    return new Announcer(signaling, {
      topic,
      network,
      coordinator: this.#coordinator,
      counters: this.#counters,
      numwant,
      paused: () => this.#pause.look(),
      compose: (event, offers) => this.#compose(event, offers),
      sign: (offer, to) => this.#sign(offer, to),
      offer: offer => {
        this.#pause.look()
        void this.#introduce(introduction => void introduction.answer(signaling, offer))
      },
      answer: answer => {
        this.#pause.look()
        void this.#introduce(introduction => void introduction.accept(signaling, answer))
      },
      candidate: candidate => void this.#introduce(introduction => introduction.candidate(signaling, candidate)),
      refused: refusal => void this.#introduce(introduction => introduction.refused(refusal)),
      known: () => this.#coordinator.known(),
      counts: counts => this.#count(signaling, counts),
      warning: error => this.emit('warning', error),
    })
  }

  /** What arrives before that part is loaded waits for it. */
  async #introduce(act: (introduction: Introduction) => void): Promise<void> {
    if (this.#introduction === undefined) await this.#prepare()
    if (this.#introduction !== undefined && this.#closing === undefined) act(this.#introduction)
  }

  /** Our offer as it leaves for this topic. */
  async #sign({ sdp }: LocalOffer, to?: Id): Promise<string> {
    const { topic, network } = this.#options
    return await sign(sdp, { role: 'offer', topic, to }, { network, coordinator: this.#coordinator })
  }

  /** Says goodbye to one signalling; the peers that it introduced stay. */
  async detach(name: string): Promise<void> {
    const announcer = this.#announcers.get(name)
    this.#announcers.delete(name)
    await announcer?.close()
  }

  /** One round now: resolves when every signalling has answered, or after a few seconds. */
  async discover(): Promise<void> {
    const rounds = [...this.#announcers.values()].map(announcer => announcer.round())
    this.#need()
    await Promise.all(rounds)
  }

  /** An offer that a person carries, and whose answer may take its time. It comes by this signalling. */
  async invite(signaling: Signaling): Promise<OutboundOffer> {
    const offer = await this.#invitations.make(signaling)
    this.#announcers.get(signaling.name)?.wake() // to look after its end
    this.#counters.add('offered', signaling.name)
    return offer
  }

  /** Everything is downloaded: tell the trackers. */
  completed(): void {
    for (const announcer of this.#announcers.values()) announcer.completed()
    this.#need()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { sharing, topics } = this.#options.network
    if (topics.get(this.topic) === this) topics.delete(this.topic)
    sharing.leave(this.#shared)
    this.#pause.close()
    const detaching = [...this.#announcers.keys()].map(name => this.detach(name))
    this.#rotation?.close()
    this.#introduction?.close()
    this.#arrivals.close()
    await Promise.all(detaching)
  }

  #compose(event: Announcement['event'], offers: Announcement['offers']): Announcement {
    const { topic, network, numwant, port, progress } = this.#options
    const alone = this.#coordinator.registry.isAlone
    return { topic, from: network.announceId, ...(event !== undefined && { event }), ...progress(), numwant, alone, port, offers }
  }

  #count(signaling: Signaling, { complete, incomplete }: SwarmCounts): void {
    if (complete === undefined && incomplete === undefined) return
    this.emit('counts', signaling, { complete: complete ?? 0, incomplete: incomplete ?? 0 })
  }

  #follow(peer: TopicPeer, role: Role): void {
    const { introducer, remote } = peer
    const proven = isProven(this.#options.network, remote)
    let connected = false
    this.#coordinator.grew(introducer.name)
    peer.on('connect', () => {
      if (peer.state === 'closed') return // the owner of its id is here
      connected = true
      this.#counters.add('connected', introducer.name)
      if (introducer.source === 'exchange') this.#counters.add('exchanged', introducer.name)
      this.#coordinator.grew(introducer.name)
      this.#wake() // fewer offers may be wanted
      log('%s: connected to %s', this.topic.slice(0, 8), remote.announceId.slice(0, 8))
      this.emit('peer', peer)
      this.#coordinator.places.yields(peer)?.destroy()
      if (this.#options.plain === true && !remote.ours) void this.#converse(conversations => conversations.plain(peer))
    })
    peer.on('messages', channel => void this.#converse(conversations => conversations.framed(peer, channel)))
    peer.on('close', error => {
      if (connected) {
        this.#counters.because('lost', error?.code ?? 'closed', introducer.name)
        // A remote that closes its channels again and again is met anew once, and then not for a while.
        if (error?.code === 'ERR_CHANNEL_LOST')
          this.#coordinator.missed(remote.announceId, 'timeout', introducer.name, { proven })
        this.emit('lost', peer, error)
      } else if (error !== undefined) this.#failed(remote.announceId, error, introducer, { proven, role })
      if (this.#closing !== undefined) return
      if (connected || error !== undefined) this.#lost()
      else this.#options.network.sharing.changed(this.topic) // the place of an attempt that was given up is free
    })
  }

  /** What messages take is there as soon as peers of ours are looked at. */
  async #converse(begin: (conversations: Conversations) => void): Promise<void> {
    const { network, maxMessageSize, maxJsonSize } = this.#options
    try {
      const { Conversations } = await network.together()
      this.#conversations ??= new Conversations({
        env: network.env,
        self: { announceId: network.announceId, peerId: network.identity.peerId },
        limits: { ...(maxMessageSize !== undefined && { maxMessageSize }), ...(maxJsonSize !== undefined && { maxJsonSize }) },
        opened: (connection, peer) => {
          this.#counters.add('messaging', peer.introducer.name)
          this.emit('connection', connection, peer)
        },
        unheard: error => this.emit('warning', error),
      })
      begin(this.#conversations)
    } catch (error) {
      this.emit('warning', asError(error, 'ERR_ENGINE', 'a peer cannot be talked to'))
    }
  }

  #failed(id: Id, error: SwarmlinkError, introducer: Introducer, { proven, role }: { proven: boolean; role?: Role }): void {
    const missed = { proven, ...(role !== undefined && { role }) }
    log('%s: failed to connect to %s: %s', this.topic.slice(0, 8), id.slice(0, 8), error.message)
    this.#counters.because('failed', error.code, introducer.name)
    // "A TURN server is needed" is what is said at the end of the deadline too.
    const code = error.code === 'ERR_ICE_FAILED' && error.cause instanceof SwarmlinkError ? error.cause.code : error.code
    if (code === 'ERR_ICE_FAILED') this.#coordinator.missed(id, 'failed', introducer.name, missed)
    else if (code === 'ERR_CONNECT_TIMEOUT') {
      // Or a person gave it up.
      if (introducer.patience === undefined) this.#coordinator.missed(id, 'timeout', introducer.name, missed)
    } else if (error.code === 'ERR_IDENTITY') this.#misquoted(id, introducer, proven)
    else if (!NO_FAULT.has(error.code)) this.#coordinator.avoid(id, undefined, proven)
    this.emit('failed', { id, error })
  }

  /** Whoever brought it may have changed it: others may bring what is true. A peer that did loses its right to. */
  #misquoted(id: Id, { name, source }: Introducer, proven: boolean): void {
    if (source !== 'exchange') this.#coordinator.avoid(id, name, proven)
  }

  /** There is room for somebody else. */
  #lost(): void {
    if (this.#closing !== undefined) return
    this.#coordinator.lost()
    this.#options.network.sharing.changed(this.topic)
    this.#wake()
  }

  #need(): void {
    this.#coordinator.need()
    this.#wake()
  }

  #wake(): void {
    for (const announcer of this.#announcers.values()) announcer.wake()
  }

  /** The coordinator hears first that the topic resumed: a peer that is connected for another topic may be met at once. */
  #paused(paused: boolean): void {
    this.#coordinator.paused = paused
    if (paused || this.#closing !== undefined) return
    this.#options.network.sharing.changed(this.topic)
    this.#wake()
  }
}
