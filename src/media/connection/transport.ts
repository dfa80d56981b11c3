/**
 * One `RTCPeerConnection` of a call: descriptions, candidates, the control channel and the channel for messages. Knows nothing of buses, of tracks
 * and of what is done when the path is lost. Never reads a description of the engine: see `unsafeDescriptions` in engine/quirks.ts.
 */
import { CandidateAllowance } from '../../core/candidate-allowance.js'
import type { Env, Timer } from '../../core/env.js'
import { ProtocolError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { withOffererAsDtlsClient } from '../../core/sdp.js'
import type { ConnectionState } from '../../engine/engine.js'
import { stateOf } from '../../engine/rtc-state.js'
import { listen, quietly } from '../../engine/rtc.js'
import { decodeMessage, type MediaMessage } from '../bus/codec.js'
import { isRtcpCandidate, parseMediaSdp, type MediaSdp } from '../media-sdp.js'
import type { RtcPlatform } from '../rtc-platform.js'

const log = logger('media')

/** The label of the control channel. The published package takes the first channel for messages, so a stock end never gets this one. */
const CONTROL = 'swarmlink-media'
/** In milliseconds: host candidates come within 5 ms of each other, and each message of a bus has its price. */
const CANDIDATE_BATCH = 5
/** @roamhq/wrtc 0.10.0 loses what was sent within 20 ms before `close()`. */
const CLOSE_AFTER = 50
/** After a goodbye the other end closes first, and is waited for at most so long, in milliseconds. */
const GOODBYE = 500
/** In characters: a description in JSON. */
const MAX_CONTROL = 64 * 1024

export interface TransportDeps {
  platform: RtcPlatform
  env: Env
  rtcConfig: RTCConfiguration
  /** The state of the connection changed, or the control channel was lost. */
  changed: () => void
  /** Candidates of this end, for the other end. */
  gathered: (candidates: RTCIceCandidateInit[]) => void
  /** A message of the control channel. */
  told: (message: MediaMessage) => void
  /** The control channel is open. */
  controlled: () => void
  /** A channel for messages was opened by the other end. */
  channel: (channel: RTCDataChannel) => void
}

/** Bytes, and answers to the checks of ICE, by pair of candidates. */
export type Arrivals = Map<string, { bytes: number; checks: number }>

/** The figures of `getStats` that are read here. */
interface StatsEntry {
  id: string
  type: string
  bytesReceived?: number
  responsesReceived?: number
}

/** A description that may leave before it is applied, which takes 3 to 5 ms in Chromium. */
export interface LocalDescription {
  sdp: string
  applied: Promise<void>
}

export class Transport {
  readonly rtc: RTCPeerConnection
  readonly session: string
  /** The certificate of the other end, once a description of it was applied: later descriptions must have the same one. */
  fingerprint: string | undefined
  readonly #deps: TransportDeps
  readonly #ends: Array<() => void> = []
  /** The last description of this end is being applied. */
  #applying: Promise<void> = Promise.resolve()
  /** The next candidates belong to a description of the other end that is not applied yet. */
  #awaitsRemote = true
  /** These candidates. */
  #early: RTCIceCandidateInit[] = []
  #batch: RTCIceCandidateInit[] = []
  #batching: Timer | undefined
  /** Of the last description of this end, and of the other end. */
  #allowance = new CandidateAllowance()
  #remoteAllowance = new CandidateAllowance()
  /** The number of sections in the last offer, and in the last one that was answered. */
  #offeredSections = 0
  #agreedSections = 0
  #control: RTCDataChannel | undefined
  #hadControl = false
  #isClosed = false

  constructor(session: string, deps: TransportDeps) {
    this.session = session
    this.#deps = deps
    this.rtc = deps.platform.open({ ...deps.rtcConfig, bundlePolicy: 'max-bundle' })
    for (const event of ['connectionstatechange', 'iceconnectionstatechange'])
      this.#ends.push(listen(this.rtc, event, () => deps.changed()))
    this.#ends.push(
      listen(this.rtc, 'icecandidate', event => this.#gather((event as RTCPeerConnectionIceEvent).candidate)),
      listen(this.rtc, 'datachannel', event => this.#take((event as RTCDataChannelEvent).channel)),
    )
  }

  get state(): ConnectionState {
    if (this.#isClosed) return 'closed'
    return stateOf(this.rtc)
  }

  /** The control channel is open, so the path worked a moment ago. */
  get isControlled(): boolean {
    return this.#control?.readyState === 'open'
  }

  /** The other end closed the connection: its control channel is gone. */
  get isAbandoned(): boolean {
    return this.#hadControl && !this.isControlled
  }

  /** Opens the control channel; only the Sender does. */
  openControl(): void {
    this.#useControl(this.rtc.createDataChannel(CONTROL))
  }

  /** Creates an offer and begins to apply it. */
  async offer(iceRestart: boolean): Promise<LocalDescription> {
    // Firefox (seen in version 153) loses the path if an offer replaces one that was not answered, so that one is taken back. Chromium and @roamhq/wrtc
    // would lose its new sections with it: the channels for ever, and tracks their numbers.
    const hasNewSections = this.#offeredSections > this.#agreedSections
    if (this.rtc.signalingState === 'have-local-offer' && !hasNewSections)
      await this.rtc.setLocalDescription({ type: 'rollback' })
    const { sdp = '' } = await this.rtc.createOffer({ iceRestart })
    this.#offeredSections = sectionsIn(sdp)
    this.#awaitsRemote = true
    this.#remoteAllowance = new CandidateAllowance()
    return { sdp: this.#withDtlsRoles(sdp), applied: this.#apply('offer', sdp) }
  }

  /** Applies an offer of the other end, creates the answer and begins to apply it. `prepare` is called in between, to set codec preferences. */
  async answer(offer: MediaSdp, prepare: () => void): Promise<LocalDescription> {
    this.#awaitsRemote = true
    this.#remoteAllowance = new CandidateAllowance()
    await this.#setRemote('offer', { ...offer, text: this.#withDtlsRoles(offer.text) })
    prepare()
    const { sdp = '' } = await this.rtc.createAnswer()
    return { sdp, applied: this.#apply('answer', sdp) }
  }

  async accept(answer: MediaSdp): Promise<void> {
    await this.#applying // the answer may be faster
    await this.#setRemote('answer', answer)
    this.#agreedSections = sectionsIn(answer.text)
  }

  /** Reads a description of the other end; throws a {@link ProtocolError} if it is malformed or of another certificate. */
  read(sdp: string): MediaSdp {
    const parsed = parseMediaSdp(sdp)
    if (this.fingerprint !== undefined && parsed.fingerprint !== this.fingerprint)
      throw new ProtocolError('ERR_BAD_SDP', 'refused a session description: it has another certificate than the connection')
    return parsed
  }

  /** Adds candidates of the other end, within the allowance of a description. */
  addCandidates(candidates: RTCIceCandidateInit[]): void {
    const taken = candidates.filter(({ candidate = '' }) => this.#remoteAllowance.take(candidate))
    if (this.#awaitsRemote) this.#early.push(...taken)
    else for (const candidate of taken) this.#addCandidate(candidate)
  }

  /** Sends a message over the control channel; false if it is not open. */
  tell(message: object): boolean {
    if (this.#control === undefined || !this.isControlled) return false
    try {
      this.#control.send(JSON.stringify(message))
      return true
    } catch (error) {
      log('the control channel failed: %o', error)
      return false
    }
  }

  /** What each pair of candidates received until now; undefined when the engine does not say. */
  async arrivals(): Promise<Arrivals | undefined> {
    const pairs = (await this.#stats())?.filter(({ type }) => type === 'candidate-pair')
    return (
      pairs && new Map(pairs.map(({ id, bytesReceived: bytes = 0, responsesReceived: checks = 0 }) => [id, { bytes, checks }]))
    )
  }

  /** Bytes of tracks and channels. Zero when the engine does not say. */
  async mediaReceived(): Promise<number> {
    const entries = (await this.#stats())?.filter(({ type }) => type === 'inbound-rtp' || type === 'data-channel') ?? []
    return entries.reduce((sum, { bytesReceived = 0 }) => sum + bytesReceived, 0)
  }

  async #stats(): Promise<StatsEntry[] | undefined> {
    try {
      const entries: StatsEntry[] = []
      const report = await this.rtc.getStats()
      report.forEach((entry: StatsEntry) => entries.push(entry))
      return entries
    } catch (error) {
      log('getStats failed: %o', error)
      return undefined
    }
  }

  /**
   * `said`: this end told the other one that it leaves. The other one closes, and then this one does, because an end that sends while the other one
   * closes may crash in @roamhq/wrtc (see engine/roamhq.ts). `heard`: this is the other one.
   */
  close(goodbye?: 'said' | 'heard'): void {
    if (this.#isClosed) return
    const isAnswered = goodbye === 'said' && (this.isControlled || this.state === 'connected')
    this.#isClosed = true
    this.#batching?.cancel()
    for (const end of this.#ends.splice(0)) end()
    // Later, so that a last message still leaves. Until then the process stays alive.
    const { env } = this.#deps
    const alive = env.keepAlive?.()
    const shut = () => {
      timer.cancel()
      alive?.cancel()
      quietly('close', () => this.rtc.close())
    }
    const timer = env.timer(goodbye === 'heard' ? 0 : isAnswered ? GOODBYE : CLOSE_AFTER, shut)
    if (isAnswered) this.#control?.addEventListener('close', shut, { once: true })
  }

  /**
   * libwebrtc and Firefox answer as the DTLS client, whose first flight is at the offerer before the answer is, and waits there: media flow a round trip
   * earlier. node-datachannel loses such a flight: see {@link withOffererAsDtlsClient}.
   */
  #withDtlsRoles(offer: string): string {
    return this.#deps.platform.hasMedia ? offer : withOffererAsDtlsClient(offer)
  }

  #apply(type: 'offer' | 'answer', sdp: string): Promise<void> {
    this.#allowance = new CandidateAllowance()
    const applied = this.rtc.setLocalDescription({ type, sdp })
    applied.catch(() => {}) // for a caller that does not wait any more
    this.#applying = applied
    return applied
  }

  async #setRemote(type: 'offer' | 'answer', { text, fingerprint }: MediaSdp): Promise<void> {
    await this.rtc.setRemoteDescription({ type, sdp: text })
    this.fingerprint = fingerprint
    this.#awaitsRemote = false
    for (const candidate of this.#early.splice(0)) this.#addCandidate(candidate)
  }

  #addCandidate(candidate: RTCIceCandidateInit): void {
    quietly('addIceCandidate', () => this.rtc.addIceCandidate(candidate))
  }

  #gather(candidate: RTCIceCandidate | null): void {
    if (candidate === null || candidate.candidate === '' || isRtcpCandidate(candidate.candidate)) return
    if (!this.#allowance.take(candidate.candidate)) return
    const { sdpMid, sdpMLineIndex, usernameFragment } = candidate
    this.#batch.push({ candidate: candidate.candidate, sdpMid, sdpMLineIndex, ...(usernameFragment && { usernameFragment }) })
    this.#batching ??= this.#deps.env.timer(CANDIDATE_BATCH, () => {
      this.#batching = undefined
      if (!this.#isClosed) this.#deps.gathered(this.#batch.splice(0))
    })
  }

  #take(channel: RTCDataChannel): void {
    if (channel.label === CONTROL) this.#useControl(channel)
    else this.#deps.channel(channel)
  }

  #useControl(channel: RTCDataChannel): void {
    if (this.#control !== undefined) return quietly('close', () => channel.close())
    this.#control = channel
    const opened = () => {
      if (this.#hadControl || this.#isClosed) return
      this.#hadControl = true
      this.#deps.controlled()
    }
    this.#ends.push(
      listen(channel, 'open', opened),
      listen(channel, 'close', () => this.#deps.changed()),
      listen(channel, 'message', event => this.#heard((event as MessageEvent<unknown>).data)),
    )
    // @roamhq/wrtc and Firefox may report a channel that is open already.
    if (channel.readyState === 'open') queueMicrotask(opened)
  }

  #heard(text: unknown): void {
    if (typeof text !== 'string' || text.length > MAX_CONTROL) return
    let message: MediaMessage
    try {
      message = decodeMessage(JSON.parse(text))
    } catch (error) {
      return log('dropped a message of the control channel: %o', error)
    }
    this.#deps.told(message)
  }
}

function sectionsIn(sdp: string): number {
  return sdp.match(/^m=/gm)?.length ?? 0
}
