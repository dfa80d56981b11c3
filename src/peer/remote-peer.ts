/** One remote end: one engine connection and the channels on it. Knows nothing of topics, trackers or torrents. */
import { Emitter } from '../core/emitter.js'
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Candidates, EngineChannel, EngineConnection } from '../engine/engine.js'
import { ChannelScheduler } from './channel-scheduler.js'
import { negotiate, type Negotiation, type Step } from './negotiation.js'

/** From answer to open channel. Direct connections take milliseconds, relayed ones below a second; libp2p waits as long. */
export const CONNECT_TIMEOUT = 10_000
/** How long `disconnected` may last before the connection counts as lost; ICE often finds back within seconds. */
const DISCONNECT_GRACE = 5_000
/**
 * How long a peer stays after this side closed its last channel, unless the engine tells that the remote end has everything. The side that received
 * everything closes first.
 */
export const LEAVE_GRACE = 1_000
/** The prefix of channel labels between two swarmlink peers. The channel without it is the one that stock peers know. */
export const OUR_LABEL = 'swarmlink:'
/** Channels on one connection: two for each of 200 topics, and some. An engine has 511. */
const MAX_CHANNELS = 420

export interface RemotePeerEvents {
  /** The first channel is open. */
  connect: []
  /** The remote opened another channel. */
  channel: [EngineChannel]
  /** The path is lost, as it seems; `well` or `close` follows. */
  unwell: []
  /** It is back. */
  well: []
  /** Over, with the error if it ended in one. Emitted once. */
  close: [SwarmlinkError | undefined]
}

/** Who the remote is, as far as its description proved it. */
export interface Remote {
  /** Its id on trackers and buses: new for every process or page. */
  readonly announceId: Id
  /** The identity of a swarmlink peer, kept across sessions; the announce id of a stock peer. */
  readonly peerId: Id
  /** It runs swarmlink. */
  readonly isSwarmlink: boolean
  /** Its peer id is proven against the DTLS fingerprint. */
  readonly verified: boolean
}

export interface RemotePeerDeps {
  env: Env
  connection: EngineConnection
  remote: Remote
  /** The channel that our offer carried; the answerer gets it from the offerer. */
  first?: EngineChannel
  /** The largest message that the remote takes. */
  maxMessageSize: number
  /** Why there is no path, in words for the user; undefined when the candidates do not tell. @default no explanation */
  explain?: ((candidates: Candidates) => string | undefined) | undefined
  /** How long it may take to connect, in milliseconds. @default {@link CONNECT_TIMEOUT} */
  connectTimeout?: number
}

export class RemotePeer extends Emitter<RemotePeerEvents> {
  readonly remote: Remote
  readonly maxMessageSize: number
  readonly #env: Env
  readonly #connection: EngineConnection
  /** Several channels share the connection to a swarmlink peer and are scheduled; a stock peer has one channel. */
  readonly #scheduler: ChannelScheduler | undefined
  readonly #explain: RemotePeerDeps['explain']
  readonly #channels = new Set<EngineChannel>()
  /** The channel that every peer has. */
  first: EngineChannel | undefined
  #state: Negotiation
  /** While open it runs as long as the peer is unwell. */
  #deadline: Timer | undefined

