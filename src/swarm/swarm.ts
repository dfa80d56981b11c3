/** One topic at work: announces through every signalling, connects, and hands over peers. The decisions are the coordinator's. */
import { DataConnection, type DataConnectionParts } from '../channel/data-connection.js'
import { DEFAULT_MAX_MESSAGE_SIZE, FramedMessenger } from '../channel/framed-messenger.js'
import { PlainMessenger } from '../channel/plain-messenger.js'
import { Emitter } from '../core/emitter.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { EngineChannel } from '../engine/engine.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import { OUR_LABEL, type RemotePeer, type Remote } from '../peer/remote-peer.js'
import type { Announcement, Signaling, SwarmCounts } from '../signaling/signaling.js'
import { Announcer } from './announcer.js'
import { Coordinator, type SwarmLimits } from './coordinator.js'
import type { StageCounts } from './counters.js'
import { Introduction } from './introduction.js'
import type { Network } from './network.js'

const log = logger('swarm')

/** The name of the channel that carries a `DataConnection`. */
const MESSAGES = 'messages'

/** What ends an attempt without saying anything about the peer. */
const NO_FAULT = new Set(['ERR_ENGINE', 'ERR_TRACKER_LINK', 'ERR_SIGNALING_LINK'])

export const SWARM_DEFAULTS = {
  maxPeers: 50,
  refreshInterval: 30_000,
  announceInterval: 5_000,
  maxAnnounceInterval: 120_000,
  backoffMultiplier: 1.1,
  numwant: 50,
  /** Trackers of this kind do not look at it, but the protocol has the field. */
  port: 6881,
}

export interface Progress {
  uploaded: number
  downloaded: number
  left: number
}

export interface SwarmOptions {
  topic: Id
  /** Who we are on the trackers. */
  announceId: Id
  network: Network
  limits: SwarmLimits
  numwant: number
  port: number
  /** What message channels call the two ends. @default their peer ids */
  nameOf?: (who: Pick<Remote, 'announceId' | 'peerId'>) => Id
  /** The largest message in bytes that we take from a peer of ours. @default 16 MiB */
  maxMessageSize?: number
  /** Whether peers that are not ours get a message channel too: plain JSON on the one channel that they have. @default false */
  plain?: boolean
  /** Whether an id on a tracker is one of ours. */
  isOwn: (id: Id) => boolean
  progress: () => Progress
  /** Whether peers are welcome now. */
  paused?: () => boolean
  admit: (remote: Remote, signaling: Signaling) => boolean | Promise<boolean>
}

export interface SwarmEvents {
  /** A peer is connected: its first channel is open. */
  peer: [RemotePeer, Signaling]
  /** A message channel to a peer of ours, or with `plain` to any; its `connect` follows. */
  connection: [DataConnection, RemotePeer]
  lost: [RemotePeer, SwarmlinkError | undefined]
  failed: [{ id: Id; error: SwarmlinkError }]
  counts: [Signaling, { complete: number; incomplete: number }]
  warning: [SwarmlinkError]
}

export class Swarm extends Emitter<SwarmEvents> implements AsyncDisposable {
  readonly topic: Id
  readonly #options: SwarmOptions
  readonly #coordinator: Coordinator<LocalOffer>
  readonly #introduction: Introduction
  readonly #announcers = new Map<string, Announcer>()
  readonly #connections = new Map<RemotePeer, DataConnection>()
  #closing: Promise<void> | undefined

