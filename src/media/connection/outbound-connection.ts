/**
 * A Sender's connection to one Receiver: makes the offers, one at a time, restarts ICE when the path is lost, and replaces the connection when
 * that does not help. A loop decides what to do next; everything else only wakes it.
 */
import { sleep } from '../../core/env.js'
import { toHex } from '../../core/bytes.js'
import { logger } from '../../core/log.js'
import { TokenBucket, type RateLimit } from '../../core/token-bucket.js'
import { WakeableSleep } from '../../core/wakeable-sleep.js'
import { quietly } from '../../engine/rtc.js'
import { isCurrent, isSameAttempt } from '../bus/codec.js'
import type { Answer, Attempt, CandidateMessage, Demand, MediaMessage } from '../bus/codec.js'
import type { EncodingOptions } from '../tracks/encoding.js'
import { MediaConnection, type MediaConnectionDeps } from './media-connection.js'
import { OfferExchange } from './offer-exchange.js'
import { TrackSender, type Publication } from '../tracks/track-sender.js'

const log = logger('media')

/** Milliseconds before each retry, those of LiveKit's client; the last one repeats. */
const RETRY_GAPS = [0, 300, 1_200, 2_700, 4_800, 7_000]
/** Milliseconds that an attempt has to succeed before the next one; more after each offer without an answer, because the bus may be slow. */
const ATTEMPT = { first: 2_500, factor: 1.5, max: 10_000 }
/** Milliseconds before another channel for messages is opened. */
const REOPEN = 1_000
/** ICE restarts that fail before the connection is replaced. */
const RESTARTS = 3
/** Milliseconds in which several changes of tracks become one offer. */
const COALESCE = 20
/** In milliseconds. A Receiver that asks for an offer twice within this time has not got the first one yet. */
const YOUNG = 2_000
/** Restarts and replacements that the Receiver or the network causes: by a request, or by closing its control channel. */
const REQUESTS: RateLimit = { burst: 4, rate: 8 / 60 }

export interface OutboundConnectionDeps extends MediaConnectionDeps {
  /** Whether to open a channel for messages. */
  hasMessages: boolean
  /** What is sent to every Receiver. */
  publication: () => Omit<Publication, 'demand'>
  /** Fields of every offer beside the description. */
  offerFields: () => { revision: number }
  /** The number of the next offer, higher than that of any offer before. */
  nextAttempt: () => number
}

export class OutboundConnection extends MediaConnection {
  readonly #deps: OutboundConnectionDeps
  readonly #sleep: WakeableSleep
  readonly #requests: TokenBucket
  readonly #offers: OfferExchange
  #tracks: TrackSender | undefined
  #demand: Demand = 'high'
  #encoding: EncodingOptions = {}
  #isDown = false // and was up before
  /** The tracks that were published again once the path was up. */
  #confirmed: TrackSender | undefined
  #needsOffer = false
  #needsRestart = false
  #needsRenewal = false
  /** A stock Receiver was told to ask for another offer. */
  #isInvited = false

