/** The offer/answer exchange of one connection, and its ICE restarts. Knows nothing of channels. */
import { sleep } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import {
  hasCandidate,
  trimCandidates,
  ufragOf,
  withAnswererAsDtlsClient,
  withCandidates,
  withOffererAsDtlsClient,
} from '../core/sdp.js'
import { readSafely } from '../core/uncaught.js'
import type { CandidateExchange, CandidateExchangeDeps } from './candidate-exchange.js'
import type { ConnectionState } from './engine.js'
import { Gathering } from './gathering.js'
import type { Quirks } from './quirks.js'
import { ended, isEstablished } from './rtc-state.js'
import type { RtcConnection, RtcDescription } from './rtc.js'
import { REST } from './same-host.js'

const log = logger('engine')

export interface DescriptionExchangeDeps extends CandidateExchangeDeps {
  candidates: CandidateExchange
  /** Replaces the engine's connection. */
  reopen: () => void
  probe: () => void
  state: () => ConnectionState
}

export class DescriptionExchange {
  readonly gathering: Gathering
  readonly #deps: DescriptionExchangeDeps
  readonly #quirks: Quirks
  /** Serialises local descriptions: each is made for the state that the one before it left. */
  #described: Promise<unknown> = Promise.resolve()
  #role: 'offerer' | 'answerer' | undefined
  /** False if the remote engine refuses new ICE credentials. */
  #remoteRestarts = true
  /** The number of restarts, and whether the latest one waits for its answer. */
  #restarts = 0
  #restartOffered = false

  constructor(deps: DescriptionExchangeDeps) {
    this.#deps = deps
    this.gathering = new Gathering(deps.config)
    this.#quirks = deps.quirks
  }