  constructor(options: SwarmOptions) {
    super()
    const { topic, announceId, network, limits, isOwn, admit } = options
    this.topic = topic
    this.#options = options
    this.#coordinator = new Coordinator(network.env, announceId, isOwn, limits)
    this.#introduction = new Introduction({
      topic,
      announceId,
      network,
      coordinator: this.#coordinator,
      admit,
      connecting: (peer, signaling) => this.#follow(peer, signaling),
      answered: peer => this.#call(peer),
      failed: (id, error) => this.#failed(id, error),
    })
  }

  /** The peers that are connected. */
  get peers(): RemotePeer[] {
    return this.#coordinator.registry.claims().flatMap(claim => (claim.open && claim.peer !== undefined ? [claim.peer] : []))
  }

  get connections(): DataConnection[] {
    return [...this.#connections.values()]
  }

  get signalings(): Signaling[] {
    return [...this.#announcers.values()].map(({ signaling }) => signaling)
  }

  stages(): StageCounts {
    return this.#coordinator.counters.snapshot()
  }

  /** For whoever hands a peer on and knows that it became a wire. */
  wired(): void {
    this.#coordinator.counters.add('wired')
  }

  /** This peer is not to be tried again soon. */
  avoid(peer: RemotePeer): void {
    this.#coordinator.avoid(peer.remote.announceId)
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

  #announceTo(signaling: Signaling): Announcer {
    const { topic, announceId, network, numwant } = this.#options
    return new Announcer(signaling, {
      topic,
      announceId,
      network,
      coordinator: this.#coordinator,
      numwant,
      paused: () => this.#paused(),
      compose: (event, offers) => this.#compose(event, offers),
      sign: offer => this.#introduction.sign(offer),
      offer: offer => {
        this.#coordinator.paused = this.#paused()
        void this.#introduction.answer(signaling, offer)
      },
      answer: answer => {
        this.#coordinator.paused = this.#paused()
        void this.#introduction.accept(signaling, answer)
      },
      candidate: candidate => this.#introduction.candidate(candidate),
      refused: refusal => this.#introduction.refused(refusal),
      counts: counts => this.#count(signaling, counts),
      warning: error => this.emit('warning', error),
    })
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
    const detaching = [...this.#announcers.keys()].map(name => this.detach(name))
    this.#introduction.close()
    await Promise.all(detaching)
  }

  #compose(event: Announcement['event'], offers: Announcement['offers']): Announcement {
    const { topic, announceId, numwant, port, progress } = this.#options
    return { topic, from: announceId, ...(event !== undefined && { event }), ...progress(), numwant, port, offers }
  }

  #count(signaling: Signaling, { complete, incomplete }: SwarmCounts): void {
    if (complete === undefined && incomplete === undefined) return
    this.emit('counts', signaling, { complete: complete ?? 0, incomplete: incomplete ?? 0 })
  }

  #follow(peer: RemotePeer, signaling: Signaling): void {
    const { counters } = this.#coordinator
    let connected = false
    peer.on('connect', () => {
      connected = true
      counters.add('connected')
      log('%s: connected to %s', this.topic.slice(0, 8), peer.remote.announceId.slice(0, 8))
      this.emit('peer', peer, signaling)
      if (this.#options.plain === true && !peer.remote.ours) this.#plain(peer)
    })
    peer.on('channel', channel => {
      if (peer.remote.ours && channel.label === OUR_LABEL + MESSAGES) this.#message(peer, channel)
      else channel.close()
    })
    peer.on('close', error => {
      if (connected) {
        counters.because('lost', error?.code ?? 'closed')
        this.emit('lost', peer, error)
      } else if (error !== undefined) this.#failed(peer.remote.announceId, error)
      if (this.#closing !== undefined || (!connected && error === undefined)) return
      this.#coordinator.lost()
      this.#wake()
    })
  }

  /**
   * The caller opens what stock peers do not know. Before the connection is up, so that it costs no round trip; but not before
   * the answer is applied: a browser numbers the channel for the DTLS role that it expects then, and node-datachannel closes a
   * channel whose number belongs to the other role.
   */
  #call(peer: RemotePeer): void {
    if (peer.remote.ours) this.#message(peer, peer.openChannel(MESSAGES))
  }

  #message(peer: RemotePeer, channel: EngineChannel): void {
    const { network, maxMessageSize = DEFAULT_MAX_MESSAGE_SIZE } = this.#options
    const { env } = network
    if (this.#connections.has(peer)) channel.close()
    else this.#handOver(peer, channel, { messenger: host => new FramedMessenger({ env, channel, maxMessageSize, host }) })
  }

  /** Whoever closes the one channel that there is has to leave before. */
  #plain(peer: RemotePeer): void {
    const { env } = this.#options.network
    const { first: channel, maxMessageSize } = peer
    if (channel === undefined) return
    this.#handOver(peer, channel, {
      messenger: host => new PlainMessenger({ env, channel, maxMessageSize, host }),
      leaving: () => peer.leave(),
    })
  }

  #handOver(peer: RemotePeer, channel: EngineChannel, parts: Pick<DataConnectionParts, 'messenger' | 'leaving'>): void {
    const { announceId, network, nameOf = ({ peerId }) => peerId } = this.#options
    const connection = new DataConnection({
      localPeerId: nameOf({ announceId, peerId: network.identity.peerId }),
      remotePeerId: nameOf(peer.remote),
      verified: peer.remote.verified,
      ...parts,
    })
    this.#connections.set(peer, connection)
    connection.on('close', () => this.#connections.delete(peer))
    const opened = () => {
      if (channel.state !== 'open' || peer.state !== 'open') return
      this.#coordinator.counters.add('messaging')
      this.emit('connection', connection, peer)
      queueMicrotask(() => connection.start())
    }
    // Channels open in any order; whoever hears of the connection has heard of the peer.
    if (channel.state === 'open' && peer.state === 'open') opened()
    else if (channel.state === 'open') peer.on('connect', opened)
    else {
      channel.on('open', opened)
      peer.on('connect', opened)
    }
  }

  #failed(id: Id, error: SwarmlinkError): void {
    log('%s: failed to connect to %s: %s', this.topic.slice(0, 8), id.slice(0, 8), error.message)
    this.#coordinator.counters.because('failed', error.code)
    if (error.code === 'ERR_ICE_FAILED') this.#coordinator.missed(id, 'failed')
    else if (error.code === 'ERR_CONNECT_TIMEOUT') this.#coordinator.missed(id, 'timeout')
    else if (!NO_FAULT.has(error.code)) this.#coordinator.avoid(id)
    this.emit('failed', { id, error })
  }

  #need(): void {
    this.#coordinator.need()
    this.#wake()
  }

  #wake(): void {
    for (const announcer of this.#announcers.values()) announcer.wake()
  }

  #paused(): boolean {
    return this.#options.paused?.() === true
  }
}
