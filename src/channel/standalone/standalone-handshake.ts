/**
 * One connection over the signalling of an application's own: who offers, whose offer stays when both did, candidates in any
 * order. Knows nothing of how signals travel, nor of messages.
 */
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import { MAX_CANDIDATES } from '../core/sdp.js'
import type { Engine, EngineChannel, EngineConnection } from '../engine/engine.js'
import { signDescription } from '../identity/proof.js'
import { CandidateTail } from '../peer/candidate-tail.js'
import { callerWins } from '../peer/negotiation.js'
import { explainNoPath } from '../peer/no-path.js'
import { RemotePeer } from '../peer/remote-peer.js'
import { type Candidate, type Description, type Signal, type SignalData, ufragOf } from './signals.js'

const log = logger('channel')

/**
 * From the moment that both descriptions are known here until the channel is open. An application's signalling may be slow, and
 * what we answered has to reach the other side first; a browser gives an unanswered connection up after half of it.
 */
export const CALL_TIMEOUT = 30_000
/**
 * A connection that fails so soon after both descriptions are known did not lack a path, which takes an engine 10 s and more to find out.
 * On one machine libdatachannel 0.24 loses a race now and then: it checks the other end's certificate before it has stored the
 * fingerprint of the answer.
 */
const EARLY_FAILURE = 3_000
/** Connections that are tried within {@link CALL_TIMEOUT}. */
const MAX_ATTEMPTS = 3
/** How long a description with every candidate in it waits for the last of them: a STUN server may be silent. */
const GATHER_TIMEOUT = 1_000
/**
 * How long one waits whose candidates may follow it. A machine's own addresses are there in 3 to 20 ms: with them in it one
 * message is enough on a local network, and two processes of one machine recognise each other (see same-host.ts).
 */
const HEAD_START = 50
/** Candidates that wait for their description: those of two offers that crossed, and as many again from whoever repeats himself. */
const MAX_EARLY = 3 * MAX_CANDIDATES
/** The one channel; its name says nothing, since the other end may not be ours. */
const LABEL = 'messages'

export interface CallHost {
  /** For the other end. */
  signal(data: SignalData): void
  /** Something that was signalled is of no use; the call goes on. */
  refused(error: SwarmlinkError): void
  /** The first channel is open. */
  connected(peer: RemotePeer): void
  /** Over; called once, with the error if it ended in one. */
  closed(error: SwarmlinkError | undefined): void
}

export interface CallOptions {
  env: Env
  findEngine: () => Promise<Engine>
  localId: Id
  remoteId: Id
  /** Whether this side offers without being asked to. */
  initiator: boolean
  /** Whether candidates follow their description. */
  trickle: boolean
  rtcConfig: RTCConfiguration
  host: CallHost
}

type State =
  /** An offer that is here before the engine waits for it. */
  | { name: 'loading'; offer: Description | undefined }
  | { name: 'waiting'; engine: Engine }
  /** Our offer is being made: nobody knows of it yet. */
  | { name: 'offering'; engine: Engine; connection: EngineConnection }
  | { name: 'offered'; engine: Engine; connection: EngineConnection; channel: EngineChannel }
  /** Both descriptions are known since `at`, and those of the remote have this ufrag. */
  | { name: 'connecting'; engine: Engine; role: 'caller' | 'callee'; peer: RemotePeer; ufrag: string; at: number }
  | { name: 'closed' }

export class Call {
  readonly #options: CallOptions
  /** Candidates whose description has not come. */
  readonly #early: Candidate[] = []
  #state: State = { name: 'loading', offer: undefined }
  /** Of our own description, for the candidates that follow it. */
  #ufrag = ''
  /** Of every offer that was answered: one of them that arrives once more asks for nothing. */
  readonly #answeredOffers = new Set<string>()
  /** Connections that were tried with both descriptions known. */
  #attempts = 0
  /** When the last of them has to be open, and the timer while there is none. */
  #deadline = Number.POSITIVE_INFINITY
  #giveUp: Timer | undefined

