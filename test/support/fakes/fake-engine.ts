/**
 * WebRTC in virtual time: connections that find each other by the contents of their descriptions, and channels with latency, bandwidth and
 * backpressure. It keeps the contract of `src/engine/engine.ts` and behaves like the real engines: the answerer's channel opens before the
 * offerer's, a remote's end shows first as closed channels, a failed connection closes its channels before it reports the failure, and
 * messages sent while the path is lost arrive after a restart.
 */
import { toHex } from '../../../src/core/bytes.js'
import { Emitter } from '../../../src/core/emitter.js'
import { sleep, type Env, type Timer } from '../../../src/core/env.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { parseSdp } from '../../../src/core/sdp.js'
import {
  LOW_WATER,
  MAX_MESSAGE_SIZE,
  type ChannelState,
  type ConnectionState,
  type Engine,
  type EngineChannel,
  type EngineChannelEvents,
  type EngineConfig,
  type EngineConnection,
  type EngineConnectionEvents,
} from '../../../src/engine/engine.js'

/**
 * The fault of one connection: `create` throws at once, `describe` fails to make a description, `mute` fails too, but only at the engine's
 * deadline, `accept` rejects the answer, `ice` finds no path.
 */
export type Fault = 'create' | 'describe' | 'mute' | 'accept' | 'ice'

export interface FakeNetOptions {
  /** One way, in milliseconds. @default 10 */
  latency?: number
  /** How long a description takes to be complete, in milliseconds. @default 3 */
  gathering?: number
  /** Bytes per millisecond and channel. @default Infinity */
  bandwidth?: number
  /** The name of the engine in the descriptions: `rtc` is libdatachannel. @default rtc */
  origin?: string
}

const ICE_TIMEOUT = 15_000
const CALL_DEADLINE = 10_000
const DISCONNECTED_AFTER = 5_000
const FAILED_AFTER = 30_000
const CANDIDATE = 'candidate:1 1 UDP 2122317823 192.0.2.7 40712 typ host'
const CANDIDATE_LINES = /^a=(candidate|end-of-candidates).*\r\n/gm

type Message = string | Uint8Array

/** The network that connects all engines of one test. */
export class FakeNet {
  readonly env: Env
  latency: number
  gathering: number
  bandwidth: number
  readonly origin: string
  /** Connections created so far. */
  created = 0
  /** Connections that are neither closed nor failed. */
  alive = 0
  /** Pairs that have connected. */
  connected = 0
  /** Messages sent over channels. */
  sent = 0
  /** @internal */
  readonly byUfrag = new Map<string, FakeConnection>()

  constructor(
    env: Env,
    { latency = 10, gathering = 3, bandwidth = Number.POSITIVE_INFINITY, origin = 'rtc' }: FakeNetOptions = {},
  ) {
    this.env = env
    this.latency = latency
    this.gathering = gathering
    this.bandwidth = bandwidth
    this.origin = origin
  }

  engine(): FakeEngine {
    return new FakeEngine(this)
  }
}

export class FakeEngine implements Engine {
  readonly name = 'fake'
  /** All connections ever created, in order. */
  readonly connections: FakeConnection[] = []
  /** The fault of the nth connection. */
  fault: (nth: number) => Fault | undefined = () => undefined
  /** Whether its connections can be restarted. Both ends must support it. */
  restarts = true
  /** The selected candidates that its connections report for both ends. */
  candidates = { local: '', remote: '' }
  readonly #net: FakeNet
  #asked = 0

  constructor(net: FakeNet) {
    this.#net = net
  }

  get alive(): FakeConnection[] {
    return this.connections.filter(({ state }) => state !== 'closed' && state !== 'failed')
  }

