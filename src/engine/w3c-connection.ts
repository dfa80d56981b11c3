/**
 * An `RTCPeerConnection` of any engine as an {@link EngineConnection}: descriptions with every candidate in them, one
 * meaning of each state, and promises that settle. Knows nothing of trackers, peers or torrents.
 */
import { Emitter } from '../core/emitter.js'
import { sleep, type Timer } from '../core/env.js'
import { asCause, asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { isCandidate, MAX_CANDIDATES, offererCalls, trimCandidates } from '../core/sdp.js'
import { read } from '../core/uncaught.js'
import { Calls } from './calls.js'
import { Confirmations } from './confirmations.js'
import type {
  Candidates,
  ConnectionState,
  EngineChannel,
  EngineConfig,
  EngineConnection,
  EngineConnectionEvents,
} from './engine.js'
import { Gathering } from './gathering.js'
import type { Probed, Quirks, RemoteFilter } from './quirks.js'
import { remoteAddressOf } from './remote-address.js'
import { hasEvents, stateOf } from './rtc-state.js'
import { listen, quietly, unpromised, type RtcChannel, type RtcConnection, type RtcDescription } from './rtc.js'
import { KNOCK_AFTER, REST } from './same-host.js'
import { W3cChannel } from './w3c-channel.js'

const log = logger('engine')

/** Browsers give up by themselves after about 15 s without an answer; some engines stay `disconnected` for ever. */
export const DISCONNECTED_DEADLINE = 30_000
/** What the weakest engine can hold. A remote that opens more has its channels closed. */
export const MAX_CHANNELS = 511

export class W3cConnection extends Emitter<EngineConnectionEvents> implements EngineConnection, Probed {
  readonly #quirks: Quirks
  readonly #config: EngineConfig
  readonly #channels = new Set<W3cChannel>()
  readonly #calls: Calls
  readonly #filter: RemoteFilter | undefined
  readonly #release: () => void
  #rtc: RtcConnection
  #unlisten: Array<() => void> = []
  readonly #gathering: Gathering
  /** Descriptions of our own, one after the other: each is made for the state that the one before it left. */
  #described: Promise<void> = Promise.resolve()
  #state: ConnectionState = 'new'
  #giveUp: Timer | undefined
  /** Until the offerer has come, or we go there ourselves: see same-host.ts. */
  #knock: Timer | undefined
  /** Candidates that wait: for the remote description, or for the offerer. Undefined once they need not. */
  #early: RTCIceCandidateInit[] | undefined = []
  #remoteCandidates = 0
  /** Until there is a path. */
  #candidates: Candidates | undefined = { local: '', remote: '' }
  #transportWatched = false
  readonly #confirmations: Confirmations | undefined
  #role: 'caller' | 'callee' | undefined
  /** The remote's engine is one that refuses new ICE credentials. */
  #remoteRestarts = true
  /** How many restarts were begun, and whether the last of them waits for its answer. */
  #restarts = 0
  #restartOffered = false

  constructor(quirks: Quirks, config: EngineConfig) {
    super()
    this.#quirks = quirks
    this.#config = config
    this.#calls = new Calls(config.env)
    this.#filter = quirks.guardTurn?.(config.rtcConfig)
    this.#gathering = new Gathering(config)
    const { confirmChannel } = quirks
    if (confirmChannel !== undefined)
      this.#confirmations = new Confirmations(() => this.#call('confirm a channel', () => confirmChannel(this.#rtc)))
    this.#rtc = this.#open()
    this.#release = quirks.guard?.(this, config.env) ?? (() => {})
  }

  get state(): ConnectionState {
    return this.#state
  }

  get canRestart(): boolean {
    return this.#stood && this.#remoteRestarts && this.#quirks.restarts === true
  }

  get candidates(): Candidates {
    return this.#candidates ?? { local: '', remote: '' }
  }

  createChannel(label: string): EngineChannel {
    if (this.#over) throw this.#ended()
    if (this.#channels.size >= MAX_CHANNELS)
      throw new SwarmlinkError('ERR_ENGINE', `a connection holds ${MAX_CHANNELS} channels at most`)
    try {
      return this.#adopt(unpromised(this.#rtc.createDataChannel(label)))
    } catch (cause) {
      this.probe()
      throw asError(cause, 'ERR_ENGINE', `the WebRTC engine refused to open the channel ${label}`)
    }
  }

  async createOffer({ trickle = false }: { trickle?: boolean } = {}): Promise<string> {
    this.#role = 'caller'
    return offererCalls(await this.#describe('offer', trickle))
  }

  async createAnswer(offer: string, { trickle = false }: { trickle?: boolean } = {}): Promise<string> {
    this.#role = 'callee'
    const local = this.#quirks.takeOffer?.(offer, this.#early ?? [])
    const description = { type: 'offer', sdp: local?.offer ?? offererCalls(offer) } as const
    try {
      await this.#setRemote(description, local?.candidates)
    } catch (error) {
      if (this.#over || !(error instanceof Error) || this.#quirks.retryAnswer?.(error) !== true) throw error
      log('%s: %s; once more on a fresh connection', this.#quirks.name, error.message)
      this.#reopen()
      await this.#setRemote(description, local?.candidates)
    }
    const answer = await this.#describe('answer', trickle)
    if (local !== undefined) this.#knock = this.#config.env.timer(KNOCK_AFTER, () => this.#addEarly())
    return answer
  }

  async acceptAnswer(answer: string, further?: () => void): Promise<void> {
    // The engine would take it for the answer to a restart, whose credentials it does not know.
    if (this.#restarts > 0) throw new SwarmlinkError('ERR_ENGINE', 'the offer was answered before')
    // Before the answer the association cannot come up; after it a browser knows its DTLS role, for which it numbers the channel, and
    // node-datachannel closes a channel whose number belongs to the other role.
    const early = this.#quirks.opensTwice === true
    if (early) further?.()
    if (this.#quirks.hasKnocked?.(answer) === true) await sleep(this.#config.env, REST)
    try {
      await this.#setRemote({ type: 'answer', sdp: answer })
    } catch (error) {
      // When both ends share one process, one engine can finish, and refuse, the DTLS handshake before it has stored the
      // answer's fingerprint. That connection is dead on both sides, and both notice at once.
      this.probe()
      throw this.#over ? this.#ended(error) : error
    }
    if (!early) further?.()
  }

  async restart(): Promise<string> {
    this.#mayRestart('caller')
    this.#restartOffered = false
    const offer = await this.#describeRestart('offer', ++this.#restarts)
    this.#restartOffered = true
    return offererCalls(offer)
  }

  async answerRestart(offer: string): Promise<string> {
    this.#mayRestart('callee')
    const restart = ++this.#restarts
    await this.#setRemote({ type: 'offer', sdp: offererCalls(offer) })
    return this.#describeRestart('answer', restart)
  }

  async acceptRestart(answer: string): Promise<void> {
    this.#mayRestart('caller')
    if (!this.#restartOffered) throw new SwarmlinkError('ERR_ENGINE', 'there is no restart that waits for an answer')
    await this.#setRemote({ type: 'answer', sdp: answer })
    this.#restartOffered = false
  }

  async addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.#over) throw this.#ended()
    const text = candidate.candidate ?? ''
    if (text === '') return // the end of candidates: nothing waits for it
    if (!isCandidate(text) || ++this.#remoteCandidates > MAX_CANDIDATES)
      return log('left out a candidate of the remote: %s', text)
    this.#told('remote', text)
    if (this.#early !== undefined) this.#early.push(candidate)
    else await this.#addCandidate(candidate)
  }

  async remoteAddress(): Promise<{ address: string; port: number } | undefined> {
    if (this.#over) return undefined
    if (this.#quirks.remoteAddress !== undefined) return this.#quirks.remoteAddress(this.#rtc)
    return await this.#call('give statistics', async () => remoteAddressOf(await this.#rtc.getStats()))
  }

  close(): void {
    this.#end('closed')
  }

  probe(): void {
    if (this.#over || read(() => this.#rtc.connectionState) !== 'closed') return
    log('%s: a connection was closed behind our back', this.#quirks.name)
    this.#end('failed')
  }

  #mayRestart(role: 'caller' | 'callee'): void {
    if (this.#over) throw this.#ended()
    if (!this.canRestart || this.#role !== role)
      throw new SwarmlinkError('ERR_ENGINE', `the connection cannot be restarted here and now as its ${role}; build a new one`)
  }

  get #stood(): boolean {
    return this.#state === 'connected' || this.#state === 'disconnected'
  }

  get #over(): boolean {
    return this.#state === 'failed' || this.#state === 'closed'
  }

  #ended(cause?: unknown): SwarmlinkError {
    return this.#state === 'failed'
      ? new SwarmlinkError('ERR_ICE_FAILED', 'the connection has failed', { cause: asCause(cause) })
      : new SwarmlinkError('ERR_CLOSED', 'the connection is closed', { cause: asCause(cause) })
  }

  #open(): RtcConnection {
    // A copy, because one engine writes into the configuration that it is given.
    const { iceServers = [], ...rest } = this.#config.rtcConfig
    try {
      const rtc = this.#quirks.open({ ...rest, iceServers: iceServers.map(server => ({ ...server })) })
      this.#attach(rtc)
      return rtc
    } catch (cause) {
      throw asError(cause, 'ERR_ENGINE', 'the WebRTC engine refused to create a connection; look at rtcConfig')
    }
  }

  #attach(rtc: RtcConnection): void {
    this.#gathering.begin()
    this.#unlisten = [
      listen(rtc, 'connectionstatechange', () => this.#update()),
      listen(rtc, 'iceconnectionstatechange', () => this.#update()),
      listen(rtc, 'icegatheringstatechange', () => {
        if (rtc.iceGatheringState === 'complete') this.#gathering.end()
      }),
      listen(rtc, 'icecandidate', event => {
        const { candidate } = event as RTCPeerConnectionIceEvent // by the W3C's text
        if (candidate === null || candidate === undefined) this.#gathering.end()
        else if (candidate.candidate !== '') this.#candidate(candidate)
      }),
      listen(rtc, 'datachannel', event => this.#incoming((event as Event & { channel: RtcChannel }).channel)), // by the W3C's text
    ]
  }

  #detach(): void {
    for (const unlisten of this.#unlisten) unlisten()
    this.#unlisten = []
    const quirks = this.#quirks
    quietly(`closing ${quirks.name}`, () => (quirks.close === undefined ? this.#rtc.close() : quirks.close(this.#rtc)))
  }

  #reopen(): void {
    this.#detach()
    this.#rtc = this.#open()
  }

  /** `iceRestart`: gathers again. */
  async #describe(type: 'offer' | 'answer', trickle: boolean, iceRestart = false): Promise<string> {
    const rtc = this.#rtc
    const described = this.#described.then(() => this.#take(type, iceRestart))
    this.#described = described.catch(() => {})
    await described
    if (!trickle) await this.#gathering.enough(this.#calls)
    const sdp: unknown = read(() => rtc.localDescription?.sdp)
    if (typeof sdp !== 'string' || sdp === '') throw new SwarmlinkError('ERR_ENGINE', `the WebRTC engine gave no ${type}`)
    return trimCandidates(sdp)
  }

  /** Makes a description of our own, and takes it. */
  async #take(type: 'offer' | 'answer', iceRestart: boolean): Promise<void> {
    const rtc = this.#rtc
    if (iceRestart && type === 'offer') await this.#takeBack()
    const create = () => (type === 'offer' ? rtc.createOffer({ iceRestart }) : rtc.createAnswer())
    const description = await this.#call(`create an ${type}`, create)
    if (iceRestart) this.#gathering.begin()
    // Always with its argument: one engine does not take the call without.
    await this.#call(`take its own ${type}`, () => rtc.setLocalDescription(description))
  }

  /** Firefox (seen in version 153) loses the living path when an offer takes the place of one that was not answered. */
  async #takeBack(): Promise<void> {
    const rtc = this.#rtc
    if (rtc.signalingState !== 'have-local-offer') return
    try {
      await this.#call('take back its offer', () => rtc.setLocalDescription({ type: 'rollback' }))
    } catch (error) {
      log('%s: %o', this.#quirks.name, error) // the next offer is made all the same
    }
  }

  /** The text is the engine's latest; when another restart began meanwhile, it is that one's. */
  async #describeRestart(type: 'offer' | 'answer', restart: number): Promise<string> {
    const description = await this.#describe(type, false, true)
    if (restart === this.#restarts) return description
    throw new SwarmlinkError('ERR_ENGINE', 'another restart took the place of this one')
  }

  /** `held`: candidates to wait with, and with any that come later. */
  async #setRemote({ type, sdp: text }: RtcDescription, held?: RTCIceCandidateInit[]): Promise<void> {
    this.#told('remote', text)
    const sdp = this.#filter?.description(text) ?? text
    const description = this.#quirks.description?.({ type, sdp }) ?? { type, sdp }
    await this.#call(`take the remote's ${type}`, () => this.#rtc.setRemoteDescription(description))
    // libdatachannel, which names itself, takes no second set of credentials: "Invalid ICE settings from remote SDP".
    this.#remoteRestarts = !/^o=rtc /m.test(sdp)
    if (held === undefined) this.#addEarly()
    else this.#early?.unshift(...held)
  }

  /** In the background: nobody waits for one candidate. */
  #addEarly(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const candidate of early) void this.#addCandidate(candidate).catch(() => {}) // it ends with the connection
  }

  /** One bad candidate is no reason to give up the others. */
  async #addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    const filtered = this.#filter?.candidate(candidate) ?? candidate
    const init = this.#quirks.candidate?.(filtered) ?? filtered
    try {
      await this.#call('take a candidate', () => this.#rtc.addIceCandidate(init))
    } catch (error) {
      if (this.#over) throw error
      log('%s refused the candidate %s: %o', this.#quirks.name, candidate.candidate, error)
    }
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#over) throw this.#ended()
    return this.#calls.settle(what, call)
  }

  #candidate(candidate: RTCIceCandidate): void {
    const text = candidate.candidate.replace(/^a=/, '') // one engine gives the whole line
    this.#told('local', text)
    for (const remote of this.#filter?.gathered(text) ?? []) void this.#addCandidate(remote).catch(() => {}) // it ends with the connection
    this.emit('candidate', {
      candidate: text,
      sdpMid: candidate.sdpMid,
      sdpMLineIndex: candidate.sdpMLineIndex,
    })
  }

  #told(end: keyof Candidates, text: string): void {
    if (this.#candidates !== undefined) this.#candidates[end] += `${text}\n`
  }

  #incoming(rtc: RtcChannel): void {
    if (this.#over || this.#channels.size >= MAX_CHANNELS) return rtc.close()
    let channel: W3cChannel
    try {
      channel = this.#adopt(rtc, this.#confirmations?.next())
    } catch (error) {
      return log('%s: a channel was gone before it had come: %o', this.#quirks.name, error) // the remote must not throw past us
    }
    this.emit('channel', channel)
  }

  #adopt(rtc: RtcChannel, confirmed?: Promise<unknown>): W3cChannel {
    const channel = new W3cChannel(rtc, {
      env: this.#config.env,
      drainPoll: this.#quirks.drainPoll,
      closeRtc: this.#quirks.closeChannel,
      confirmed,
      suspect: () => this.probe(),
      opened: () => this.#enter('connected'), // it proves it; some engines say so a moment later
      closed: closed => {
        this.#channels.delete(closed)
        // When the remote closes the whole connection, some engines tell its channels only.
        if (!this.#over && this.#stood && read(() => this.#rtc.sctp?.state) === 'closed') this.#end('closed')
      },
    })
    this.#channels.add(channel)
    if (channel.state === 'open') this.#enter('connected')
    return channel
  }

  #update(): void {
    if (/^(connected|completed)$/.test(this.#rtc.iceConnectionState)) this.#candidates = undefined
    const state = stateOf(this.#rtc)
    // One engine says `closed` for both: a connection that never stood has failed, one that stood was closed by the remote.
    if (state === 'closed') this.#end(this.#stood ? 'closed' : 'failed')
    else if (state === 'failed') this.#end('failed')
    else if (state !== 'new' && !(state === 'connecting' && this.#stood)) this.#enter(state)
  }

  #enter(state: 'connecting' | 'connected' | 'disconnected'): void {
    if (this.#over || state === this.#state) return
    this.#state = state
    if (state === 'connected') {
      if (this.#knock !== undefined && this.#quirks.namesRemote === true) this.#addEarly()
      this.#knock?.cancel()
      this.#watchTransport()
    }
    this.#giveUp?.cancel()
    this.#giveUp = state === 'disconnected' ? this.#config.env.timer(DISCONNECTED_DEADLINE, () => this.#end('failed')) : undefined
    this.emit('state', state)
  }

  /** When no channel is left, that the remote has closed the connection shows nowhere else for half a minute. */
  #watchTransport(): void {
    const sctp = read(() => this.#rtc.sctp)
    if (this.#transportWatched || !hasEvents(sctp)) return
    this.#transportWatched = true
    const look = () => {
      if (sctp.state === 'closed' && this.#channels.size === 0 && this.#stood) this.#end('closed')
    }
    this.#unlisten.push(listen(sctp, 'statechange', look))
  }

  #end(state: 'failed' | 'closed'): void {
    if (this.#state === 'closed' || this.#state === state) return
    const first = !this.#over
    this.#state = state
    if (first) {
      this.#knock?.cancel()
      this.#giveUp?.cancel()
      // Channels first: one that never opened keeps one engine's process alive for ever otherwise.
      for (const channel of this.#channels) channel.close()
      this.#detach()
      this.#release()
      this.#calls.abort(this.#ended())
    }
    this.emit('state', state)
    if (state === 'closed') this.removeAllListeners()
  }
}
