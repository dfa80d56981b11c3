/**
 * A Sender's connection to one Receiver: makes the offers, one at a time, restarts ICE when the path is lost, and replaces the connection when
 * that does not help. A loop decides what to do next; everything else only wakes it.
 */
import { sleep, untilAborted, withDeadline } from '../core/env.js'
import { toHex } from '../core/bytes.js'
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { TokenBucket, type RateLimit } from '../core/token-bucket.js'
import { WakeableSleep } from '../core/wakeable-sleep.js'
import type { Answer, Attempt, CandidateMessage, Demand, MediaMessage } from './codec.js'
import type { EncodingOptions } from './encoding.js'
import { MediaConnection, type MediaConnectionDeps } from './media-connection.js'
import type { MediaSdp } from './media-sdp.js'
import { TrackSender, type Publication } from './track-sender.js'

const log = logger('media')

/** Milliseconds before each retry, those of LiveKit's client; the last one repeats. */
const RETRY_GAPS = [0, 300, 1_200, 2_700, 4_800, 7_000]
/** Milliseconds that an attempt has to succeed before the next one. */
const ATTEMPT = 2_500
/** ICE restarts that fail before the connection is replaced. */
const RESTARTS = 3
/** Milliseconds in which several changes of tracks become one offer. */
const COALESCE = 20
/** In milliseconds. A Receiver that asks for an offer twice within this time has not got the first one yet. */
const YOUNG = 2_000
/** Restarts and replacements that the Receiver causes: by a request, or by closing its control channel. */
const REQUESTS: RateLimit = { burst: 4, rate: 8 / 60 }

export interface OutboundConnectionDeps extends MediaConnectionDeps {
  /** Whether to open a channel for messages. */
  hasMessages: boolean
  /** What is sent to every Receiver. */
  publication: () => Omit<Publication, 'demand'>
  /** Fields of every offer beside the description. */
  offerFields: () => object
  /** The number of the next offer, higher than that of any offer before. */
  nextAttempt: () => number
}

export class OutboundConnection extends MediaConnection {
  readonly #deps: OutboundConnectionDeps
  readonly #sleep: WakeableSleep
  readonly #requests: TokenBucket
  #tracks: TrackSender | undefined
  #demand: Demand = 'high'
  #encoding: EncodingOptions = {}
  #attempt = 0
  #awaited: ((answer: MediaSdp | undefined) => void) | undefined
  /** The path worked, and was lost. */
  #isDown = false
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