  createConnection({ gatherTimeout }: Partial<EngineConfig> = {}): FakeConnection {
    const fault = this.fault(this.#asked++)
    if (fault === 'create') throw new SwarmlinkError('ERR_ENGINE', 'the engine refused to create a connection')
    const connection = new FakeConnection(this.#net, fault, gatherTimeout, this.restarts)
    connection.candidates = this.candidates
    this.connections.push(connection)
    return connection
  }

  /** Ends the process without telling any remote. */
  vanish(): void {
    for (const connection of this.alive) connection.vanish()
  }
}

export class FakeConnection extends Emitter<EngineConnectionEvents> implements EngineConnection {
  readonly fingerprint: string
  candidates = { local: '', remote: '' }
  /** Channels that are not closed. */
  readonly channels = new Set<FakeChannel>()
  readonly #net: FakeNet
  readonly #fault: Fault | undefined
  readonly #gatherTimeout: number
  readonly #ufrag: string
  /** The ufrags by which descriptions find this connection. */
  readonly #ufrags: string[] = []
  readonly #restarts: boolean
  readonly #over = new AbortController()
  #state: ConnectionState = 'new'
  #deadline: Timer | undefined
  /** The other end as the descriptions name it. Both must name each other. */
  #remote: FakeConnection | undefined
  #vanished = false
  /** While there is no path: actions delayed until there is one. */
  #waiting: Array<() => void> | undefined
  #role: 'offerer' | 'answerer' | undefined
  /** The ufrag of a restart that awaits its answer. */
  #restartUfrag: string | undefined
  /** Candidates of the remote, in its answer or after it. */
  #remoteCandidates = 0
  #accepted = false

  constructor(net: FakeNet, fault?: Fault, gatherTimeout = Number.POSITIVE_INFINITY, restarts = true) {
    super()
    this.#net = net
    this.#fault = fault
    this.#gatherTimeout = gatherTimeout
    this.#restarts = restarts
    this.#ufrag = this.#newUfrag()
    this.fingerprint = toHex(net.env.randomBytes(32)).toUpperCase().match(/../g)?.join(':') ?? ''
    net.created++
    net.alive++
  }

  get state(): ConnectionState {
    return this.#state
  }

  createChannel(label: string): FakeChannel {
    if (this.#isOver()) throw this.#ended()
    const channel = this.#adopt(new FakeChannel(this.#net, label))
    if (this.#stands()) this.onPath(() => this.#introduce(channel))
    return channel
  }

  async createOffer(): Promise<string> {
    this.#role = 'offerer'
    return this.#describe('active')
  }

  async createAnswer(offer: string): Promise<string> {
    this.#role = 'answerer'
    this.#remote = this.#net.byUfrag.get(ufragOf(offer))
    const answer = await this.#describe('passive')
    if (this.#state === 'new') this.#connecting()
    return answer
  }

  async acceptAnswer(answer: string, further?: () => void): Promise<void> {
    parseSdp(answer)
    if (this.#isOver()) throw this.#ended()
    if (this.#fault === 'accept') throw new SwarmlinkError('ERR_ENGINE', 'the engine rejected the answer')
    this.#remote = this.#net.byUfrag.get(ufragOf(answer))
    this.#connecting()
    this.#accepted = true
    if (/^a=candidate:/m.test(answer)) this.#remoteCandidates++
    if (this.#remoteCandidates > 0) this.#startConnecting()
    further?.()
  }

  async addCandidate(): Promise<void> {
    if (this.#isOver()) throw this.#ended()
    if (this.#remoteCandidates++ === 0 && this.#accepted) this.#startConnecting()
  }

  /** Connects when the remote's candidates arrive. */
  #startConnecting(): void {
    const remote = this.#remote
    this.#net.env.timer(2 * this.#net.latency, () => {
      if (remote !== undefined && remote.#remote === this && !this.#unreachable() && !remote.#unreachable()) this.#connect(remote)
    })
  }

  get canRestart(): boolean {
    return this.#stands() && this.#restarts && this.#remote !== undefined && this.#remote.#restarts
  }

  async restart(): Promise<string> {
    this.#mayRestart('offerer')
    const ufrag = this.#newUfrag()
    this.#restartUfrag = ufrag
    const offer = await this.#describe('active', ufrag)
    if (this.#restartUfrag === ufrag) return offer
    throw new SwarmlinkError('ERR_ENGINE', 'another restart replaced this one')
  }

  async answerRestart(offer: string): Promise<string> {
    this.#mayRestart('answerer')
    const offerer = this.#net.byUfrag.get(ufragOf(offer))
    if (offerer === undefined || offerer !== this.#remote) throw new SwarmlinkError('ERR_ENGINE', 'the engine rejected the offer')
    // The answer repeats the offer's ufrag, so that only the answer to the latest restart restores the path.
    return this.#describe('passive', ufragOf(offer))
  }

  async acceptRestart(answer: string): Promise<void> {
    this.#mayRestart('offerer')
    const answerer = this.#remote
    if (answerer === undefined || ufragOf(answer) !== this.#restartUfrag)
      throw new SwarmlinkError('ERR_ENGINE', 'no restart awaits this answer')
    this.#restartUfrag = undefined
    this.#net.env.timer(2 * this.#net.latency, () => {
      if (this.#unreachable() || answerer.#unreachable()) return
      for (const end of [answerer, this]) end.#recover()
    })
  }

  async remoteAddress(): Promise<{ address: string; port: number } | undefined> {
    return this.#state === 'connected' ? { address: '192.0.2.1', port: 40_000 } : undefined
  }

  close(): void {
    this.#end('closed')
  }

  /** Stops the process or the network of this end, without telling the remote. */
  vanish(): void {
    this.#vanished = true
    for (const ufrag of this.#ufrags) this.#net.byUfrag.delete(ufrag)
    if (this.#remote !== undefined) this.#remote.#lose()
  }

  /** Cuts the path. Both processes stay, and a restart finds another path. */
  cut(): void {
    for (const end of [this, this.#remote]) {
      if (end === undefined || end.#waiting !== undefined) continue
      end.#waiting = []
      for (const channel of end.channels) channel.hold()
      end.#lose()
    }
  }

  /** Sets the path state that the engine reports. */
  turn(state: 'connected' | 'disconnected' | 'failed'): void {
    if (this.#isOver()) return
    if (state === 'failed') return this.#end('failed')
    this.#state = state
    this.emit('state', state)
  }

  /** The last channel is closed at both ends, as browsers tell. */
  idle(): void {
    this.emit('idle')
  }

  /** @internal Acts now, or when there is a path again. */
  onPath(act: () => void): void {
    if (this.#waiting === undefined) act()
    else this.#waiting.push(act)
  }

  /** @internal */
  get vanished(): boolean {
    return this.#vanished
  }

  #recover(): void {
    if (this.#isOver()) return
    this.#deadline?.cancel()
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const channel of this.channels) channel.release()
    for (const act of waiting) act()
    if (this.#state === 'disconnected') this.turn('connected')
  }

  #newUfrag(): string {
    const ufrag = toHex(this.#net.env.randomBytes(8))
    this.#net.byUfrag.set(ufrag, this)
    this.#ufrags.push(ufrag)
    return ufrag
  }

  #mayRestart(role: 'offerer' | 'answerer'): void {
    if (this.#isOver()) throw this.#ended()
    if (!this.canRestart || this.#role !== role) throw new SwarmlinkError('ERR_ENGINE', 'the connection cannot be restarted')
  }

  async #describe(setup: 'active' | 'passive', ufrag = this.#ufrag): Promise<string> {
    if (this.#isOver()) throw this.#ended()
    const { env, gathering, origin } = this.#net
    const gathered = gathering * (1 + env.random())
    const ms = this.#fault === 'mute' ? CALL_DEADLINE : Math.min(gathered, this.#gatherTimeout)
    if (!(await sleep(env, ms, this.#over.signal))) throw this.#ended()
    if (this.#fault === 'describe' || this.#fault === 'mute')
      throw new SwarmlinkError('ERR_ENGINE', `the engine gave no description (${this.#fault})`)
    const description = describe(setup, ufrag, this.fingerprint, origin)
    if (gathered <= ms) {
      this.emit('candidate', { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0 })
      return description
    }
    void this.#gatherOn(gathered - ms)
    return description.replace(CANDIDATE_LINES, '')
  }

  async #gatherOn(ms: number): Promise<void> {
    if (await sleep(this.#net.env, ms, this.#over.signal))
      this.emit('candidate', { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0 })
  }

  #connecting(): void {
    this.#state = 'connecting'
    this.emit('state', 'connecting')
    if (this.#state === 'connecting') this.#deadline = this.#net.env.timer(ICE_TIMEOUT, () => this.#end('failed'))
  }

  #connect(answerer: FakeConnection): void {
    this.#net.connected++
    for (const end of [answerer, this]) {
      end.#deadline?.cancel()
      if (end.#isOver()) continue // a listener of the other end closed it
      end.#state = 'connected'
      end.emit('state', 'connected')
    }
    for (const channel of [...this.channels]) this.#introduce(channel)
  }

  /** Announces the channel to the remote, then opens this end. */
  #introduce(channel: FakeChannel): void {
    const remote = this.#remote
    this.#net.env.timer(this.#net.latency, () => {
      if (remote === undefined || remote.#unreachable() || this.#vanished || channel.state === 'closed') return
      const twin = remote.#adopt(new FakeChannel(this.#net, channel.label))
      twin.pair(channel)
      channel.pair(twin)
      twin.open()
      remote.emit('channel', twin)
      this.#net.env.timer(this.#net.latency, () => {
        if (!remote.#vanished && !this.#vanished) channel.open()
      })
    })
  }

  #adopt(channel: FakeChannel): FakeChannel {
    this.channels.add(channel)
    channel.owner = this
    channel.on('close', () => this.channels.delete(channel))
    return channel
  }

  #lose(): void {
    if (this.#state !== 'connected') return
    this.#deadline?.cancel()
    this.#deadline = this.#net.env.timer(DISCONNECTED_AFTER, () => {
      this.turn('disconnected')
      this.#deadline = this.#net.env.timer(FAILED_AFTER, () => this.#end('failed'))
    })
  }

  #unreachable(): boolean {
    return this.#isOver() || this.#vanished || this.#fault === 'ice'
  }

  #stands(): boolean {
    return this.#state === 'connected' || this.#state === 'disconnected'
  }

  #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'failed'
  }

  #ended(): SwarmlinkError {
    return new SwarmlinkError(this.#state === 'failed' ? 'ERR_ICE_FAILED' : 'ERR_CLOSED', `the connection is ${this.#state}`)
  }

  #end(state: 'failed' | 'closed'): void {
    if (this.#state === 'closed' || this.#state === state) return
    const first = !this.#isOver()
    this.#state = state
    if (first) {
      this.#net.alive--
      for (const ufrag of this.#ufrags) this.#net.byUfrag.delete(ufrag)
      this.#deadline?.cancel()
      this.#over.abort()
      const remote = this.#remote
      if (remote !== undefined && !this.#vanished && this.#waiting === undefined)
        this.#net.env.timer(this.#net.latency, () => {
          if (remote.#remote === this && !remote.#vanished) remote.#bereave()
        })
      this.#remote = undefined // breaks the reference, so that neither end keeps the other in memory
      for (const channel of [...this.channels]) channel.end()
    }
    this.emit('state', state)
    if (state === 'closed') this.removeAllListeners()
  }

  /** Handles the other end's close. */
  #bereave(): void {
    if (!this.#stands()) return
    for (const channel of [...this.channels]) channel.end()
    this.#lose()
  }
}

export class FakeChannel extends Emitter<EngineChannelEvents> implements EngineChannel {
  readonly label: string
  /** @internal */
  owner: FakeConnection | undefined
  /** Messages sent so far. */
  sent = 0
  readonly #net: FakeNet
  readonly #kept: Message[] = []
  #state: ChannelState = 'connecting'
  #twin: FakeChannel | undefined
  #buffered = 0
  #owed = false
  #lowWater = LOW_WATER
  #busyUntil = 0
  /** Sends delayed while the channel is held. */
  #held: Array<() => void> | undefined

  constructor(net: FakeNet, label: string) {
    super()
    this.#net = net
    this.label = label
  }

  get state(): ChannelState {
    return this.#state
  }

  get bufferedAmount(): number {
    return this.#state === 'closed' ? 0 : this.#buffered
  }

  get lowWater(): number {
    return this.#lowWater
  }

  set lowWater(bytes: number) {
    this.#lowWater = bytes
    if (this.#buffered > bytes) this.#owed = true
    else queueMicrotask(() => this.#drain())
  }

  override on<Name extends keyof EngineChannelEvents>(name: Name, listener: (...args: EngineChannelEvents[Name]) => void): this {
    if (name === 'message' && this.#kept.length > 0) queueMicrotask(() => this.#deliver())
    return super.on(name, listener)
  }

  send(message: Message): void {
    if (this.#state !== 'open') throw new SwarmlinkError('ERR_CLOSED', `the channel ${this.label} is ${this.#state}`)
    const size = typeof message === 'string' ? new TextEncoder().encode(message).byteLength : message.byteLength
    if (size > MAX_MESSAGE_SIZE) throw new SwarmlinkError('ERR_MESSAGE_TOO_LARGE', `a message of ${size} bytes`)
    this.sent++
    this.#net.sent++
    // Copies the bytes, because a real engine takes them as they are now.
    const copy = typeof message === 'string' ? message : message.slice()
    this.#buffered += size
    if (this.#buffered > this.#lowWater) this.#owed = true
    const leave = () => this.#leave(copy, size)
    if (this.#held === undefined) leave()
    else this.#held.push(leave)
  }

  close(): void {
    this.end()
  }

  /** Delays all sends, like a remote whose window is full. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const leave of held) leave()
  }

  /** @internal */
  pair(twin: FakeChannel): void {
    this.#twin = twin
  }

  /** @internal */
  open(): void {
    if (this.#state !== 'connecting') return
    this.#state = 'open'
    this.emit('open')
  }

  /** @internal Closes once, whichever end began. */
  end(): void {
    if (this.#state === 'closed') return
    this.#deliver()
    if (this.#state === ('closed' as ChannelState)) return // a listener closed this channel meanwhile
    this.#state = 'closed'
    // After the messages that were sent before.
    if (this.owner === undefined) this.#tell()
    else this.owner.onPath(() => this.#tell())
    this.emit('close')
    this.removeAllListeners()
  }

  #tell(): void {
    const twin = this.#twin
    if (twin === undefined || this.owner?.vanished === true) return
    this.#net.env.timer(Math.max(0, this.#busyUntil - this.#net.env.now()) + this.#net.latency, () => {
      if (twin.owner?.vanished !== true) twin.end()
    })
  }

  /** @internal */
  receive(message: Message): void {
    if (this.#state === 'closed') return
    this.open() // a message proves that the channel is open, in any order of events
    this.#kept.push(message)
    this.#deliver()
  }

  #leave(message: Message, size: number): void {
    const { env, bandwidth, latency } = this.#net
    this.#busyUntil = Math.max(env.now(), this.#busyUntil) + size / bandwidth
    env.timer(this.#busyUntil - env.now(), () => {
      this.#buffered -= size
      this.#drain()
    })
    env.timer(this.#busyUntil - env.now() + latency, () => {
      if (this.owner?.vanished !== true && this.#twin?.owner?.vanished !== true) this.#twin?.receive(message)
    })
  }

  #drain(): void {
    if (!this.#owed || this.#buffered > this.#lowWater) return
    this.#owed = false
    if (this.#state !== 'closed') this.emit('drain')
  }

  #deliver(): void {
    while (this.#kept.length > 0 && this.listenerCount('message') > 0) {
      const message = this.#kept.shift()
      if (message !== undefined) this.emit('message', message)
    }
  }
}

/** Two open channels of one connection. */
export function channelPair(net: FakeNet, label = 'test'): [FakeChannel, FakeChannel] {
  const [a, b] = [new FakeChannel(net, label), new FakeChannel(net, label)]
  a.pair(b)
  b.pair(a)
  a.open()
  b.open()
  return [a, b]
}

function ufragOf(sdp: string): string {
  parseSdp(sdp)
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? ''
}

function describe(setup: 'active' | 'passive', ufrag: string, fingerprint: string, origin: string): string {
  return [
    'v=0',
    `o=${origin} 3767197920 0 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'a=ice-options:ice2,trickle',
    `a=fingerprint:sha-256 ${fingerprint}`,
    'm=application 40712 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 192.0.2.7',
    'a=mid:0',
    'a=sendrecv',
    'a=sctp-port:5000',
    'a=max-message-size:262144',
    `a=setup:${setup}`,
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${ufrag}${ufrag}`,
    `a=${CANDIDATE}`,
    'a=end-of-candidates',
    '',
  ].join('\r\n')
}