  get canRestart(): boolean {
    return isEstablished(this.#deps.state()) && this.#remoteRestarts && this.#quirks.restarts === true
  }

  async createOffer(trickle: boolean): Promise<string> {
    this.#role = 'offerer'
    return withOffererAsDtlsClient(await this.#describe('offer', trickle))
  }

  async createAnswer(offer: string, trickle: boolean): Promise<string> {
    this.#role = 'answerer'
    const { candidates } = this.#deps
    const local = this.#quirks.splitOffer?.(offer, candidates.early)
    // A stock client leaves the DTLS role to the answerer, and sends no notice.
    const isStock = !offer.includes('a=setup:active')
    const notices = local === undefined || isStock || this.#isDtlsClient ? undefined : this.#notices
    const isClient = this.#isDtlsClient || (local !== undefined && notices === undefined)
    const withRoles = isClient ? withAnswererAsDtlsClient : withOffererAsDtlsClient
    const description = { type: 'offer', sdp: withRoles(local?.sdp ?? offer) } as const
    try {
      await this.#setRemote(description, local?.candidates)
    } catch (error) {
      if (this.#deps.calls.over || !(error instanceof Error) || this.#quirks.retryAnswer?.(error) !== true) throw error
      log('%s: %s; retrying on a new connection', this.#quirks.name, error.message)
      this.#deps.reopen()
      await this.#setRemote(description, local?.candidates)
    }
    const answer = await this.#describe('answer', trickle)
    if (local === undefined) return answer
    return await candidates.hold(answer, notices)
  }

  async acceptAnswer(answer: string, further?: () => void): Promise<void> {
    // The engine would take it for the answer to a restart, which has other credentials.
    if (this.#restarts > 0) throw new SwarmlinkError('ERR_ENGINE', 'the offer was answered before: ignore this answer')
    // Before the answer the SCTP association cannot come up. After it a browser knows its DTLS role, by which it numbers the channel;
    // node-datachannel closes a channel whose number belongs to the other role.
    const early = this.#quirks.opensTwice === true
    if (early) further?.()
    const local = this.#quirks.splitAnswer?.(answer)
    if (local === undefined && this.#quirks.hasKnocked?.(answer) === true) await sleep(this.#deps.config.env, REST)
    try {
      await this.#setRemote({ type: 'answer', sdp: local?.sdp ?? answer }, local?.candidates)
      if (local !== undefined) this.#deps.candidates.tellApplied(answer)
    } catch (error) {
      // If both ends run in one process, libdatachannel may finish, and refuse, the DTLS handshake before it has stored the
      // answer's fingerprint. The connection then fails on both sides at once.
      this.#deps.probe()
      throw this.#deps.calls.over ? ended(this.#deps.state(), error) : error
    }
    if (!early) further?.()
  }

  async restart(): Promise<string> {
    this.#mayRestart('offerer')
    this.#restartOffered = false
    const offer = await this.#describeRestart('offer', ++this.#restarts)
    this.#restartOffered = true
    return withOffererAsDtlsClient(offer)
  }

  async answerRestart(offer: string): Promise<string> {
    this.#mayRestart('answerer')
    const restart = ++this.#restarts
    await this.#setRemote({
      type: 'offer',
      sdp: this.#isDtlsClient ? withAnswererAsDtlsClient(offer) : withOffererAsDtlsClient(offer),
    })
    return this.#describeRestart('answer', restart)
  }

  async acceptRestart(answer: string): Promise<void> {
    this.#mayRestart('offerer')
    if (!this.#restartOffered) throw new SwarmlinkError('ERR_ENGINE', 'no ICE restart waits for an answer: ignore this answer')
    await this.#setRemote({ type: 'answer', sdp: answer })
    this.#restartOffered = false
  }

  #mayRestart(role: 'offerer' | 'answerer'): void {
    this.#deps.calls.check()
    if (!this.canRestart || this.#role !== role)
      throw new SwarmlinkError('ERR_ENGINE', `ICE restart is not possible as ${role} in this state: open a new connection`)
  }

  get #notices(): Quirks['notices'] {
    return this.#quirks.notices?.isAvailable === true ? this.#quirks.notices : undefined
  }

  get #isDtlsClient(): boolean {
    return this.#quirks.answersAsDtlsClient?.(this.#deps.config.rtcConfig) === true
  }

  /** Makes a local description; with `iceRestart` after gathering again. */
  async #describe(type: 'offer' | 'answer', trickle: boolean, iceRestart = false): Promise<string> {
    const rtc = this.#deps.rtc()
    const described = this.#described.then(() => this.#take(type, iceRestart))
    this.#described = described.catch(() => {})
    const { sdp: created = '' } = await described
    const read = (): unknown => {
      // The engine is asked for its state, because events come later than it: gathering may be complete before the candidates are reported.
      const isChanging = this.#quirks.unsafeDescriptions === true && readSafely(() => rtc.iceGatheringState) !== 'complete'
      return isChanging ? withCandidates(created, this.gathering.candidates) : readSafely(() => rtc.localDescription?.sdp)
    }
    // During a restart the engine may still tell the end of the gathering before it.
    const isOver = () => !iceRestart || hasCandidate(String(read()))
    if (!trickle) await this.gathering.enough(this.#deps.calls, ufragOf(created), isOver)
    const sdp = read()
    if (typeof sdp !== 'string' || sdp === '') throw new SwarmlinkError('ERR_ENGINE', `the WebRTC engine gave no ${type}`)
    return trimCandidates(sdp)
  }

  async #take(type: 'offer' | 'answer', iceRestart: boolean): Promise<RTCSessionDescriptionInit> {
    const rtc = this.#deps.rtc()
    if (iceRestart && type === 'offer') await this.#takeBack(rtc)
    const create = () => (type === 'offer' ? rtc.createOffer({ iceRestart }) : rtc.createAnswer())
    const description = await this.#deps.calls.settle(`create an ${type}`, create)
    if (iceRestart) this.gathering.begin()
    // With its argument: @roamhq/wrtc 0.10.0 rejects the call without it.
    await this.#deps.calls.settle(`apply its own ${type}`, () => rtc.setLocalDescription(description))
    return description
  }

  /** Firefox (seen in version 153) loses the connected path if a new offer replaces one that was not answered. */
  async #takeBack(rtc: RtcConnection): Promise<void> {
    if (rtc.signalingState !== 'have-local-offer') return
    try {
      await this.#deps.calls.settle('roll back its offer', () => rtc.setLocalDescription({ type: 'rollback' }))
    } catch (error) {
      log('%s: %o', this.#quirks.name, error) // the next offer is made anyway
    }
  }

  /** Throws if another restart began meanwhile: the engine's latest description belongs to that one. */
  async #describeRestart(type: 'offer' | 'answer', restart: number): Promise<string> {
    const description = await this.#describe(type, false, true)
    if (restart === this.#restarts) return description
    throw new SwarmlinkError('ERR_ENGINE', 'another ICE restart replaced this one: use its description')
  }

  /** `held`: candidates that wait, together with all later ones. */
  async #setRemote({ type, sdp: text }: RtcDescription, held?: RTCIceCandidateInit[]): Promise<void> {
    const sdp = this.#deps.candidates.description(text)
    const description = this.#quirks.description?.({ type, sdp }) ?? { type, sdp }
    await this.#deps.calls.settle(`apply the remote ${type}`, () => this.#deps.rtc().setRemoteDescription(description))
    // libdatachannel (`o=rtc`) refuses a second set of credentials: "Invalid ICE settings from remote SDP".
    this.#remoteRestarts = !/^o=rtc /m.test(sdp)
    this.#deps.candidates.described(held)
  }
}
