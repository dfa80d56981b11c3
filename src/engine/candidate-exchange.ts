/** The candidates of one connection: records those of both ends, and gives the remote ones to the engine when it may have them. */
import { CandidateAllowance } from '../core/candidate-allowance.js'
import type { Timer } from '../core/env.js'
import { logger } from '../core/log.js'
import { isCandidate } from '../core/sdp.js'
import type { CallDeadlines } from './call-deadlines.js'
import type { Candidates, EngineConfig } from './engine.js'
import type { Quirks, RemoteFilter } from './quirks.js'
import type { RtcConnection } from './rtc.js'
import { hasPath } from './rtc-state.js'
import { KNOCK_AFTER } from './same-host.js'

const log = logger('engine')

export interface CandidateExchangeDeps {
  quirks: Quirks
  config: EngineConfig
  calls: CallDeadlines
  /** The engine's connection, which may be replaced. */
  rtc: () => RtcConnection
}

export class CandidateExchange {
  readonly #deps: CandidateExchangeDeps
  readonly #filter: RemoteFilter | undefined
  /** Undefined once ICE is connected. */
  #known: Candidates | undefined = { local: '', remote: '' }
  /** Candidates that wait for the remote description, or for the offerer's first packet. Undefined after that. */
  #early: RTCIceCandidateInit[] | undefined = []
  readonly #allowance = new CandidateAllowance()
  /** Runs until the own ICE checks start, or until the offerer's first packet: see same-host.ts. */
  #knock: Timer | undefined
  #tellConnected: (() => void) | undefined
  #unlisten: (() => void) | undefined

  constructor(deps: CandidateExchangeDeps) {
    this.#deps = deps
    this.#filter = deps.quirks.guardTurn?.(deps.config.rtcConfig)
  }

  get known(): Candidates {
    return this.#known ?? { local: '', remote: '' }
  }

  get early(): RTCIceCandidateInit[] {
    return this.#early ?? []
  }

  /** Takes a candidate that the engine gathered; returns it for the remote peer. */
  gathered({ candidate, sdpMid, sdpMLineIndex }: RTCIceCandidate): RTCIceCandidateInit {
    const text = candidate.replace(/^a=/, '') // node-datachannel's polyfill returns the whole line
    this.#record('local', text)
    for (const remote of this.#filter?.gathered(text) ?? []) this.#addLater(remote)
    return { candidate: text, sdpMid, sdpMLineIndex }
  }

  async add(candidate: RTCIceCandidateInit): Promise<void> {
    this.#deps.calls.check()
    const text = candidate.candidate ?? ''
    if (text === '') return // end-of-candidates, which is not needed
    if (!isCandidate(text) || !this.#allowance.take(text)) return log('ignored a remote candidate: %s', text)
    this.#record('remote', text)
    if (this.#early !== undefined) this.#early.push(candidate)
    else await this.#add(candidate)
  }

  /** Returns the remote description as the engine gets it. */
  description(sdp: string): string {
    this.#record('remote', sdp)
    return this.#filter?.description(sdp) ?? sdp
  }

  /** The remote description is applied. `held`: candidates that wait, together with all later ones, until the knock. */
  described(held?: RTCIceCandidateInit[]): void {
    if (held === undefined) this.#addEarly()
    else this.#early?.unshift(...held)
  }

  /** Waits for the offerer's notice, or its first packet. Returns the answer, with the line for the notice. */
  async hold(answer: string, notices: Quirks['notices']): Promise<string> {
    const { env } = this.#deps.config
    this.#knock = env.timer(KNOCK_AFTER, () => this.#begin())
    if (notices === undefined) return answer
    const expected = await notices.expect(answer, env, tell => {
      this.#tellConnected = tell
      this.#begin(() => notices.soon(() => hasPath(this.#deps.rtc())) && this.#told())
    })
    this.#unlisten = expected.cancel
    if (this.#deps.calls.over) this.stop()
    return expected.answer
  }

  /** Tells the answerer that the answer is applied, and waits until it says that it is connected. */
  tellApplied(answer: string): void {
    if (this.#deps.calls.over) return // closed while the answer was applied: `stop` was called already
    this.#knock = this.#deps.config.env.timer(KNOCK_AFTER, () => this.#begin())
    this.#unlisten = this.#deps.quirks.notices?.tell(answer, () => this.#begin())
  }

  /** ICE is connected. */
  connected(): void {
    this.#told()
    this.#known = undefined
    if (this.#knock !== undefined && this.#deps.quirks.namesRemote === true) this.#addEarly()
    this.stop()
  }

  stop(): void {
    this.#knock?.cancel()
    this.#unlisten?.()
  }

  /** The other end is ready. The first check leaves before the other candidates are added, which takes a while. */
  #begin(meanwhile?: () => unknown): void {
    this.#knock?.cancel()
    const first = this.#early?.shift()
    if (first !== undefined) this.#addLater(first)
    meanwhile?.()
    this.#addEarly()
  }

  #told(): void {
    this.#tellConnected?.()
    this.#tellConnected = undefined
  }

  #record(end: keyof Candidates, text: string): void {
    if (this.#known !== undefined) this.#known[end] += `${text}\n`
  }

  #addEarly(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const candidate of early) this.#addLater(candidate)
  }

  #addLater(candidate: RTCIceCandidateInit): void {
    void this.#add(candidate).catch(() => {}) // rejects only when the connection has ended
  }

  /** Logs a refused candidate, because the others may work. */
  async #add(candidate: RTCIceCandidateInit): Promise<void> {
    const { quirks, calls, rtc } = this.#deps
    const filtered = this.#filter?.candidate(candidate) ?? candidate
    const init = quirks.candidate?.(filtered) ?? filtered
    try {
      await calls.settle('add a candidate', () => rtc().addIceCandidate(init))
    } catch (error) {
      if (calls.over) throw error
      log('%s refused the candidate %s: %o', quirks.name, candidate.candidate, error)
    }
  }
}