  constructor(deps: OutboundConnectionDeps) {
    super(deps)
    this.#deps = deps
    this.#sleep = new WakeableSleep(deps.env, this.stopping.signal)
    this.#requests = new TokenBucket(REQUESTS)
    this.#offers = new OfferExchange({
      env: deps.env,
      id: deps.id,
      // A stock Receiver gets one offer, so the wait is as long as the whole timeout; a swarmlink Receiver gets another offer.
      patience: deps.isSwarmlink ? ATTEMPT : { first: deps.timeout, factor: 1, max: deps.timeout },
      stop: this.stopping.signal,
      nextAttempt: deps.nextAttempt,
      fields: deps.offerFields,
      tell: offer => this.tell({ ...offer, ...this.attempt() }),
      isCurrent: transport => !this.isEnded && this.transport === transport,
      failed: error => this.fail(error, 'the negotiation failed'),
    })
    void this.#run()
  }

  /** The tracks, the encodings or the mute changed. */
  async publish(): Promise<void> {
    try {
      if ((await this.#tracks?.publish(() => this.#publication())) !== true) return
      this.#needsOffer = true
      this.#sleep.wake()
    } catch (error) {
      this.fail(error, 'cannot change what is sent')
    }
  }

  /** Encodings for this Receiver alone. */
  setEncoding(encoding: EncodingOptions): void {
    this.#encoding = { ...this.#encoding, ...encoding }
    void this.publish()
  }

  /** Tells the Receiver the state of the application and what is muted. */
  sync(fields: object): void {
    this.tell({ type: 'sync', ...fields })
  }

  answered(answer: Answer): void {
    if (!this.isSwarmlink || isSameAttempt(answer.attempt, this.attempt())) this.#offers.answered(answer.sdp)
    else log('ignored an answer of %s to an earlier offer', this.id)
  }

  candidates({ candidates, attempt }: CandidateMessage): void {
    if (!this.isSwarmlink || isCurrent(attempt, this.attempt())) this.transport?.addCandidates(candidates)
  }

  /** The Receiver says that the path is lost, and which offer it has: there may be a newer one. */
  receiverLost(last?: Attempt): void {
    if (this.restart(last)) this.lose()
  }

  /** Restarts ICE on a path that seems to work. False if it is restarted already, or too often. */
  restart(last = this.attempt()): boolean {
    if (!this.isUp) return false
    this.doubt()
    if (!isSameAttempt(last, this.attempt()) || !this.#requests.take(1, this.#deps.env.now())) return false
    this.#needsRestart = true
    this.#sleep.wake()
    return true
  }

  /**
   * The Receiver sent an `invoke` to this Sender alone, as it does only without a connection. While the connection of a stock Receiver works, any
   * other client of the bus may have sent it.
   */
  askedAgain(): void {
    const isOld = this.#deps.env.now() - this.startedAt > YOUNG
    if (this.#isInvited || (isOld && !(this.isUp && this.transport?.state === 'connected'))) this.replace()
  }

  /** The Receiver has no connection any more, and says which offer it has: there may be a newer one. */
  replace({ attempt = this.#offers.attempt }: Partial<Attempt> = {}): void {
    if (this.#offers.isComing(attempt) || !(this.#isInvited || this.#requests.take(1, this.#deps.env.now()))) return
    this.#isInvited = false
    this.#needsRenewal = true
    this.#offers.cancel()
    this.#sleep.wake()
  }

  protected override attempt(): Attempt | undefined {
    return this.transport && { session: this.transport.session, attempt: this.#offers.attempt }
  }

  protected override changed(): void {
    const wasDown = this.#isDown
    this.#isDown = this.wasUp && !this.isUp
    if (this.#isDown !== wasDown) void this.#followPath()
    if (this.isUp && this.#tracks !== this.#confirmed) {
      this.#confirmed = this.#tracks
      void this.publish() // for encodings that could not be set before the answer, or whose source had no height yet
    }
    this.#sleep.wake()
  }

  /** What was told before went over the bus, where messages may be lost, and overtake the offer. */
  protected override controlled(): void {
    const fields = this.#deps.offerFields()
    if (fields.revision !== this.#offers.revision) this.sync(fields)
  }

  /** Only a Sender opens channels. */
  protected override offeredChannel(channel: RTCDataChannel): void {
    quietly('close', () => channel.close())
  }

  protected override channelLost(): void {
    const { transport } = this
    void sleep(this.#deps.env, REOPEN, this.stopping.signal).then(elapsed => {
      if (!elapsed || transport === undefined || this.transport !== transport || transport.state !== 'connected') return
      quietly('createDataChannel', () => this.messages.attach(transport.rtc.createDataChannel(this.id)))
    })
  }

  async #followPath(): Promise<void> {
    try {
      await (this.#isDown ? this.#tracks?.pause() : this.#tracks?.resume())
    } catch (error) {
      log('the encoders for %s go on as they are: %o', this.id, error)
      void this.publish() // turns on an encoder that it left off
    }
  }

  protected override told(message: MediaMessage): void {
    if (message.type === 'want') this.#want(message.demand)
    else if (message.type === 'answer') this.answered(message)
    else if (message.type === 'candidate') this.candidates(message)
    else if (message.type === 'invoke' && message.again !== undefined) this.receiverLost(message.attempt)
  }

  #want(demand: Demand): void {
    if (demand === this.#demand) return
    this.#demand = demand
    void this.publish()
  }

  #publication(): Publication {
    const shared = this.#deps.publication()
    return { ...shared, encoding: { ...shared.encoding, ...this.#encoding }, demand: this.#demand }
  }

  /** Connects, and does what is needed to stay connected, until the connection ends. */
  async #run(): Promise<void> {
    let failures = 0
    let triedAt = 0
    const now = () => this.#deps.env.now()
    /** An attempt has its time from the answer on. */
    const attempt = async (offer: () => Promise<boolean>) => {
      triedAt = now()
      if (await offer()) triedAt = now()
    }
    await attempt(() => this.#renew())
    const gap = () => RETRY_GAPS[Math.min(failures, RETRY_GAPS.length - 1)] ?? 0
    while (!this.isEnded) {
      if (this.#needsRenewal) {
        this.#needsRenewal = false
        await attempt(() => this.#renew())
      } else if (this.isUp) {
        if (this.#needsRestart) triedAt = now()
        const isNeeded = this.#needsRestart || this.#needsOffer
        failures = isNeeded && !(await this.#offerAgain()) ? failures + 1 : 0
        if (failures > 0) await this.#sleep.sleep(gap())
        else if (!isNeeded) await this.#sleep.sleep(Number.POSITIVE_INFINITY)
      } else {
        const wait = triedAt + ATTEMPT.first + gap() - now()
        const { state = 'closed', isAbandoned = false } = this.transport ?? {}
        const isGone = state === 'closed' || isAbandoned
        const isHopeless = isGone || state === 'failed'
        const isReplaced = isGone || failures >= RESTARTS
        if (wait > 0 && !(isHopeless && failures === 0)) await this.#sleep.sleep(wait)
        // A Receiver that was let in and closes its control channel each time would get a connection many times a second.
        else if (isReplaced && !this.#requests.take(1, now())) await this.#sleep.sleep(Math.ceil(this.#requests.wait(now())))
        else {
          failures++
          await attempt(() => this.#retry(isReplaced))
        }
      }
    }
  }

  /** False if the Receiver did not take the offer, so that it has to be made again. */
  async #offerAgain(): Promise<boolean> {
    const iceRestart = this.#needsRestart
    if (!iceRestart) await sleep(this.#deps.env, COALESCE, this.stopping.signal)
    this.#needsOffer = false
    this.#needsRestart = false
    if (this.isEnded) return true
    if (!this.isSwarmlink) this.#inviteStock() // it ignores a second offer
    else if (!(await this.#offer(iceRestart))) {
      this.#needsOffer = true
      return false
    }
    return true
  }

  async #retry(isReplaced: boolean): Promise<boolean> {
    if (this.isSwarmlink || this.transport?.state === 'closed') return await (isReplaced ? this.#renew() : this.#offer(true))
    this.#inviteStock()
    return false
  }

  /** A stock Receiver takes no second offer. Once it was told that the connection is gone it asks for another one. */
  #inviteStock(): void {
    this.#isInvited = true
    this.#deps.bus.send(this.id, { type: 'dispose' })
    this.#deps.bus.send(this.id, { type: 'invoke' })
  }

  /** Opens another connection and offers it; true if the offer was answered. */
  async #renew(): Promise<boolean> {
    this.#needsOffer = false
    this.#needsRestart = false
    this.#isInvited = false
    try {
      const transport = this.renew(toHex(this.#deps.env.randomBytes(8)))
      this.#tracks = new TrackSender(transport.rtc, error => this.fail(error, 'cannot change what is sent'))
      await this.#tracks.publish(() => this.#publication())
      if (this.isSwarmlink) transport.openControl()
      if (this.#deps.hasMessages) this.messages.attach(transport.rtc.createDataChannel(this.id))
    } catch (error) {
      this.transport?.close() // without its channels and tracks it would be of no use
      this.fail(error, 'cannot open a connection')
      return false
    }
    return await this.#offer(false)
  }

  /** Makes an offer; true if it was answered. */
  async #offer(iceRestart: boolean): Promise<boolean> {
    if (iceRestart) this.#needsRestart = false
    const { transport } = this
    return transport !== undefined && !this.isEnded && (await this.#offers.offer(transport, iceRestart))
  }
}
