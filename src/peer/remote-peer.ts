/** One remote end: one engine connection and the channels on it. Knows nothing of topics, trackers or torrents. */
import { Emitter } from '../core/emitter.js'
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Candidates, EngineChannel, EngineConnection } from '../engine/engine.js'
import { negotiate, type Negotiation, type Step } from './negotiation.js'

/** From answer to open channel. Direct connections take milliseconds, relayed ones below a second; libp2p waits as long. */
export const CONNECT_TIMEOUT = 10_000
/** How long `disconnected` may last before the connection counts as lost; ICE often finds back within seconds. */
const DISCONNECT_GRACE = 5_000
/** How long a peer stays after this side has closed its last channel. Whoever got everything goes first. */
export const LEAVE_GRACE = 1_000
/** Labels with this prefix are channels between two of ours; the one without it is the channel that stock peers know. */
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
  /** What the signalling calls it: new for every process or page. */
  readonly announceId: Id
  /** Kept across sessions for peers of ours; the announce id for stock peers. */
  readonly peerId: Id
  /** It runs swarmlink. */
  readonly ours: boolean
  /** Its peer id is proven against the DTLS fingerprint. */
  readonly verified: boolean
}

export interface RemotePeerParts {
  env: Env
  connection: EngineConnection
  remote: Remote
  /** The channel that our offer carried; the callee gets it from the caller. */
  first?: EngineChannel
  /** The largest message that the remote takes. */
  maxMessageSize: number
  /** Has its channels take turns. @default each sends as it likes */
  share?: (channel: EngineChannel) => EngineChannel
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
  readonly #share: (channel: EngineChannel) => EngineChannel
  readonly #explain: RemotePeerParts['explain']
  readonly #channels = new Set<EngineChannel>()
  #first: EngineChannel | undefined
  #state: Negotiation
  /** While open it runs as long as the peer is unwell. */
  #deadline: Timer | undefined

