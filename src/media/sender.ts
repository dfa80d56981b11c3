/** Publishes a stream, and messages, to every Receiver of a room. */
import { checkFlag, checkFunction, checkNames, checkNumber, hasMethods, invalid, isRecord } from '../core/arguments.js'
import { SwarmlinkError } from '../core/errors.js'
import { checkJson, type MessageData } from './application-data.js'
import type { Enabled, Invoke } from './bus/codec.js'
import { checkEncoding, type EncodingOptions } from './tracks/encoding.js'
import type { CallEventMap } from './call-event-map.js'
import { MediaEnd } from './media-end.js'
import type { MediaOptions } from './media-options.js'
import type { MediaKind } from './media-sdp.js'
import type { OutboundConnection } from './connection/outbound-connection.js'
import type { Arrival, RoomBus } from './bus/room-bus.js'
import { noMedia } from './rtc-platform.js'
import type { Verification, VerifyReceiver } from './verification.js'

const DEFAULT_MAX_RECEIVERS = 16

/** Options of a {@link Sender}. */
export interface SenderOptions extends MediaOptions {
  /** Whether a Receiver may connect; without it every Receiver may. One that is refused gets no answer. */
  verify?: VerifyReceiver
  /** Highest audio bitrate, in kilobits per second. */
  audioBitrate?: number
  /** Highest video bitrate, in kilobits per second. */
  videoBitrate?: number
  /** Receivers at one time: each has an encoder of its own. @default 16 */
  maxReceivers?: number
}

/** Options of {@link Sender.start}. */
export interface SenderStartOptions {
  /** The media to publish. */
  stream?: MediaStream
  /** @default 'default' */
  room?: string
  /** Anything that JSON can hold; Receivers get it with the stream. */
  state?: unknown
  /** Opens a channel for messages to each Receiver. @default true without a stream */
  dataChannel?: boolean
}

/** Events of a {@link Sender}. */
export interface SenderEvents extends CallEventMap {
  /** A message of a Receiver arrived. */
  message: { id: string; message: string | ArrayBuffer }
}

/**
 * Publishes one stream to every Receiver of a room. Only a Sender makes offers; a Receiver asks for one.
 *
 * @example
 * const sender = new Sender({ driver })
 * sender.addEventListener('connect', ({ detail }) => console.log('connected', detail.id))
 * sender.start({ stream, room: 'lobby', dataChannel: true })
 */
export class Sender extends MediaEnd<SenderEvents, OutboundConnection, SenderOptions> {
  #verification: Verification | undefined
  /** Receivers that are being checked, by id and identity. */
  readonly #pending = new Set<string>()
  #encoding: EncodingOptions
  #stream: MediaStream | undefined
  #state: unknown
  #hasMessages = false
  #enabled: Enabled = { audio: true, video: true }
  /** Numbers the changes of the state and of what is muted. */
  #revision = 0
  /** Numbers the offers of all connections, so that a Receiver can tell a late or recorded one. */
  #attempts = 0
  /** Messages that were sent while there was no Receiver; the first one that connects gets them. */
  #queue: MessageData[] = []

