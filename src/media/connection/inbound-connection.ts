/**
 * A Receiver's connection to one Sender: answers its offers in their order, shows its streams, and asks for another offer when the path is
 * lost. It never makes an offer, so the two ends never make one at the same time.
 */
import { sleep } from '../../core/env.js'
import { ProtocolError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { WakeableSleep } from '../../core/wakeable-sleep.js'
import { listen } from '../../engine/rtc.js'
import {
  isCurrent,
  isSameAttempt,
  type Attempt,
  type CandidateMessage,
  type Demand,
  type Enabled,
  type MediaMessage,
  type Offer,
  type SenderState,
} from '../bus/codec.js'
import { DISBELIEF, MediaConnection, type MediaConnectionDeps, type MediaConnectionEvents } from './media-connection.js'
import { parseMediaSdp, type MediaKind } from '../media-sdp.js'
import { noMedia } from '../rtc-platform.js'
import { preferCodecs } from '../tracks/track-sender.js'
import type { Transport } from './transport.js'

const log = logger('media')

/** Milliseconds between two requests for another offer. */
const ASK_GAPS = [0, 1_000, 2_500, 5_000]
/** Milliseconds that an offer has to bring the path back, before the Receiver asks for another one. */
const OFFER_PATIENCE = 2_500
/** Offers and candidates that wait for their turn; a Sender has one offer on its way. */
const MAX_WAITING = 64

export interface InboundConnectionEvents extends MediaConnectionEvents {
  stream: (stream: MediaStream) => void
  sync: () => void
  mute: (kind: MediaKind, isMuted: boolean) => void
}

export interface InboundConnectionDeps extends MediaConnectionDeps {
  events: InboundConnectionEvents
  codecs: { audio: readonly string[]; video: readonly string[] }
  /** Fields of an `invoke` to this Sender. */
  invokeFields: () => object
}

export class InboundConnection extends MediaConnection {
  /** The latest state of the Sender's application. */
  state: unknown
  enabled: Enabled = { audio: true, video: true }
  readonly #deps: InboundConnectionDeps
  readonly #sleep: WakeableSleep
  #answering: Promise<void> = Promise.resolve()
  #waiting = 0
  #latest: Attempt | undefined
  #offeredAt = Number.NEGATIVE_INFINITY
  /** The streams of the connection, and those that the application was told of. */
  #streams = new Set<MediaStream>()
  readonly #shown = new WeakSet<MediaStream>()
  /** What the application wants; undefined as long as it did not say. */
  #demand: Demand | undefined
  #revision = 0

  constructor(deps: InboundConnectionDeps) {
    super(deps)
    this.#deps = deps
    this.#sleep = new WakeableSleep(deps.env, this.stopping.signal)
    void this.#heal()
  }

  /** The Sender takes the path for lost, or its network has changed. */
  offeredOverBus(offer: Offer): void {
    if (this.isUp) this.doubt()
    this.offered(offer)
  }

  offered(offer: Offer): void {
    this.#inTurn(() => this.#answer(offer))
  }

  /** Candidates wait until the offer that they belong to has its turn. */
  candidates({ candidates, attempt }: CandidateMessage): void {
    if (this.isSwarmlink && isSameAttempt(attempt, this.#latest)) return this.transport?.addCandidates(candidates)
    this.#inTurn(() => {
      if (!this.isSwarmlink || isCurrent(attempt, this.#latest)) this.transport?.addCandidates(candidates)
      return Promise.resolve()
    })
  }

  synced({ state, enabled, revision = this.#revision }: SenderState): void {
    if (revision < this.#revision) return // a newer one came the other way, or this one was recorded
    this.#revision = revision
    this.#mute(enabled)
    if (JSON.stringify(state) === JSON.stringify(this.state)) return // only what is muted changed
    this.state = state
    if (this.#latest !== undefined) this.#deps.events.sync()
  }

  /** How much of the video to send. False if the Sender does not run swarmlink, and sends all of it. */
  want(demand: Demand): boolean {
    this.#demand = demand
    if (this.isSwarmlink) this.transport?.tell({ type: 'want', id: this.deps.bus.id, swarmlink: 1, demand })
    return this.isSwarmlink
  }

  protected override attempt(): Attempt | undefined {
    return this.#latest
  }

  protected override changed(): void {
    const state = this.transport?.state
    // A stock Sender makes another offer only to a Receiver that has no connection, and asks for one.
    if (!this.isSwarmlink && this.wasUp && (state === 'failed' || state === 'closed')) this.#giveUp()
    if (this.isUp && this.#demand !== undefined) this.want(this.#demand)
    this.#sleep.wake()
  }

  protected override offeredChannel(channel: RTCDataChannel): void {
    this.messages.attach(channel)
  }

  protected override told(message: MediaMessage): void {
    if (message.type === 'offer') this.offered(message)
    else if (message.type === 'candidate') this.candidates(message)
    else if (message.type === 'sync') this.synced(message)
  }

  #inTurn(task: () => Promise<void>): void {
    if (this.#waiting >= MAX_WAITING) return log('%s sends more than can be answered', this.id)
    this.#waiting++
    this.#answering = this.#answering
      .then(async () => {
        this.#waiting--
        if (!this.isEnded) await task()
      })
      .catch((error: unknown) => {
        if (error instanceof ProtocolError) log('dropped a description of %s: %s', this.id, error.message)
        else this.fail(error, 'the negotiation failed')
      })
  }

  async #answer(offer: Offer): Promise<void> {
    const sdp = parseMediaSdp(offer.sdp)
    // A stock Sender makes one offer for a connection, so the credentials in it name the connection.
    const attempt = offer.attempt ?? { session: `stock ${sdp.ufrags}`, attempt: (this.#latest?.attempt ?? 0) + 1 }
    const isSame = attempt.session === this.transport?.session
    if (this.isSwarmlink ? attempt.attempt <= (this.#latest?.attempt ?? 0) : isSame) return // it came over both ways, or late
    if (isSame) this.transport?.read(offer.sdp)
    // Any client of the bus can offer another connection in the name of a stock Sender.
    else if (!this.isSwarmlink && (await this.carriesData())) return
    if (this.isEnded) return
    this.synced(offer)
    if (this.isEnded) return // a listener of `mute` or `sync` stopped this end
    this.#latest = attempt
    this.#offeredAt = this.deps.env.now()
    if (sdp.hasMedia && !this.deps.platform.hasMedia)
      return this.end('refused', { error: noMedia(`the Sender ${this.id} offers audio or video`) })
    const transport = isSame && this.transport !== undefined ? this.transport : this.#open(attempt.session)
    const answer = await transport.answer(sdp, () => this.#preferCodecs(transport))
    if (this.isEnded || this.transport !== transport) return
    this.tell({ type: 'answer', answer: { type: 'answer', sdp: answer.sdp }, ...this.attempt() })
    this.#show() // after the answer has left: an application that shows a picture takes milliseconds
    try {
      await answer.applied
    } catch (error) {
      // The Sender takes the answer all the same, and would not offer again.
      if (!this.isEnded && this.isSwarmlink && this.transport === transport) this.#ask('restart')
      throw error
    }
  }

  /** The connection is over; its `dispose` may come later than its end. */
  #giveUp(): void {
    const { transport } = this
    void sleep(this.deps.env, DISBELIEF, this.stopping.signal).then(elapsed => {
      if (elapsed && this.transport === transport) this.end('lost', { isSilent: true })
    })
  }

  #open(session: string): Transport {
    const transport = this.renew(session)
    const streams = new Set<MediaStream>()
    this.#streams = streams
    listen(transport.rtc, 'track', event => {
      for (const stream of (event as RTCTrackEvent).streams) streams.add(stream)
    })
    return transport
  }

  /** The offer was applied: its transceivers exist. */
  #preferCodecs(transport: Transport): void {
    for (const transceiver of transport.rtc.getTransceivers?.() ?? []) {
      const kind = transceiver.receiver.track.kind === 'video' ? 'video' : 'audio'
      preferCodecs(transceiver, kind, this.#deps.codecs[kind], 'RTCRtpReceiver')
    }
  }

  #show(): void {
    for (const stream of this.#streams)
      if (!this.#shown.has(stream)) {
        this.#shown.add(stream)
        this.#deps.events.stream(stream)
      }
  }

  #mute(enabled: Enabled | undefined): void {
    if (enabled === undefined) return
    const before = this.enabled
    this.enabled = enabled
    for (const kind of ['audio', 'video'] as const)
      if (enabled[kind] !== before[kind]) this.#deps.events.mute(kind, !enabled[kind])
  }

  /**
   * Asks for another offer while the path is lost. The Sender sees the loss itself, unless only one direction is lost. A stock Sender makes
   * another offer if it has given up the connection.
   */
  async #heal(): Promise<void> {
    const { env } = this.#deps
    let asked = 0
    let askedAt = 0
    while (!this.isEnded) {
      if (this.isUp || !this.wasUp) {
        asked = 0
        await this.#sleep.sleep(Number.POSITIVE_INFINITY)
        continue
      }
      const gap = ASK_GAPS[Math.min(asked, ASK_GAPS.length - 1)] ?? 0
      const due = Math.max(asked === 0 ? 0 : askedAt + gap, this.#offeredAt + (this.#isOver ? 0 : OFFER_PATIENCE))
      const now = env.now()
      if (now < due) await this.#sleep.sleep(due - now)
      else {
        asked++
        askedAt = now
        this.#ask(this.#isOver || this.transport?.state === 'failed' ? 'renew' : 'restart')
      }
    }
  }

  /** No offer brings this connection back. */
  get #isOver(): boolean {
    const { state = 'closed', isAbandoned = false } = this.transport ?? {}
    return state === 'closed' || isAbandoned
  }

  /** Asks for another offer. */
  #ask(again: 'restart' | 'renew'): void {
    this.tell({ type: 'invoke', ...(this.isSwarmlink && { again, ...this.attempt() }), ...this.#deps.invokeFields() })
  }
}