  constructor({
    env,
    connection,
    remote,
    first,
    maxMessageSize,
    share = channel => channel,
    connectTimeout = CONNECT_TIMEOUT,
    explain,
  }: RemotePeerParts) {
    super()
    this.#share = share
    this.#explain = explain
    this.#env = env
    this.#connection = connection
    this.remote = remote
    this.maxMessageSize = maxMessageSize
    this.#state = first === undefined ? { name: 'answering' } : { name: 'offered' }
    if (first !== undefined) this.#useFirst(first)
    connection.on('state', () => this.#watch())
    connection.on('channel', channel => this.#receive(channel))
    this.#expect(connectTimeout, () => this.#noPath('ERR_CONNECT_TIMEOUT', 'the connection did not open in time'))
  }

  get state(): Negotiation['name'] {
    return this.#state.name
  }

  /** The channel that every peer has. */
  get first(): EngineChannel | undefined {
    return this.#first
  }

  /** It goes, or has gone, by itself: what its channels tell is part of that. */
  get isEnding(): boolean {
    const { state } = this.#connection
    return this.#state.name === 'leaving' || this.#state.name === 'closed' || state === 'failed' || state === 'closed'
  }

  /** What is sent now is likely to arrive soon. */
  get isWell(): boolean {
    return this.#state.name === 'open' && this.#connection.state === 'connected'
  }

  /** Whoever repairs it takes so long at most, from now on; before that it is not lost. */
  bear(ms: number): void {
    if (this.#state.name === 'open' && this.#deadline !== undefined) this.#lose(ms)
  }

  /** Another path may be put under the channels, as far as is known here: see {@link EngineConnection}. */
  get canRestart(): boolean {
    return this.#state.name === 'open' && this.#connection.canRestart
  }

  /** Caller only: an offer for another path. */
  async restart(): Promise<string> {
    return await this.#connection.restart()
  }

  /** Callee only: the answer to such an offer. Whether that is of the same remote is for the caller of this to see. */
  async answerRestart(offer: string): Promise<string> {
    return await this.#connection.answerRestart(offer)
  }

  /** Caller only: the answer to our latest offer, under the same condition. */
  async acceptRestart(answer: string): Promise<void> {
    await this.#connection.acceptRestart(answer)
  }

  /** The remote's answer to our offer, as it passed `parseSdp`. `further` opens channels that are to be there as soon as the connection is. */
  async acceptAnswer(sdp: string, further?: () => void): Promise<void> {
    this.#step({ name: 'answer' })
    await this.#connection.acceptAnswer(sdp, further)
  }

  /**
   * Our answer to the remote's offer, with the candidates that are gathered in the time that the connection gives them. Those that
   * come later go to `late`, until the peer is connected.
   */
  async createAnswer(offer: string, late?: (candidate: RTCIceCandidateInit) => void): Promise<string> {
    if (late !== undefined)
      this.#connection.on('candidate', candidate => {
        if (this.#state.name !== 'open') late(candidate)
      })
    const answer = await this.#connection.createAnswer(offer)
    this.#step({ name: 'answered' })
    return answer
  }

  /** A candidate that followed the remote's answer. What is wrong with one is no matter of the others. */
  addCandidate(candidate: RTCIceCandidateInit): void {
    if (this.#state.name === 'closed') return
    this.#connection.addCandidate(candidate).catch(() => {}) // only when the connection is over, which has its own event
  }

  /**
   * Opens a further channel. Caller only: see {@link EngineConnection}; and only towards swarmlink peers: stock ones would take it for the
   * torrent's wire.
   */
  openChannel(name: string): EngineChannel {
    return this.#keep(this.#connection.createChannel(OUR_LABEL + name))
  }

  async remoteAddress(): Promise<{ address: string; port: number } | undefined> {
    return await this.#connection.remoteAddress()
  }

  /** Call it before closing the last channel here: the connection then carries what was sent last, and goes when the remote does. */
  leave(): void {
    this.#step({ name: 'leave' })
  }

  destroy(error?: SwarmlinkError): void {
    if (this.#state.name === 'closed') return
    this.#rest()
    this.#step(error === undefined ? { name: 'close' } : { name: 'close', error })
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

  #expect(ms: number, error: () => SwarmlinkError): void {
    this.#deadline?.cancel()
    this.#deadline = this.#env.timer(ms, () => this.destroy(error()))
  }

  #useFirst(channel: EngineChannel): void {
    this.#first = this.#keep(channel)
    const opened = () => {
      if (this.#state.name === 'open' || this.#state.name === 'closed') return
      this.#rest()
      this.#step({ name: 'open' })
      this.emit('connect')
    }
    if (channel.state === 'open') opened()
    else channel.on('open', opened)
  }

  #receive(channel: EngineChannel): void {
    if (this.#channels.size >= MAX_CHANNELS) channel.close()
    else if (channel.label.startsWith(OUR_LABEL)) this.emit('channel', this.#keep(channel))
    else if (this.#first === undefined) this.#useFirst(channel)
    else channel.close()
  }

  /** A connection whose last channel closed is of no use; with most engines that is also how a remote's end shows first. */
  #keep(own: EngineChannel): EngineChannel {
    const channel = this.#share(own)
    this.#channels.add(channel)
    channel.on('close', () => {
      this.#channels.delete(channel)
      if (this.#channels.size > 0) return
      if (this.#state.name === 'leaving') this.#waitForRemote()
      if (this.#state.name !== 'open') return
      // A connection that failed closes its channels before it says so.
      if (this.#connection.state === 'failed') this.#watch()
      else this.destroy()
    })
    return channel
  }

  #waitForRemote(): void {
    this.#deadline?.cancel()
    this.#deadline = this.#env.timer(LEAVE_GRACE, () => this.destroy())
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
        if (this.#state.name !== 'open') return
        this.#lose(DISCONNECT_GRACE)
        return void this.emit('unwell')
      case 'connected':
        if (this.#state.name !== 'open' || this.#deadline === undefined) return
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