  constructor(options: SenderOptions) {
    super('sender', options, ['verify', 'audioBitrate', 'videoBitrate', 'maxReceivers'])
    const { verify, audioBitrate, videoBitrate, maxReceivers } = options
    checkFunction('verify', verify)
    if (maxReceivers !== undefined) checkNumber('maxReceivers', maxReceivers, { least: 1, most: 1_000, whole: true })
    this.#encoding = checkEncoding({
      ...(audioBitrate !== undefined && { audioBitrate }),
      ...(videoBitrate !== undefined && { videoBitrate }),
    })
  }

  /**
   * Enters the room and offers the stream to its Receivers. What fails later is reported by the event `error`. Messages, a stream and a state that were
   * given before are kept; {@link stop} forgets them.
   */
  start(options: SenderStartOptions = {}): void {
    checkNames(options, ['stream', 'room', 'state', 'dataChannel'])
    const { stream = this.#stream, room, state = this.#state, dataChannel = stream === undefined } = options
    checkStream(stream)
    checkFlag('dataChannel', dataChannel)
    checkJson('state', state)
    this.enter(room)
    this.#stream = stream
    this.#state = state
    this.#hasMessages = dataChannel
  }

  override stop(): Promise<void> {
    this.#stream = undefined
    this.#state = undefined
    this.#queue = []
    return super.stop()
  }

  /** Replaces the stream. Tracks of a kind that was sent before are switched without a new offer. */
  setStream(stream: MediaStream | null): void {
    checkStream(stream ?? undefined)
    const before = this.#stream
    this.#stream = stream ?? undefined
    if (!this.#canPublish) {
      this.#stream = before // the messages go on
      return this.report(noMedia('the Sender has a stream'))
    }
    for (const connection of this.connections.values()) void connection.publish()
  }

  /** Sends audio or video, or stops sending it: nothing is encoded then. Receivers are told by `mute`. */
  enable(kind: MediaKind, on: boolean): void {
    if (kind !== 'audio' && kind !== 'video') throw invalid('the first argument', "'audio' or 'video'", kind)
    if (typeof on !== 'boolean') throw invalid('the second argument', 'true or false', on)
    if (this.#enabled[kind] === on) return
    this.#enabled = { ...this.#enabled, [kind]: on }
    this.#revision++
    for (const connection of this.connections.values()) {
      void connection.publish()
      connection.sync(this.#offerFields())
    }
  }

  /** Changes bitrates, size and frame rate, for all Receivers or for one. A Receiver that has left is ignored. */
  setEncoding(encoding: EncodingOptions, id?: string): void {
    checkEncoding(encoding)
    if (id !== undefined) return this.connections.get(id)?.setEncoding(encoding)
    this.#encoding = { ...this.#encoding, ...encoding }
    for (const connection of this.connections.values()) void connection.publish()
  }

  /** Replaces the state and sends it to every Receiver. With `merge`, the members of the object are added to the state. */
  sync(state: unknown, merge = false): void {
    checkFlag('merge', merge)
    const next = merge && isRecord(this.#state) && isRecord(state) ? { ...this.#state, ...state } : state
    checkJson('state', next)
    this.#state = next
    this.#revision++
    for (const connection of this.connections.values()) connection.sync(this.#offerFields())
  }

  protected override sendTo(targets: OutboundConnection[], data: MessageData): boolean {
    if (this.session !== undefined && !this.#hasMessages)
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this Sender has no channel for messages: start it with dataChannel: true')
    if (targets.length > 0) return targets.map(target => target.send(data)).every(Boolean)
    const { queueSize = 10 } = this.options
    this.#queue.push(data)
    if (this.#queue.length > queueSize) this.#queue.shift()
    return false
  }

  protected override opened(bus: RoomBus): void {
    if (!this.#canPublish) this.report(noMedia('the Sender has a stream'))
    else bus.broadcast({ type: 'invoke', ...this.#participant() })
  }

  protected override arrived({ message, isDirected, peerId }: Arrival): void {
    const connection = this.connections.get(message.id)
    if (message.type === 'invoke') return void this.#invoked(message, { isDirected, peerId })
    if (connection === undefined) return this.drop('unknown', message.id)
    // A stock Receiver says nothing when it leaves, so another client of the bus sent this one.
    if (message.type === 'dispose' && !connection.isSwarmlink) return this.drop('forged', message.id)
    if (connection.isForged(peerId)) return this.drop('forged', message.id)
    if (message.type === 'dispose') connection.disposed(message)
    else if (message.type === 'answer') connection.answered(message)
    else if (message.type === 'candidate') connection.candidates(message)
    else this.drop('unknown', message.id)
  }

  protected override stateOf(): object {
    return {}
  }

  protected override stopped(): void {
    this.#pending.clear()
  }

  protected override networkChanged(): void {
    for (const connection of this.connections.values()) connection.restart()
  }

  get #canPublish(): boolean {
    return this.#stream === undefined || this.session?.platform?.hasMedia !== false
  }

  async #invoked(invoke: Invoke, { isDirected, peerId }: Omit<Arrival, 'message'>): Promise<void> {
    const { id, isSwarmlink } = invoke
    const { session } = this
    if (session === undefined || this.isSelf(invoke.participant)) return this.drop('self', id)
    const known = this.connections.get(id)
    if (known !== undefined && known.peerId === peerId) return this.#invokedAgain(known, invoke, { isDirected, peerId })
    if (known?.peerId !== undefined) return this.drop('forged', id)
    if (this.options.requireIdentity === true && peerId === undefined) return this.drop('refused', id)
    const key = `${id} ${peerId}`
    if (this.#pending.has(key)) return
    this.#pending.add(key)
    const isAllowed = await this.#isAllowed(invoke, peerId, session.abort.signal)
    if (this.session !== session) return
    this.#pending.delete(key)
    if (isAllowed) this.#admit(id, { isSwarmlink, peerId })
    else this.drop('refused', id)
  }

  #admit(id: string, end: { isSwarmlink: boolean; peerId: string | undefined }): void {
    const known = this.connections.get(id)
    if (known !== undefined && (known.peerId !== undefined || end.peerId === undefined)) return
    const { maxReceivers = DEFAULT_MAX_RECEIVERS } = this.options
    if (known === undefined && !this.hasRoom(maxReceivers)) {
      this.drop('full', id)
      if (end.isSwarmlink) this.session?.bus?.send(id, { type: 'dispose', reason: 'full' })
      return
    }
    known?.end('replaced', { isSilent: true }) // the end that can prove the id displaces one that cannot
    this.#connect(id, end)
  }

  async #isAllowed(invoke: Invoke, peerId: string | undefined, stop: AbortSignal): Promise<boolean> {
    const { verify } = this.options
    if (verify === undefined || this.call === undefined) return verify === undefined
    this.#verification ??= new this.call.Verification(verify, this.env)
    return this.#verification.allows(invoke, peerId, { stop, failed: error => this.report(error, invoke.id) })
  }

  #invokedAgain(
    known: OutboundConnection,
    { id, again, attempt }: Invoke,
    { isDirected, peerId }: Omit<Arrival, 'message'>,
  ): void {
    if (known.isSwarmlink && again === 'restart') {
      if (known.isForged(peerId)) this.drop('forged', id)
      else known.receiverLost(attempt)
    }
    // The beats of the Receiver say that it has its connection, so another client of the bus has recorded this message.
    else if (known.isSwarmlink && known.isUp) return
    else if (known.isSwarmlink && again === 'renew') known.replace(attempt)
    else if (isDirected) known.askedAgain()
  }

  #connect(id: string, end: { isSwarmlink: boolean; peerId: string | undefined }): void {
    const { session } = this
    const deps = this.connectionDeps(
      id,
      end,
      this.eventsOf(id, () => this.connections.get(id)),
    )
    if (deps === undefined || !this.#canPublish) return
    const { events } = deps
    const connection = new deps.call.OutboundConnection({
      ...deps,
      events: {
        ...events,
        channel: () => connection.precede(this.#queue.splice(0)),
      },
      hasMessages: this.#hasMessages,
      publication: () => ({ stream: this.#stream, enabled: this.#enabled, encoding: this.#encoding, codecs: this.codecs }),
      // The published package reads `state` in version 0.4 and `metadata` from 0.5 on.
      offerFields: () => ({ ...this.#offerFields(), ...(!end.isSwarmlink && { metadata: this.#state }) }),
      nextAttempt: () => ++this.#attempts,
    })
    if (this.session === session) this.connections.set(id, connection)
    else connection.end('stopped', { isSilent: true }) // an event of its beginning stopped this Sender
  }

  #offerFields(): { revision: number; [field: string]: unknown } {
    return { state: this.#state, enabled: this.#enabled, revision: this.#revision, ...this.#participant() }
  }

  #participant(): object {
    const { participant } = this.options
    return participant === undefined ? {} : { participant }
  }
}

function checkStream(stream: unknown): void {
  if (stream !== undefined && !hasMethods(stream, ['getTracks'])) throw invalid('stream', 'a MediaStream', stream)
}