  constructor(options: CallOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    let engine: Engine
    try {
      engine = await this.#options.findEngine()
    } catch (thrown) {
      return this.#end(asError(thrown, 'ERR_ENGINE', 'no WebRTC engine could be loaded'))
    }
    if (this.#state.name !== 'loading') return
    const { offer } = this.#state
    this.#state = { name: 'waiting', engine }
    if (offer !== undefined) await this.#answer(engine, offer)
    else if (this.#options.initiator) await this.#offer(engine)
  }

  /** What the other end signalled, in whatever order and however often it arrives. */
  signal(signal: Signal): void {
    switch (signal.kind) {
      case 'offer':
        return this.#called(signal)
      case 'answer':
        return this.#answered(signal)
      case 'candidate':
        return this.#candidate(signal)
      default:
    }
  }

  /** Ends at once what is not connected yet; what is has its own end. */
  close(): void {
    if (this.#state.name === 'connecting') this.#state.peer.destroy()
    else this.#end(undefined)
  }

  #called(offer: Description): void {
    const state = this.#state
    const { localId, remoteId } = this.#options
    if (state.name === 'loading') state.offer = offer
    else if (state.name === 'waiting') void this.#answer(state.engine, offer)
    else if (state.name === 'offered' && callerWins(localId, remoteId)) log('both called: our offer stays')
    else if (state.name === 'offering' || state.name === 'offered') {
      log('both called: our offer goes')
      this.#state = { name: 'waiting', engine: state.engine }
      state.connection.close()
      void this.#answer(state.engine, offer)
    } else if (state.name === 'connecting' && this.#startsOver(state, offer)) {
      log('the other end offers again: its connection failed')
      this.#state = { name: 'waiting', engine: state.engine }
      state.peer.destroy()
      void this.#answer(state.engine, offer)
    } else log('passed over an offer: the connection is %s', state.name)
  }

  /** The end whose offer we answered offers again before that connection is open. */
  #startsOver({ role, peer }: State & { name: 'connecting' }, { ours, sdp }: Description): boolean {
    const isNew = !this.#answeredOffers.has(ufragOf(sdp.text))
    return role === 'callee' && peer.state !== 'open' && ours && isNew && this.#attempts < MAX_ATTEMPTS
  }

  #answered(answer: Description): void {
    const state = this.#state
    if (state.name === 'offered') void this.#accept(state, answer)
    else log('passed over an answer: the connection is %s', state.name)
  }