  answered({ sdp, attempt }: Answer): void {
    const transport = this.transport
    if (this.isSwarmlink && (attempt?.session !== transport?.session || attempt?.attempt !== this.#attempt))
      return log('ignored an answer of %s to an earlier offer', this.id)
    try {
      if (transport !== undefined) this.#awaited?.(transport.read(sdp))
    } catch (error) {
      log('ignored an answer of %s: %o', this.id, error) // the answer itself may still come
    }
  }

  candidates({ candidates, attempt }: CandidateMessage): void {
    if (this.isSwarmlink && attempt?.session !== this.transport?.session) return
    this.transport?.addCandidates(candidates)
  }

  /** The Receiver, or this machine's network, asks for new ICE credentials. Does nothing while the path is restarted anyway. */
  restart(): void {
    if (!this.isUp || !this.#requests.take(1, this.#deps.env.now())) return
    this.#needsRestart = true
    this.#sleep.wake()
  }

  /**
   * The Receiver sent an `invoke` to this Sender alone, as it does only without a connection. While the connection of a stock Receiver works, any
   * other client of the bus may have sent it.
   */
  askedAgain(): void {
    const isOld = this.#deps.env.now() - this.startedAt > YOUNG
    if (this.#isInvited || (isOld && !(this.isUp && this.transport?.state === 'connected'))) this.replace()
  }

  /** The Receiver has no connection any more. */
  replace(): void {
    if (!this.#isInvited && !this.#requests.take(1, this.#deps.env.now())) return
    this.#isInvited = false
    this.#needsRenewal = true
    this.#awaited?.(undefined)
    this.#sleep.wake()
  }

  protected override attempt(): Attempt | undefined {
    return this.transport && { session: this.transport.session, attempt: this.#attempt }
  }

  protected override changed(): void {
    const isBack = this.#isDown && this.isUp
    this.#isDown = this.wasUp && !this.isUp
    if (isBack) void this.#refresh()
    this.#sleep.wake()
  }

  async #refresh(): Promise<void> {
    try {
      await this.#tracks?.refresh()
    } catch (error) {
      log('%s has to ask for a whole picture: %o', this.id, error) // @roamhq/wrtc 0.10.0 takes parameters before the first offer only
    }
  }

  protected override told(message: MediaMessage): void {
    if (message.type === 'want') this.#want(message.demand)
    else if (message.type === 'answer') this.answered(message)
    else if (message.type === 'candidate') this.candidates(message)
    else if (message.type === 'invoke' && message.again !== undefined) this.restart()
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
    await this.#renew()
    let failures = 0
    let triedAt = this.#deps.env.now()
    const gap = () => RETRY_GAPS[Math.min(failures, RETRY_GAPS.length - 1)] ?? 0
    while (!this.isEnded) {
      if (this.#needsRenewal) {
        this.#needsRenewal = false
        triedAt = this.#deps.env.now()
        await this.#renew()
      } else if (this.isUp) {
        triedAt = Number.NEGATIVE_INFINITY
        const isNeeded = this.#needsRestart || this.#needsOffer
        failures = isNeeded && !(await this.#offerAgain()) ? failures + 1 : 0
        if (failures > 0) await this.#sleep.sleep(gap())
        else if (!isNeeded) await this.#sleep.sleep(Number.POSITIVE_INFINITY)
      } else {
        const wait = triedAt + ATTEMPT + gap() - this.#deps.env.now()
        const { state = 'closed', isAbandoned = false } = this.transport ?? {}
        const isGone = state === 'closed' || isAbandoned
        const isHopeless = isGone || state === 'failed'
        const isReplaced = isGone || failures >= RESTARTS
        if (wait > 0 && !(isHopeless && failures === 0)) await this.#sleep.sleep(wait)
        // A Receiver that was let in and closes its control channel each time would get a connection many times a second.
        else if (isReplaced && !this.#requests.take(1, this.#deps.env.now()))
          await this.#sleep.sleep(Math.ceil(this.#requests.wait(this.#deps.env.now())))
        else {
          failures++
          triedAt = this.#deps.env.now()
          await this.#retry(isReplaced)
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
    else if (!(await this.#exchange(iceRestart))) {
      this.#needsOffer = true
      return false
    }
    return true
  }

  async #retry(isGone: boolean): Promise<void> {
    if (!this.isSwarmlink && this.transport?.state !== 'closed') this.#inviteStock()
    else if (isGone) await this.#renew()
    else await this.#exchange(true)
  }

  /** A stock Receiver takes no second offer. Once it was told that the connection is gone it asks for another one. */
  #inviteStock(): void {
    this.#isInvited = true
    this.#deps.bus.send(this.id, { type: 'dispose' })
    this.#deps.bus.send(this.id, { type: 'invoke' })
  }

  /** Opens another connection and offers it. */
  async #renew(): Promise<void> {
    this.#needsOffer = false
    this.#needsRestart = false
    this.#isInvited = false
    try {
      const transport = this.renew(toHex(this.#deps.env.randomBytes(8)))
      if (this.isSwarmlink) transport.openControl()
      if (this.#deps.hasMessages) this.messages.attach(transport.rtc.createDataChannel(this.id))
      // @roamhq/wrtc 0.10.0 takes parameters before the first offer only (node-webrtc/node-webrtc#613).
      this.#tracks = new TrackSender(transport.rtc, error => this.fail(error, 'cannot change what is sent'))
      await this.#tracks.publish(() => this.#publication())
    } catch (error) {
      this.transport?.close() // without its channels and tracks it would be of no use
      return this.fail(error, 'cannot open a connection')
    }
    await this.#exchange(false)
  }

  /** Sends an offer and applies the answer to it; true if there was one. */
  async #exchange(iceRestart: boolean): Promise<boolean> {
    const transport = this.transport
    if (transport === undefined || this.isEnded) return false
    this.#attempt = this.#deps.nextAttempt()
    try {
      const sdp = await transport.offer(iceRestart)
      if (this.isEnded || this.transport !== transport) return false
      const answer = await this.#answerTo(sdp)
      if (answer === undefined || this.transport !== transport) return false
      await transport.accept(answer)
      void this.publish() // some implementations have no encodings before
      return true
    } catch (error) {
      if (this.transport === transport) this.fail(error, 'the negotiation failed')
      return false
    }
  }

  /** The answer to this offer; undefined when none comes in time. */
  async #answerTo(sdp: string): Promise<MediaSdp | undefined> {
    const { env, timeout } = this.#deps
    const answered = new Promise<MediaSdp | undefined>(resolve => (this.#awaited = resolve))
    const message = { type: 'offer', offer: { type: 'offer', sdp }, ...this.#deps.offerFields(), ...this.attempt() }
    this.tell(message)
    const late = () => new SwarmlinkError('ERR_CONNECT_TIMEOUT', 'no answer')
    try {
      // A stock Receiver gets one offer, so the wait is as long as the whole timeout; a swarmlink Receiver gets another offer.
      const answer = untilAborted(answered, this.stopping.signal, late)
      return await withDeadline(env, answer, this.isSwarmlink ? ATTEMPT : timeout, late)
    } catch {
      log('%s did not answer offer %d', this.id, this.#attempt)
      return undefined
    } finally {
      this.#awaited = undefined
    }
  }
}
