/**
 * Wraps an `RTCPeerConnection` of any engine as an {@link EngineConnection}: descriptions with all candidates, the same states
 * for all engines, and promises that settle. Knows nothing of trackers, peers or torrents.
 */
import { Emitter } from '../core/emitter.js'
import type { Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { readSafely } from '../core/uncaught.js'
import { CandidateExchange } from './candidate-exchange.js'
import { CallDeadlines } from './call-deadlines.js'
import { Confirmations } from './confirmations.js'
import { DescriptionExchange } from './description-exchange.js'
import type {
  Candidates,
  ConnectionState,
  Engine,
  EngineChannel,
  EngineConfig,
  EngineConnection,
  EngineConnectionEvents,
} from './engine.js'
import type { Probed, Quirks } from './quirks.js'
import { remoteAddressOf } from './remote-address.js'
import { ended, hasEvents, hasPath, isEstablished, stateOf } from './rtc-state.js'
import { listen, quietly, unpromised, type RtcChannel, type RtcConnection } from './rtc.js'
import { W3cChannel } from './w3c-channel.js'

const log = logger('engine')

/** In milliseconds. Browsers give up on their own after about 15 s without a response; some engines stay `disconnected` for ever. */
export const DISCONNECTED_DEADLINE = 30_000
/** The limit of node-datachannel and @roamhq/wrtc. Channels that a remote peer opens beyond it are closed. */
export const MAX_CHANNELS = 511

/** Makes an engine from the W3C interfaces and a list of its quirks. */
export function engineWith(quirks: Quirks): Engine {
  return { name: quirks.name, createConnection: config => new W3cConnection(quirks, config) }
}

export class W3cConnection extends Emitter<EngineConnectionEvents> implements EngineConnection, Probed {
  readonly #quirks: Quirks
  readonly #config: EngineConfig
  readonly #channels = new Set<W3cChannel>()
  /** Channels that are closed here, and not yet at the remote end. */
  #closing = 0
  readonly #calls: CallDeadlines
  readonly #candidates: CandidateExchange
  readonly #descriptions: DescriptionExchange
  readonly #confirmations: Confirmations | undefined
  readonly #release: () => void
  #rtc: RtcConnection
  #unlisten: Array<() => void> = []
  #state: ConnectionState = 'new'
  #giveUp: Timer | undefined
  #transportWatched = false

  constructor(quirks: Quirks, config: EngineConfig) {
    super()
    this.#quirks = quirks
    this.#config = config
    this.#calls = new CallDeadlines(config.env)
    const shared = { quirks, config, calls: this.#calls, rtc: () => this.#rtc }
    this.#candidates = new CandidateExchange(shared)
    this.#descriptions = new DescriptionExchange({
      ...shared,
      candidates: this.#candidates,
      reopen: () => {
        this.#detach()
        this.#rtc = this.#open()
      },
      probe: () => this.probe(),
      state: () => this.#state,
    })
    const { confirmChannel } = quirks
    if (confirmChannel !== undefined)
      this.#confirmations = new Confirmations(() => this.#calls.settle('confirm a channel', () => confirmChannel(this.#rtc)))
    this.#rtc = this.#open()
    this.#release = quirks.guard?.(this, config.env) ?? (() => {})
  }

  get state(): ConnectionState {
    return this.#state
  }

  get canRestart(): boolean {
    return this.#descriptions.canRestart
  }

  get candidates(): Candidates {
    return this.#candidates.known
  }

  createChannel(label: string): EngineChannel {
    this.#calls.check()
    if (this.#channels.size >= MAX_CHANNELS)
      throw new SwarmlinkError('ERR_ENGINE', `a connection has at most ${MAX_CHANNELS} channels: close one first`)
    try {
      return this.#adopt(unpromised(this.#rtc.createDataChannel(label)))
    } catch (cause) {
      this.probe()
      throw asError(cause, 'ERR_ENGINE', `the WebRTC engine refused to open the channel ${label}`)
    }
  }

  createOffer({ trickle = false }: { trickle?: boolean } = {}): Promise<string> {
    return this.#descriptions.createOffer(trickle)
  }

  createAnswer(offer: string, { trickle = false }: { trickle?: boolean } = {}): Promise<string> {
    return this.#descriptions.createAnswer(offer, trickle)
  }

  acceptAnswer(answer: string, further?: () => void): Promise<void> {
    return this.#descriptions.acceptAnswer(answer, further)
  }

  restart(): Promise<string> {
    return this.#descriptions.restart()
  }

  answerRestart(offer: string): Promise<string> {
    return this.#descriptions.answerRestart(offer)
  }

  acceptRestart(answer: string): Promise<void> {
    return this.#descriptions.acceptRestart(answer)
  }

  addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    return this.#candidates.add(candidate)
  }

  async remoteAddress(): Promise<{ address: string; port: number } | undefined> {
    if (this.#over) return undefined
    if (this.#quirks.remoteAddress !== undefined) return this.#quirks.remoteAddress(this.#rtc)
    return await this.#calls.settle('give statistics', async () => remoteAddressOf(await this.#rtc.getStats()))
  }

  close(): void {
    this.#end('closed')
  }

  probe(): void {
    if (this.#over || readSafely(() => this.#rtc.connectionState) !== 'closed') return
    log('%s: a connection was closed without an event', this.#quirks.name)
    this.#end('failed')
  }

  get #over(): boolean {
    return this.#state === 'failed' || this.#state === 'closed'
  }

  #open(): RtcConnection {
    // A copy, because node-datachannel's polyfill modifies the configuration.
    const { iceServers = [], ...rest } = this.#config.rtcConfig
    try {
      const rtc = this.#quirks.open({ ...rest, iceServers: iceServers.map(server => ({ ...server })) })
      this.#attach(rtc)
      return rtc
    } catch (cause) {
      throw asError(cause, 'ERR_ENGINE', 'the WebRTC engine refused to create a connection (check rtcConfig)')
    }
  }

  #attach(rtc: RtcConnection): void {
    this.#descriptions.gathering.begin()
    this.#unlisten = [
      listen(rtc, 'connectionstatechange', () => this.#update()),
      listen(rtc, 'iceconnectionstatechange', () => this.#update()),
      listen(rtc, 'icegatheringstatechange', () => {
        if (rtc.iceGatheringState === 'complete') this.#descriptions.gathering.end()
      }),
      listen(rtc, 'icecandidate', event => {
        const { candidate } = event as RTCPeerConnectionIceEvent // as the W3C specifies
        if (candidate === null || candidate === undefined) this.#descriptions.gathering.end()
        else if (candidate.candidate !== '') this.#gathered(candidate)
      }),
      listen(rtc, 'datachannel', event => this.#incoming((event as Event & { channel: RtcChannel }).channel)), // as the W3C specifies
    ]
  }

  #gathered(candidate: RTCIceCandidate): void {
    this.#descriptions.gathering.add(candidate)
    this.emit('candidate', this.#candidates.gathered(candidate))
  }

  #detach(): void {
    for (const unlisten of this.#unlisten) unlisten()
    this.#unlisten = []
    const quirks = this.#quirks
    quietly(`closing ${quirks.name}`, () => (quirks.close === undefined ? this.#rtc.close() : quirks.close(this.#rtc)))
  }

  #incoming(rtc: RtcChannel): void {
    if (this.#over || this.#channels.size >= MAX_CHANNELS) return rtc.close()
    let channel: W3cChannel
    try {
      channel = this.#adopt(rtc, this.#confirmations?.next())
    } catch (error) {
      return log('%s: an incoming channel was destroyed already: %o', this.#quirks.name, error) // must not throw into the engine
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
      gone: this.#quirks.tellsClosedAtBothEnds === true ? () => this.#gone() : undefined,
      opened: () => this.#enter('connected'), // an open channel proves it; some engines change their state later
      closed: closed => {
        this.#channels.delete(closed)
        if (this.#quirks.tellsClosedAtBothEnds === true) this.#closing++
        // If the remote peer closes the whole connection, some engines close its channels only.
        if (!this.#over && isEstablished(this.#state) && readSafely(() => this.#rtc.sctp?.state) === 'closed') this.#end('closed')
      },
    })
    this.#channels.add(channel)
    if (channel.state === 'open') this.#enter('connected')
    return channel
  }

  #gone(): void {
    if (--this.#closing === 0 && this.#channels.size === 0 && !this.#over) this.emit('idle')
  }

  #update(): void {
    if (hasPath(this.#rtc)) this.#candidates.connected()
    const state = stateOf(this.#rtc)
    // An engine may report `closed` for both: a connection that was never established has failed; the remote peer closed any other.
    if (state === 'closed') this.#end(isEstablished(this.#state) ? 'closed' : 'failed')
    else if (state === 'failed') this.#end('failed')
    else if (state !== 'new' && !(state === 'connecting' && isEstablished(this.#state))) this.#enter(state)
  }

  #enter(state: 'connecting' | 'connected' | 'disconnected'): void {
    if (this.#over || state === this.#state) return
    this.#state = state
    if (state === 'connected') {
      this.#candidates.connected()
      this.#watchTransport()
    }
    this.#giveUp?.cancel()
    this.#giveUp = state === 'disconnected' ? this.#config.env.timer(DISCONNECTED_DEADLINE, () => this.#end('failed')) : undefined
    this.emit('state', state)
  }

  /** Without an open channel, only the SCTP transport shows at once that the remote peer has closed; ICE takes half a minute. */
  #watchTransport(): void {
    const sctp = readSafely(() => this.#rtc.sctp)
    if (this.#transportWatched || !hasEvents(sctp)) return
    this.#transportWatched = true
    const check = () => {
      if (sctp.state === 'closed' && this.#channels.size === 0 && isEstablished(this.#state)) this.#end('closed')
    }
    this.#unlisten.push(listen(sctp, 'statechange', check))
  }

  #end(state: 'failed' | 'closed'): void {
    if (this.#state === 'closed' || this.#state === state) return
    const first = !this.#over
    this.#state = state
    this.#calls.abort(ended(state))
    if (first) {
      this.#candidates.stop()
      this.#giveUp?.cancel()
      // Channels first: with node-datachannel a channel that never opened keeps the process alive for ever otherwise.
      for (const channel of this.#channels) channel.close()
      this.#detach()
      this.#release()
    }
    this.emit('state', state)
    if (state === 'closed') this.removeAllListeners()
  }
}
