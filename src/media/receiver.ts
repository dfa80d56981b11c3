/** Shows the streams of every Sender of a room, and exchanges messages with them. */
import { BoundedMap } from '../core/bounded-map.js'
import { checkNames, checkNumber, checkText, invalid } from '../core/arguments.js'
import type { Timer } from '../core/env.js'
import { MAX_CANDIDATES } from '../core/sdp.js'
import { checkJson, type MessageData } from './application-data.js'
import type { CandidateMessage, Demand, DisposeReason, Offer } from './bus/codec.js'
import type { InboundConnection } from './connection/inbound-connection.js'
import type { CallEventMap } from './call-event-map.js'
import { MediaEnd } from './media-end.js'
import type { MediaOptions } from './media-options.js'
import type { MediaKind } from './media-sdp.js'
import type { Arrival, RoomBus } from './bus/room-bus.js'

/** A room with more Senders shows the first ones. */
const MAX_SENDERS = 64
/** Senders whose last offer is remembered. */
const MAX_KNOWN = 1024
/** Milliseconds between two requests to one Sender. */
const ASK_INTERVAL = 1_000
/** After pings without an answer the next one waits longer, up to this, in milliseconds. */
const MAX_PING_INTERVAL = 300_000

/** Options of a {@link Receiver}. */
export interface ReceiverOptions extends MediaOptions {
  /** Seconds between two pings, which find Senders that were missed. @default 30 */
  pingInterval?: number
  /** Pings without any connection before the interval grows. @default 10 */
  pingAttempts?: number
}

/** Options of {@link Receiver.start}. */
export interface ReceiverStartOptions {
  /** @default 'default' */
  room?: string
  /** Anything that JSON can hold; the Sender's `verify` gets it. */
  credentials?: unknown
}

/** Events of a {@link Receiver}. `state` is the latest state of the Sender. */
export interface ReceiverEvents extends CallEventMap {
  /** The connection works. */
  connect: CallEventMap['connect'] & { state: unknown }
  /** The connection has ended. */
  dispose: CallEventMap['dispose'] & { state: unknown }
  /** A message of the Sender arrived. */
  message: CallEventMap['message'] & { state: unknown }
  /** A stream of the Sender is there; once for each stream, and again when the connection was replaced. */
  stream: { id: string; stream: MediaStream; state: unknown }
  /** The channel for messages is open. */
  channel: { id: string; channel: RTCDataChannel; state: unknown }
  /** The Sender changed its state. */
  sync: { id: string; state: unknown }
  /** The Sender mutes audio or video, or sends it again. */
  mute: { id: string; kind: MediaKind; muted: boolean }
  /** The Sender has as many Receivers as it takes. */
  full: { id: string }
}

/**
 * Receives the streams of every Sender of a room.
 *
 * @example
 * const receiver = new Receiver({ driver })
 * receiver.addEventListener('stream', ({ detail }) => play(video, detail.stream))
 * receiver.start({ room: 'lobby' })
 */
export class Receiver extends MediaEnd<ReceiverEvents, InboundConnection, ReceiverOptions> {
  readonly #asked = new BoundedMap<string, number>(MAX_SENDERS)
  /** Candidates that came before their offer, by the id and the identity of their Sender. */
  readonly #early = new BoundedMap<string, CandidateMessage[]>(MAX_SENDERS)
  /** The number of the last offer of each Sender that has an identity: another client of the bus may send a recorded one again. */
  readonly #attempts = new BoundedMap<string, number>(MAX_KNOWN)
  readonly #demands = new BoundedMap<string, Demand>(MAX_SENDERS)
  #credentials: unknown
  #ping: Timer | undefined
  #lonelyPings = 0

  constructor(options: ReceiverOptions) {
    super('receiver', options, ['pingInterval', 'pingAttempts'])
    const { pingInterval, pingAttempts } = options
    if (pingInterval !== undefined) checkNumber('pingInterval', pingInterval, { least: 0.1, most: 86_400 })
    if (pingAttempts !== undefined) checkNumber('pingAttempts', pingAttempts, { whole: true })
  }

  /** Enters the room and asks its Senders for their streams. What fails later is reported by the event `error`. */
  start(options: ReceiverStartOptions = {}): void {
    checkNames(options, ['room', 'credentials'])
    const { room, credentials } = options
    checkJson('credentials', credentials)
    this.enter(room)
    this.#credentials = credentials
    this.#lonelyPings = 0
  }

  /**
   * How much of a Sender's video to send: nothing, a small picture, or all. False if the Sender is unknown, or does not run
   * swarmlink and always sends all.
   */
  want(id: string, demand: Demand): boolean {
    checkText('id', id)
    if (!['off', 'low', 'high'].includes(demand)) throw invalid('the second argument', "'off', 'low' or 'high'", demand)
    this.#demands.set(id, demand)
    return this.connections.get(id)?.want(demand) === true
  }

  protected override sendTo(targets: InboundConnection[], data: MessageData): boolean {
    return targets.length > 0 && targets.map(target => target.send(data)).every(Boolean)
  }