  constructor({ env, connection, remote, first, maxMessageSize, connectTimeout = CONNECT_TIMEOUT, explain }: RemotePeerDeps) {
    super()
    this.#scheduler = remote.isSwarmlink ? new ChannelScheduler() : undefined
    this.#explain = explain
    this.#env = env
    this.#connection = connection
    this.remote = remote
    this.maxMessageSize = maxMessageSize
    this.#state = first === undefined ? 'answering' : 'offered'
    if (first !== undefined) this.#useFirst(first)
    connection.on('state', () => this.#watch())
    connection.on('channel', channel => this.#receive(channel))
    connection.on('idle', () => this.#state === 'leaving' && this.destroy())
    this.#expect(connectTimeout, () => this.#noPath('ERR_CONNECT_TIMEOUT', 'the connection did not open in time'))
  }

  get state(): Negotiation {
    return this.#state
  }

  /** It goes, or has gone, by itself: what its channels tell is part of that. */
  get isEnding(): boolean {
    const { state } = this.#connection
    return this.#state === 'leaving' || this.#state === 'closed' || state === 'failed' || state === 'closed'
  }

  /** What is sent now is likely to arrive soon. */
  get isWell(): boolean {
    return this.#state === 'open' && this.#connection.state === 'connected'
  }

  /** A repair may take this long from now on; before that the connection is not lost. */
  bear(ms: number): void {
    if (this.#state === 'open' && this.#deadline !== undefined) this.#lose(ms)
  }

  /** Another path may be put under the channels, as far as is known here: see {@link EngineConnection}. */
  get canRestart(): boolean {
    return this.#state === 'open' && this.#connection.canRestart
  }

  /** Offerer only: an offer for another path. */
  async restart(): Promise<string> {
    return await this.#connection.restart()
  }

  /** Answerer only: the answer to such an offer. Whether that is of the same remote has to be checked by the caller. */
  async answerRestart(offer: string): Promise<string> {
    return await this.#connection.answerRestart(offer)
  }

  /** Offerer only: the answer to our latest offer, under the same condition. */
  async acceptRestart(answer: string): Promise<void> {
    await this.#connection.acceptRestart(answer)
  }

  /** The remote's answer to our offer, as it passed `parseSdp`. `further` opens channels that are to be there as soon as the connection is. */
  async acceptAnswer(sdp: string, further?: () => void): Promise<void> {
    this.#step('answer')
    await this.#connection.acceptAnswer(sdp, further)
  }

  /** Our answer, with the candidates that are gathered in time. Those that come later go to `late`, until the peer is connected. */
  async createAnswer(offer: string, late?: (candidate: RTCIceCandidateInit) => void): Promise<string> {
    if (late !== undefined)
      this.#connection.on('candidate', candidate => {
        if (this.#state !== 'open') late(candidate)
      })
    const answer = await this.#connection.createAnswer(offer)
    this.#step('answered')
    return answer
  }

  /** A candidate that followed the remote's answer. What is wrong with one is no matter of the others. */
  addCandidate(candidate: RTCIceCandidateInit): void {
    if (this.#state === 'closed') return
    this.#connection.addCandidate(candidate).catch(() => {}) // only when the connection is over, which has its own event
  }

  /** Opens a further channel. Offerer only: see {@link EngineConnection}. Not to stock peers, which would take it for the wire. */
  openChannel(name: string): EngineChannel {
    return this.#keep(this.#connection.createChannel(OUR_LABEL + name))
  }

  async remoteAddress(): Promise<{ address: string; port: number } | undefined> {
    return await this.#connection.remoteAddress()
  }

  /** To be called before the last channel is closed: the connection then delivers what was sent last, and closes when the remote does. */
  leave(): void {
    this.#rest()
    this.#step('leave')
  }

  destroy(error?: SwarmlinkError): void {
    if (this.#state === 'closed') return
    this.#rest()
    this.#state = 'closed'
    this.#connection.close()
    this.emit('close', error)
  }

  #step(step: Step): void {
    this.#state = negotiate(this.#state, step)
  }

  #rest(): void {
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  #expect(ms: number, error: () => SwarmlinkError | undefined): void {
    this.#deadline?.cancel()
    this.#deadline = this.#env.timer(ms, () => this.destroy(error()))
  }

  #useFirst(channel: EngineChannel): void {
    this.first = this.#keep(channel)
    const opened = () => {
      if (this.#state === 'open' || this.#state === 'closed') return
      this.#rest()
      this.#step('open')
      this.emit('connect')
    }
    if (channel.state === 'open') opened()
    else channel.on('open', opened)
  }

  #receive(channel: EngineChannel): void {
    if (this.#channels.size >= MAX_CHANNELS) channel.close()
    else if (channel.label.startsWith(OUR_LABEL)) this.emit('channel', this.#keep(channel))
    else if (this.first === undefined) this.#useFirst(channel)
    else channel.close()
  }

  /** A connection whose last channel closed is of no use; with most engines that is also how a remote's end shows first. */
  #keep(own: EngineChannel): EngineChannel {
    const channel = this.#scheduler?.share(own) ?? own
    this.#channels.add(channel)
    channel.on('close', () => {
      this.#channels.delete(channel)
      if (this.#channels.size > 0) return
      if (this.#state === 'leaving' && this.#deadline === undefined) this.#expect(LEAVE_GRACE, () => undefined)
      if (this.#state !== 'open') return
      // A connection that failed closes its channels before it says so.
      if (this.#connection.state === 'failed') this.#watch()
      else this.destroy()
    })
    return channel
  }

  #watch(): void {
    switch (this.#connection.state) {
      case 'failed':
        return this.destroy(
          this.#noPath(
            'ERR_ICE_FAILED',
            'no path to the peer was found or it was lost; behind strict NATs a TURN server in rtcConfig.iceServers helps',
          ),
        )
      case 'closed':
        return this.destroy()
      case 'disconnected':
        if (this.#state !== 'open') return
        this.#lose(DISCONNECT_GRACE)
        return void this.emit('unwell')
      case 'connected':
        if (this.#state !== 'open' || this.#deadline === undefined) return
        this.#rest()
        return void this.emit('well')
      default:
    }
  }

  /** Says why where the candidates of both ends tell it; what was known without them is then the cause. */
  #noPath(code: 'ERR_CONNECT_TIMEOUT' | 'ERR_ICE_FAILED', message: string): SwarmlinkError {
    const cause = new SwarmlinkError(code, message)
    const why = this.#explain?.(this.#connection.candidates)
    return why === undefined ? cause : new SwarmlinkError('ERR_ICE_FAILED', why, { cause })
  }

  #lose(ms: number): void {
    this.#expect(ms, () => new SwarmlinkError('ERR_ICE_FAILED', 'the path to the peer was lost'))
  }
}