  #candidate(candidate: Candidate): void {
    if (this.#state.name === 'connecting') deliver(candidate, this.#state)
    else if (this.#state.name !== 'closed' && this.#early.length < MAX_EARLY) this.#early.push(candidate)
  }

  async #offer(engine: Engine): Promise<void> {
    let mine: State | undefined
    try {
      const connection = this.#connect(engine)
      mine = this.#state = { name: 'offering', engine, connection }
      // The end of one that nobody is on yet; afterwards it is the peer's matter.
      connection.on('state', state => {
        if (state === 'failed' && (this.#state.name === 'offering' || this.#state.name === 'offered'))
          this.#end(new SwarmlinkError('ERR_ENGINE', 'the WebRTC engine closed the connection before it was answered'))
      })
      const channel = connection.createChannel(LABEL)
      const tail = this.#tail()
      if (tail !== undefined) connection.on('candidate', candidate => tail.add(candidate))
      const sdp = await this.#sign(await connection.createOffer(), 'offer')
      if (this.#state !== mine) return
      this.#state = { name: 'offered', engine, connection, channel }
      this.#tell('offer', sdp, tail)
    } catch (thrown) {
      if (mine === undefined || this.#state === mine)
        this.#end(asError(thrown, 'ERR_ENGINE', 'the WebRTC engine could not make an offer'))
    }
  }

  async #answer(engine: Engine, offer: Description): Promise<void> {
    let peer: RemotePeer | undefined
    try {
      peer = this.#take(engine, this.#connect(engine), offer)
      const tail = this.#tail()
      const answer = await peer.createAnswer(offer.sdp.text, tail && (candidate => tail.add(candidate)))
      const sdp = await this.#sign(answer, 'answer', offer.sdp.fingerprint)
      if (peer.state !== 'closed') this.#tell('answer', sdp, tail)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_BAD_SDP', 'the WebRTC engine could not answer an offer')
      if (peer === undefined) return this.#end(error)
      // Nobody knows of our answer, so another offer may do better; but not when ours made way for this one.
      if (this.#options.initiator) return peer.destroy(error)
      if (this.#state.name === 'closed') return
      this.#state = { name: 'waiting', engine }
      peer.destroy()
      this.#options.host.refused(error)
    }
  }

  async #accept({ engine, connection, channel }: State & { name: 'offered' }, answer: Description): Promise<void> {
    const peer = this.#take(engine, connection, answer, channel)
    try {
      await peer.acceptAnswer(answer.sdp.text)
    } catch (thrown) {
      peer.destroy(asError(thrown, 'ERR_BAD_SDP', 'the WebRTC engine did not take an answer'))
    }
  }

  #connect(engine: Engine): EngineConnection {
    const { env, rtcConfig, trickle } = this.#options
    return engine.createConnection({ env, rtcConfig, gatherTimeout: trickle ? HEAD_START : GATHER_TIMEOUT })
  }

  /** The remote has described itself: from now on this connection is the one. */
  #take(engine: Engine, connection: EngineConnection, { sdp, ours }: Description, first?: EngineChannel): RemotePeer {
    const { env, remoteId, host } = this.#options
    const at = env.now()
    if (this.#attempts++ === 0) this.#deadline = at + CALL_TIMEOUT
    this.#giveUp?.cancel()
    const peer = new RemotePeer({
      env,
      connection,
      remote: { announceId: remoteId, peerId: remoteId, ours, verified: false },
      maxMessageSize: sdp.maxMessageSize,
      connectTimeout: this.#deadline - at,
      explain: explainNoPath,
      ...(first !== undefined && { first }),
    })
    const role = first === undefined ? ('callee' as const) : ('caller' as const)
    const state = { name: 'connecting' as const, engine, role, peer, ufrag: ufragOf(sdp.text), at }
    this.#state = state
    if (role === 'callee') this.#answeredOffers.add(state.ufrag)
    let connected = false
    peer.on('connect', () => {
      connected = true
      host.connected(peer)
    })
    peer.on('channel', channel => channel.close()) // one is enough here
    peer.on('close', error => {
      if (this.#state !== state) return
      if (!connected && this.#mayTryAgain(state, error)) this.#tryAgain(state)
      else this.#end(error)
    })
    for (const candidate of this.#early.splice(0)) deliver(candidate, state)
    return peer
  }

  /** A stock end knows nothing of a second offer. */
  #mayTryAgain({ peer, at }: State & { name: 'connecting' }, error: SwarmlinkError | undefined): boolean {
    const isEarly = this.#options.env.now() - at < EARLY_FAILURE
    return error?.code === 'ERR_ICE_FAILED' && isEarly && peer.remote.ours && this.#attempts < MAX_ATTEMPTS
  }

  /** The end that offered offers again; the other one waits for that, since most failures show at both ends at once. */
  #tryAgain({ engine, role }: State & { name: 'connecting' }): void {
    const { env } = this.#options
    log('the connection failed at once: another one is tried')
    this.#state = { name: 'waiting', engine }
    const late = () => this.#end(new SwarmlinkError('ERR_CONNECT_TIMEOUT', 'the connection did not open in time: make a new one'))
    this.#giveUp = env.timer(this.#deadline - env.now(), late)
    if (role === 'caller') void this.#offer(engine)
  }

  /** With our line in it, unproven: it tells one of ours that it has met another. Who is who the application knows better. */
  async #sign(sdp: string, role: 'offer' | 'answer', offerFingerprint?: string): Promise<string> {
    const { localId } = this.#options
    return await signDescription(sdp, {
      role,
      topic: localId,
      identity: { peerId: localId },
      announceId: localId,
      offerFingerprint,
    })
  }

  #tail(): CandidateTail | undefined {
    if (!this.#options.trickle) return undefined
    return new CandidateTail(candidate => {
      const state = this.#state
      if (state.name === 'offered' || (state.name === 'connecting' && state.peer.state !== 'open'))
        this.#options.host.signal({ candidate: { ...candidate, usernameFragment: this.#ufrag } })
    })
  }

  #tell(type: 'offer' | 'answer', sdp: string, tail: CandidateTail | undefined): void {
    this.#ufrag = ufragOf(sdp)
    this.#options.host.signal({ type, sdp })
    tail?.follow(sdp)
  }

  #end(error: SwarmlinkError | undefined): void {
    const state = this.#state
    if (state.name === 'closed') return
    this.#state = { name: 'closed' }
    this.#giveUp?.cancel()
    this.#early.length = 0
    if ('connection' in state) state.connection.close()
    this.#options.host.closed(error)
  }
}

/** None of a description that was dropped meanwhile. */
function deliver({ candidate, ufrag }: Candidate, to: { peer: RemotePeer; ufrag: string }): void {
  if (ufrag === undefined || ufrag === to.ufrag) to.peer.addCandidate(candidate)
}
