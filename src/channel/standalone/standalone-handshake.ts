/** The offer/answer handshake of one connection: which side offers, glare, candidates in any order. Knows no signalling and no messages. */
import type { Env } from '../../core/env.js'
import { asError, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { MAX_CANDIDATES, withoutCandidates } from '../../core/sdp.js'
import type { Engine, EngineChannel, EngineConnection } from '../../engine/engine.js'
import { signDescription } from '../../identity/proof.js'
import { CandidateTail } from '../../peer/candidate-tail.js'
import { offererWins } from '../../peer/negotiation.js'
import { explainNoPath } from '../../peer/no-path.js'
import { RemotePeer } from '../../peer/remote-peer.js'
import { Attempts } from './attempts.js'
import { type Candidate, type Description, type ReadSignal, type SignalData, ufragOf } from './signals.js'

const log = logger('channel')

/** Gathering timeout in milliseconds without trickle: a STUN server may not answer. */
const GATHER_TIMEOUT = 1_000
/**
 * Gathering timeout in milliseconds with trickle. Host candidates take 3 to 20 ms: with them in the description, one message is
 * enough on a local network, and two processes of one machine recognise each other (see same-host.ts).
 */
const HEAD_START = 50
/** Limit for candidates that wait for their description: those of two offers that crossed, and some repeated ones. */
const MAX_EARLY = 3 * MAX_CANDIDATES
/** Label of the one channel; it is neutral, because the remote end may be a stock peer. */
const LABEL = 'messages'

export interface StandaloneHandshakeHost {
  /** A signal for the remote end. */
  signal(data: SignalData): void
  /** A signal was refused; the handshake goes on. */
  refused(error: SwarmlinkError): void
  /** The first channel is open. */
  connected(peer: RemotePeer): void
  /** The connection has ended; called once, with the error if there is one. */
  closed(error: SwarmlinkError | undefined): void
}

export interface StandaloneHandshakeOptions {
  env: Env
  findEngine: () => Promise<Engine>
  localId: Id
  remoteId: Id
  initiator: boolean
  trickle: boolean
  rtcConfig: RTCConfiguration
  host: StandaloneHandshakeHost
}

type State =
  /** The engine is loading; an offer that arrives meanwhile waits. */
  | { name: 'loading'; offer: Description | undefined }
  | { name: 'waiting'; engine: Engine }
  /** The offer is being made, and was not sent. */
  | { name: 'offering'; engine: Engine; connection: EngineConnection }
  | { name: 'offered'; engine: Engine; connection: EngineConnection; channel: EngineChannel; tail: CandidateTail | undefined }
  /** Both descriptions are known; the remote one has this ufrag. */
  | { name: 'connecting'; engine: Engine; role: 'offerer' | 'answerer'; peer: RemotePeer; ufrag: string }
  | { name: 'closed' }

export class StandaloneHandshake {
  readonly #options: StandaloneHandshakeOptions
  /** Candidates that wait for their description. */
  readonly #early: Candidate[] = []
  #state: State = { name: 'loading', offer: undefined }
  /** The ufrag of the local description, for trickled candidates. */
  #ufrag = ''
  /** The ufrags of answered offers: a repeated one is ignored. */
  readonly #answeredOffers = new Set<string>()
  readonly #attempts: Attempts
  /** The engine at the remote end sends checks as soon as it has candidates. libdatachannel waits for this side: see same-host.ts. */
  #remoteKnocks = false

  constructor(options: StandaloneHandshakeOptions) {
    this.#options = options
    this.#attempts = new Attempts(options.env)
  }

  async start(): Promise<void> {
    let engine: Engine
    try {
      engine = await this.#options.findEngine()
    } catch (thrown) {
      return this.#end(asError(thrown, 'ERR_ENGINE', 'loading a WebRTC engine failed'))
    }
    if (this.#state.name !== 'loading') return
    const { offer } = this.#state
    this.#state = { name: 'waiting', engine }
    if (offer !== undefined) await this.#answer(engine, offer)
    else if (this.#options.initiator) await this.#offer(engine)
  }

  /** Takes a signal of the remote end. Signals may arrive in any order, and repeatedly. */
  signal(signal: ReadSignal): void {
    switch (signal.kind) {
      case 'offer':
        return this.#offered(signal)
      case 'answer':
        return this.#answered(signal)
      case 'candidate':
        return this.#candidate(signal)
      default:
    }
  }

  close(): void {
    if (this.#state.name === 'connecting') this.#state.peer.destroy()
    else this.#end(undefined)
  }

  #offered(offer: Description): void {
    const state = this.#state
    const { localId, remoteId } = this.#options
    if (state.name === 'loading') state.offer = offer
    else if (state.name === 'waiting') void this.#answer(state.engine, offer)
    else if (state.name === 'offered' && offererWins(localId, remoteId)) log('glare: the own offer stays')
    else if (state.name === 'offering' || state.name === 'offered') {
      log('glare: the own offer is dropped')
      this.#state = { name: 'waiting', engine: state.engine }
      state.connection.close()
      void this.#answer(state.engine, offer)
    } else if (state.name === 'connecting' && this.#startsOver(state, offer)) {
      log('the remote end offers again: its connection failed')
      this.#state = { name: 'waiting', engine: state.engine }
      state.peer.destroy()
      void this.#answer(state.engine, offer)
    } else log('ignored an offer: the connection is %s', state.name)
  }

  /** Whether this is a retry of the offerer, before the answered connection is open. */
  #startsOver({ role, peer }: State & { name: 'connecting' }, { isSwarmlink, sdp }: Description): boolean {
    const isNew = !this.#answeredOffers.has(ufragOf(sdp.text))
    const isOpening = peer.state === 'answering' || peer.state === 'connecting'
    return role === 'answerer' && isOpening && isSwarmlink && isNew && !this.#attempts.exhausted
  }

  #answered(answer: Description): void {
    const state = this.#state
    if (state.name === 'offered') void this.#accept(state, answer)
    else log('ignored an answer: the connection is %s', state.name)
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
      // A failure before the answer; after it the RemotePeer handles the state.
      connection.on('state', state => {
        if (state === 'failed' && (this.#state.name === 'offering' || this.#state.name === 'offered'))
          this.#end(new SwarmlinkError('ERR_ENGINE', 'the WebRTC engine closed the connection before the answer'))
      })
      const channel = connection.createChannel(LABEL)
      const tail = this.#tail()
      if (tail !== undefined) connection.on('candidate', candidate => tail.add(candidate))
      const sdp = await this.#sign(await connection.createOffer(), 'offer')
      if (this.#state !== mine) return
      // The remote end cannot send checks to this retry before the answer is applied here, so the race of attempts.ts is not lost again.
      const isHeld = this.#remoteKnocks && tail !== undefined
      this.#state = { name: 'offered', engine, connection, channel, tail }
      if (isHeld) this.#send('offer', withoutCandidates(sdp), undefined)
      else this.#send('offer', sdp, tail)
    } catch (thrown) {
      if (mine === undefined || this.#state === mine)
        this.#end(asError(thrown, 'ERR_ENGINE', 'the WebRTC engine could not make an offer'))
    }
  }

  async #answer(engine: Engine, offer: Description): Promise<void> {
    let peer: RemotePeer | undefined
    let mine: State | undefined
    try {
      peer = this.#take(engine, this.#connect(engine), offer)
      mine = this.#state
      const tail = this.#tail()
      const answer = await peer.createAnswer(offer.sdp.text, tail && (candidate => tail.add(candidate)))
      if (this.#state === mine) this.#attempts.applied()
      const sdp = await this.#sign(answer, 'answer', offer.sdp.fingerprint)
      if (peer.state !== 'closed') this.#send('answer', sdp, tail)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_BAD_SDP', 'the WebRTC engine could not answer an offer')
      if (peer === undefined) return this.#end(error)
      // The answer was not sent, so another offer may work; but not after glare, where the own offer was dropped for this one.
      if (this.#options.initiator) return peer.destroy(error)
      if (this.#state !== mine) return // it is closed, or waits for a retry, or another offer came
      this.#state = { name: 'waiting', engine }
      this.#attempts.withdraw(late => this.#end(late))
      peer.destroy()
      this.#options.host.refused(error)
    }
  }

  async #accept({ engine, connection, channel, tail }: State & { name: 'offered' }, answer: Description): Promise<void> {
    const peer = this.#take(engine, connection, answer, channel)
    this.#remoteKnocks = !/^o=rtc /m.test(answer.sdp.text)
    try {
      await peer.acceptAnswer(answer.sdp.text)
      this.#attempts.applied()
      tail?.follow('') // what a retry has held back
    } catch (thrown) {
      peer.destroy(asError(thrown, 'ERR_BAD_SDP', 'the WebRTC engine refused an answer'))
    }
  }

  #connect(engine: Engine): EngineConnection {
    const { env, rtcConfig, trickle } = this.#options
    return engine.createConnection({ env, rtcConfig, gatherTimeout: trickle ? HEAD_START : GATHER_TIMEOUT })
  }

  /** Both descriptions are known: makes the RemotePeer of this connection. */
  #take(engine: Engine, connection: EngineConnection, { sdp, isSwarmlink }: Description, first?: EngineChannel): RemotePeer {
    const { env, remoteId, host } = this.#options
    const peer = new RemotePeer({
      env,
      connection,
      remote: { announceId: remoteId, peerId: remoteId, isSwarmlink, verified: false },
      maxMessageSize: sdp.maxMessageSize,
      connectTimeout: this.#attempts.begin(),
      explain: explainNoPath,
      ...(first !== undefined && { first }),
    })
    const role = first === undefined ? ('answerer' as const) : ('offerer' as const)
    const state = { name: 'connecting' as const, engine, role, peer, ufrag: ufragOf(sdp.text) }
    this.#state = state
    if (role === 'answerer') this.#answeredOffers.add(state.ufrag)
    let connected = false
    peer.on('connect', () => {
      connected = true
      host.connected(peer)
    })
    peer.on('channel', channel => channel.close()) // further channels are not used
    peer.on('close', error => {
      if (this.#state !== state) return
      // A stock peer ignores a second offer.
      if (!connected && isSwarmlink && this.#attempts.mayFollow(error)) this.#retry(state)
      else this.#end(error)
    })
    for (const candidate of this.#early.splice(0)) deliver(candidate, state)
    return peer
  }

  /** The offerer offers again; the answerer waits for that, because most failures occur at both ends at once. */
  #retry({ engine, role }: State & { name: 'connecting' }): void {
    log('the connection failed early: retrying')
    this.#state = { name: 'waiting', engine }
    this.#attempts.awaitNext(error => this.#end(error))
    if (role === 'offerer') void this.#offer(engine)
  }

  /** Adds an unsigned identity line, by which swarmlink peers recognise each other. The application itself identifies the peers. */
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

  #send(type: 'offer' | 'answer', sdp: string, tail: CandidateTail | undefined): void {
    this.#ufrag = ufragOf(sdp)
    this.#options.host.signal({ type, sdp })
    tail?.follow(sdp)
  }

  #end(error: SwarmlinkError | undefined): void {
    const state = this.#state
    if (state.name === 'closed') return
    this.#state = { name: 'closed' }
    this.#attempts.stop()
    this.#early.length = 0
    if ('connection' in state) state.connection.close()
    this.#options.host.closed(error)
  }
}

/** Adds the candidate, unless it belongs to another description. */
function deliver({ candidate, ufrag }: Candidate, to: { peer: RemotePeer; ufrag: string }): void {
  if (ufrag === undefined || ufrag === to.ufrag) to.peer.addCandidate(candidate)
}