  protected override opened(bus: RoomBus): void {
    bus.broadcast(this.#invoke())
    this.#schedulePing()
  }

  protected override arrived({ message, peerId }: Arrival): void {
    const { id } = message
    const connection = this.connections.get(id)
    switch (message.type) {
      case 'invoke':
        if (this.isSelf(message.participant)) return this.drop('self', id)
        this.#met()
        if (connection === undefined || connection.isSwarmlink !== message.isSwarmlink) this.#ask(id)
        return
      case 'offer':
        return this.#offered(message, peerId)
      case 'candidate':
        if (connection === undefined) return this.#keep(message, peerId)
        if (connection.isForged(peerId)) return this.drop('forged', id)
        return connection.candidates(message)
      case 'sync':
        if (connection === undefined) return this.drop('unknown', id)
        if (connection.isForged(peerId)) return this.drop('forged', id)
        return connection.synced(message)
      case 'dispose':
        if (connection?.isForged(peerId) === true) return this.drop('forged', id)
        if (connection !== undefined) connection.disposed(message)
        else if (message.reason === 'full') {
          this.#met() // it may have a place soon
          this.fire('full', { id })
        }
        return
      default:
        this.drop('unknown', id)
    }
  }

  protected override stateOf(connection: InboundConnection | undefined): { state: unknown } {
    return { state: connection?.state }
  }

  protected override stopped(): void {
    this.#ping?.cancel()
    this.#early.clear()
    this.#asked.clear()
    this.#attempts.clear()
  }

  protected override networkChanged(): void {
    this.session?.bus?.broadcast(this.#invoke())
  }

  #offered(offer: Offer, peerId: string | undefined): void {
    const { id, isSwarmlink } = offer
    if (this.isSelf(offer.participant)) return this.drop('self', id)
    if (this.options.requireIdentity === true && peerId === undefined) return this.drop('refused', id)
    const known = this.connections.get(id)
    const isProof = known?.peerId === undefined && peerId !== undefined
    if (known !== undefined && !isProof && (known.isForged(peerId) || known.isSwarmlink !== isSwarmlink))
      return this.drop('forged', id)
    if (!this.#isNew(offer, peerId)) return this.drop('replayed', id)
    if (known !== undefined && !isProof) return known.offeredOverBus(offer)
    known?.end('replaced', { isSilent: true }) // the end that can prove the id displaces one that cannot
    if (!this.hasRoom(MAX_SENDERS)) return this.drop('full', id)
    const connection = this.#connect(id, { isSwarmlink, peerId })
    connection?.offered(offer)
    const key = `${id} ${peerId}`
    for (const candidate of this.#early.get(key) ?? []) connection?.candidates(candidate)
    this.#early.delete(key)
  }

  #isNew({ id, attempt }: Offer, peerId: string | undefined): boolean {
    if (peerId === undefined || attempt === undefined) return true
    if (attempt.attempt <= (this.#attempts.get(id) ?? 0)) return false
    this.#attempts.set(id, attempt.attempt)
    return true
  }

  #connect(id: string, end: { isSwarmlink: boolean; peerId: string | undefined }): InboundConnection | undefined {
    const state = () => this.connections.get(id)?.state
    const base = this.eventsOf(id, () => this.connections.get(id))
    const deps = this.connectionDeps(id, end, {
      ...base,
      up: (isFirst: boolean) => {
        this.#met()
        base.up(isFirst)
      },
      ended: (reason: DisposeReason, error: Error | undefined) => {
        base.ended(reason, error)
        // A stock Sender ends a connection whose path was lost, and offers another one only to a Receiver that asks.
        if (!end.isSwarmlink && (reason === 'left' || reason === 'lost')) this.#ask(id)
      },
      stream: (stream: MediaStream) => this.fire('stream', { id, stream, state: state() }),
      channel: (channel: RTCDataChannel) => this.fire('channel', { id, channel, state: state() }),
      sync: () => this.fire('sync', { id, state: state() }),
      mute: (kind: MediaKind, muted: boolean) => this.fire('mute', { id, kind, muted }),
    })
    if (deps === undefined) return undefined
    const connection = new deps.call.InboundConnection({ ...deps, codecs: this.codecs, invokeFields: () => this.#invoke() })
    const demand = this.#demands.get(id)
    if (demand !== undefined) connection.want(demand)
    this.connections.set(id, connection)
    return connection
  }

  /** Candidates that come before their offer: a bus may change the order. */
  #keep(message: CandidateMessage, peerId: string | undefined): void {
    const key = `${message.id} ${peerId}`
    const kept = this.#early.get(key) ?? []
    if (kept.length >= MAX_CANDIDATES) return this.drop('rate', message.id)
    this.#early.set(key, [...kept, message])
  }

  /** Asks one Sender for an offer. */
  #ask(id: string): void {
    const now = this.env.now()
    if (now - (this.#asked.get(id) ?? Number.NEGATIVE_INFINITY) < ASK_INTERVAL) return
    this.#asked.set(id, now)
    this.session?.bus?.send(id, this.#invoke())
  }

  #invoke(): object {
    const { participant } = this.options
    return {
      type: 'invoke',
      ...(this.#credentials !== undefined && { credentials: this.#credentials }),
      ...(participant !== undefined && { participant }),
    }
  }

  /** There is a Sender, so the pings become as frequent as at first. */
  #met(): void {
    if (this.#lonelyPings === 0) return
    this.#lonelyPings = 0
    this.#schedulePing()
  }

  #schedulePing(): void {
    this.#ping?.cancel()
    const { pingInterval = 30, pingAttempts = 10 } = this.options
    const doublings = Math.max(this.#lonelyPings - pingAttempts, 0)
    const wait = Math.min(1_000 * pingInterval * 2 ** doublings, Math.max(MAX_PING_INTERVAL, 1_000 * pingInterval))
    this.#ping = this.env.timer(wait, () => {
      if (this.connections.size === 0) this.#lonelyPings++
      this.session?.bus?.broadcast(this.#invoke())
      this.#schedulePing()
    })
  }
}
