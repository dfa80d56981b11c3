/**
 * What both ends of a call have in common: one remote end under one id, over one connection after the other. Decides when the path is lost
 * and when the remote end is given up. The Sender's side makes offers, the Receiver's side answers them.
 */
import { sleep, type Env, type Timer } from '../../core/env.js'
import { asError, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import type { Attempt, Dispose, DisposeReason, MediaMessage } from '../bus/codec.js'
import type { MessageData } from '../application-data.js'
import { Goodbye } from './goodbye.js'
import { MessageStream } from './message-stream.js'
import { PathMonitor } from './path-monitor.js'
import type { RoomBus } from '../bus/room-bus.js'
import type { RtcPlatform } from '../rtc-platform.js'
import { Transport, type TransportDeps } from './transport.js'

const log = logger('media')

/** In milliseconds: both ends see a loss within this time of each other. */
const DOUBT = 2_500
/** Milliseconds without a byte after which a message of a stock end that ends the connection is believed: any client of the bus can send one. */
export const DISBELIEF = 300

export interface MediaConnectionEvents {
  /** The path works: for the first time, or again. */
  up: (isFirst: boolean) => void
  down: () => void
  ended: (reason: DisposeReason, error: Error | undefined) => void
  message: (message: string | ArrayBuffer) => void
  channel: (channel: RTCDataChannel) => void
  drain: () => void
  error: (error: SwarmlinkError) => void
}

export interface MediaConnectionDeps {
  env: Env
  platform: RtcPlatform
  rtcConfig: RTCConfiguration
  bus: RoomBus
  /** The id of the remote end. */
  id: string
  /** The remote end runs swarmlink. */
  isSwarmlink: boolean
  /** Its proven identity. */
  peerId: Id | undefined
  /** Milliseconds in which the path has to work, at first and after it was lost. */
  timeout: number
  queueSize: number
  events: MediaConnectionEvents
}

export abstract class MediaConnection {
  readonly startedAt: number
  protected readonly deps: MediaConnectionDeps
  protected readonly messages: MessageStream
  protected readonly stopping = new AbortController()
  protected transport: Transport | undefined
  #monitor: PathMonitor | undefined
  #deadline: Timer | undefined
  #wasUp = false
  /** What the last `dispose` without a proof said: if the connection is lost after all, it was true. */
  #doubted: DisposeReason | undefined
  readonly #goodbye: Goodbye
  /** Until then the path may be lost, though this end has not seen it yet. */
  #doubtedUntil = 0

  constructor(deps: MediaConnectionDeps) {
    this.deps = deps
    this.startedAt = deps.env.now()
    const { bus, id, events } = deps
    this.#goodbye = new Goodbye(bus, id)
    this.messages = new MessageStream({
      isCounted: deps.isSwarmlink,
      queueSize: deps.queueSize,
      received: events.message,
      opened: events.channel,
      lost: () => this.channelLost(),
      drained: events.drain,
      report: count => this.transport?.tell({ ...this.#common('received'), count }),
      failed: events.error,
    })
    this.#expect('timeout')
  }

  /** The current `RTCPeerConnection`. */
  get peer(): RTCPeerConnection | undefined {
    return this.transport?.rtc
  }

  get isUp(): boolean {
    return this.#monitor?.isUp === true
  }

  /** Whether the path worked at any time. */
  get wasUp(): boolean {
    return this.#wasUp
  }

  get isEnded(): boolean {
    return this.stopping.signal.aborted
  }

  get id(): string {
    return this.deps.id
  }

  get isSwarmlink(): boolean {
    return this.deps.isSwarmlink
  }

  get peerId(): Id | undefined {
    return this.deps.peerId
  }

  send(data: MessageData): boolean {
    return this.messages.send(data)
  }

  /** Sends messages that are older than those which wait for the channel. */
  precede(older: MessageData[]): void {
    this.messages.precede(older)
  }

  /**
   * Whether a message of the bus may come from another client of it. An end without an identity that runs swarmlink says what it has to say over the
   * control channel as long as that works.
   */
  isForged(peerId: Id | undefined): boolean {
    return peerId !== this.peerId || (peerId === undefined && this.isSwarmlink && this.isUp)
  }

  /** A `dispose` came over the bus. */
  disposed({ reason = 'left', session }: Dispose): void {
    if (!this.isSwarmlink) void this.#doubt(reason)
    // An end that leaves never uses its id again, so no later session of it works either.
    else if (reason === 'left' || session === this.transport?.session) this.end(reason, { isSilent: true })
  }

  /** Ends the connection for good. Tells the remote end unless `isSilent`. Idempotent. */
  end(reason: DisposeReason, { error, isSilent = false }: { error?: Error; isSilent?: boolean } = {}): void {
    if (this.isEnded) return
    if (reason === 'lost') reason = this.#doubted ?? reason
    log('%s ends: %s', this.id, reason)
    this.stopping.abort()
    this.#deadline?.cancel()
    if (!isSilent) this.#goodbye.say(reason, this.transport, this.attempt()?.session) // a refused offer has a session, but no transport
    this.#monitor?.stop()
    this.messages.detach()
    this.transport?.close(isSilent ? 'heard' : this.isSwarmlink ? 'said' : undefined)
    this.deps.events.ended(reason, error)
  }

  /** Sends a message over the control channel and, if the path is in doubt, over the bus. */
  protected tell(message: object): void {
    const told = this.transport?.tell({ id: this.deps.bus.id, swarmlink: 1, ...message }) === true
    if (!told || !this.isUp || this.deps.env.now() < this.#doubtedUntil) this.deps.bus.send(this.id, message)
  }

  /** The other end says that nothing arrives there. */
  protected lose(): void {
    this.#monitor?.lose()
  }

  /** The path may be lost: the network changed, or the other end says so. */
  protected doubt(): void {
    this.#doubtedUntil = this.deps.env.now() + DOUBT
  }

  /** Replaces the connection. Its messages go on over the new one. */
  protected renew(session: string): Transport {
    const { isUp } = this
    this.#monitor?.stop()
    this.#monitor = undefined
    this.messages.detach()
    this.transport?.close()
    try {
      const transport = new Transport(session, this.#transportDeps(session))
      this.transport = transport
      this.#monitor = new PathMonitor(this.deps.env, transport, {
        changed: () => this.#pathChanged(),
        beat: () => transport.tell(this.#common('beat')),
      })
      return transport
    } finally {
      if (isUp) this.#pathChanged() // the path of the one before is gone
    }
  }

  /** The last attempt, which candidates and the end of the connection belong to. */
  protected abstract attempt(): Attempt | undefined
  /** A message of the control channel. */
  protected abstract told(message: MediaMessage): void
  /** The path works, or was lost; the control channel opened; or the connection changed otherwise. */
  protected abstract changed(): void

  /** The other end opened a channel. */
  protected abstract offeredChannel(channel: RTCDataChannel): void
  /** The channel for messages closed. */
  protected channelLost(): void {}
  /** The control channel opened. */
  protected controlled(): void {}

  protected fail(thrown: unknown, what: string): void {
    if (!this.isEnded) this.deps.events.error(asError(thrown, 'ERR_ENGINE', what))
  }

  #transportDeps(session: string): TransportDeps {
    const { platform, env, rtcConfig } = this.deps
    const ifCurrent =
      <Args extends unknown[]>(call: (...args: Args) => void) =>
      (...args: Args) => {
        if (!this.isEnded && this.transport?.session === session) call(...args)
      }
    return {
      platform,
      env,
      rtcConfig,
      changed: ifCurrent(() => {
        this.#monitor?.look()
        this.changed()
      }),
      gathered: ifCurrent(candidates => this.#sendCandidates(candidates)),
      told: ifCurrent(message => {
        this.#monitor?.heard()
        if (message.type === 'received') this.messages.counted(message.count)
        else if (message.type === 'dispose') this.end(message.reason ?? 'left', { isSilent: true })
        else if (message.type !== 'beat') this.told(message)
      }),
      controlled: ifCurrent(() => {
        this.#monitor?.heard()
        // Before it has the channel, @roamhq/wrtc 0.10.0 may deliver the messages of it in another order.
        if (this.messages.isOpen) this.transport?.tell({ ...this.#common('received'), count: this.messages.arrived })
        this.controlled()
        this.changed()
      }),
      channel: ifCurrent(channel => this.offeredChannel(channel)),
    }
  }

  #sendCandidates(candidates: RTCIceCandidateInit[]): void {
    // A stock end takes one candidate per message.
    if (this.isSwarmlink) this.tell({ type: 'candidate', candidates, ...this.attempt() })
    else for (const candidate of candidates) this.deps.bus.send(this.id, { type: 'candidate', candidate })
  }

  #pathChanged(): void {
    if (this.isEnded) return
    if (this.isUp) {
      this.#deadline?.cancel()
      const isFirst = !this.#wasUp
      this.#wasUp = true
      if (this.isSwarmlink) void this.#goodbye.prepare(this.transport)
      this.deps.events.up(isFirst)
    } else {
      this.#expect('lost')
      this.deps.events.down()
    }
    this.changed()
  }

  /** Ends the connection unless the path works in time. */
  #expect(reason: 'timeout' | 'lost'): void {
    const { env, timeout } = this.deps
    this.#deadline?.cancel()
    this.#deadline = env.timer(timeout, () => {
      const what = reason === 'lost' ? 'the connection was lost and did not come back' : 'no connection'
      const error = new SwarmlinkError(
        'ERR_CONNECT_TIMEOUT',
        `${what} within ${timeout / 1_000} s: check that both ends can reach each other, or give a TURN server in iceServers`,
      )
      this.end(reason, { error })
    })
  }

  /** Believes the `dispose` of a stock end when the connection carries nothing any more. */
  async #doubt(reason: DisposeReason): Promise<void> {
    this.#doubted = reason
    if (!(await this.carriesData())) return this.end(reason, { isSilent: true })
    this.#doubted = undefined
    log('ignored a dispose for %s: the connection carries data', this.id)
  }

  /** Whether the connection to a stock end works, so that a message that says otherwise is not believed. */
  protected async carriesData(): Promise<boolean> {
    if (!this.isUp) return false
    const before = await this.transport?.mediaReceived()
    await sleep(this.deps.env, DISBELIEF, this.stopping.signal)
    const after = await this.transport?.mediaReceived()
    // A channel stays open for a while when the path is lost.
    return this.isUp && (before !== after || (this.messages.isOpen && this.transport?.state === 'connected'))
  }

  #common(type: string): { type: string; id: string; swarmlink: 1 } {
    return { type, id: this.deps.bus.id, swarmlink: 1 }
  }
}
