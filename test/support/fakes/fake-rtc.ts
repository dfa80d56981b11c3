/**
 * `RTCPeerConnection` in virtual time, as far as `src/media` uses it: connections that find each other by the ICE credentials in their
 * descriptions and check the certificate in them, candidates, channels, transceivers with tracks, and figures. A test cuts the path, moves a
 * machine to another address, kills it, and lets any method throw, reject or never settle.
 *
 * It behaves like the real implementations where src/media depends on it: a rollback keeps the transceivers, channels of a lost path keep their
 * messages, `disconnected` comes after 5 s and `failed` after 30 s, a path of another address needs new ICE credentials, and `close()` shows at
 * the other end as closed channels.
 */
import { toHex } from '../../../src/core/bytes.js'
import { sleep, type Env, type Timer } from '../../../src/core/env.js'
import type { WebRtcImplementation } from '../../../src/engine/rtc.js'

export type Method =
  | 'constructor'
  | 'createDataChannel'
  | 'createOffer'
  | 'createAnswer'
  | 'setLocalDescription'
  | 'setRemoteDescription'
  | 'addIceCandidate'
  | 'addTransceiver'
  | 'replaceTrack'
  | 'setParameters'
  | 'getStats'
/** A synchronous method throws in both cases. */
export type Misbehaviour = 'rejects' | 'hangs'

const DISCONNECTED_AFTER = 5_000
const FAILED_AFTER = 30_000
const CONNECT_TIMEOUT = 30_000
/** Bytes per virtual millisecond of one track. */
const TRACK_RATE = 60

/** The network between all machines of one test. */
export class FakeRtcNet {
  readonly env: Env
  /** One way, in milliseconds. */
  latency = 5
  /** @internal */
  readonly byUfrag = new Map<string, FakePeerConnection>()
  readonly connections: FakePeerConnection[] = []

  constructor(env: Env) {
    this.env = env
  }

  machine(): FakeMachine {
    return new FakeMachine(this)
  }

  /** Connections that were not closed. */
  get open(): FakePeerConnection[] {
    return this.connections.filter(({ connectionState }) => connectionState !== 'closed')
  }
}

/** One process on one machine. Pass {@link wrtc} as the option of the same name. */
export class FakeMachine {
  readonly net: FakeRtcNet
  readonly wrtc: WebRtcImplementation
  readonly connections: FakePeerConnection[] = []
  /** What a method of a connection does instead of its work. */
  misbehave: (method: Method, connection: FakePeerConnection | undefined) => Misbehaviour | undefined = () => undefined
  /** The connections whose offers were applied here, in this order. */
  readonly applied: FakePeerConnection[] = []
  /** Whether it has the RTP Header Extension Control, as Chromium does. */
  controlsExtensions = false
  /** @internal */
  isOnline = true
  /** @internal */
  isDead = false
  /** @internal Changes when the machine moves to another network. */
  address = 1

  constructor(net: FakeRtcNet) {
    this.net = net
    const open = (config?: RTCConfiguration) => new FakePeerConnection(this, config)
    // A function that returns an object is a constructor, too. The types of the double have what src/media uses.
    const RTCPeerConnection = function construct(config?: RTCConfiguration) {
      return open(config)
    } as unknown as WebRtcImplementation['RTCPeerConnection']
    this.wrtc = { RTCPeerConnection }
  }

  get open(): FakePeerConnection[] {
    return this.connections.filter(({ connectionState }) => connectionState !== 'closed')
  }

  /** Cuts every path of this machine; {@link heal} brings them back. */
  cut(): void {
    if (!this.isOnline) return
    this.isOnline = false
    this.#look()
  }

  heal(): void {
    if (this.isOnline) return
    this.isOnline = true
    this.#look()
  }

  /** Changes the address: paths need new ICE credentials. */
  move(): void {
    this.address++
    this.#look()
  }

  /** Kills the process: nothing leaves it any more. */
  kill(): void {
    this.isDead = true
    this.#look()
  }

  #look(): void {
    for (const connection of [...this.net.connections]) connection.look()
  }
}

export class FakeTrack extends EventTarget {
  readonly kind: 'audio' | 'video'
  readonly id: string
  readyState: 'live' | 'ended' = 'live'
  contentHint = ''
  height: number | undefined

  constructor(kind: 'audio' | 'video', id: string) {
    super()
    this.kind = kind
    this.id = id
  }

  getSettings(): { height?: number } {
    return this.height === undefined ? {} : { height: this.height }
  }

  stop(): void {
    this.readyState = 'ended'
  }
}

export class FakeStream {
  readonly id: string
  tracks: FakeTrack[]

  constructor(id: string, tracks: FakeTrack[] = []) {
    this.id = id
    this.tracks = tracks
  }

  getTracks(): FakeTrack[] {
    return [...this.tracks]
  }
}

let made = 0

/** A stream with new tracks, as `MediaStream` where the type is wanted. */
export function newStream(...kinds: Array<'audio' | 'video'>): MediaStream & FakeStream {
  const id = `stream-${++made}`
  const tracks = kinds.map((kind, index) => new FakeTrack(kind, `${id}-${kind}-${index}`))
  return new FakeStream(id, tracks) as unknown as MediaStream & FakeStream
}

class FakeTransceiver {
  readonly kind: 'audio' | 'video'
  mid: string | null = null
  direction: RTCRtpTransceiverDirection
  currentDirection: RTCRtpTransceiverDirection | null = null
  streams: FakeStream[]
  readonly codecPreferences: unknown[] = []
  /** Header extensions for the next offer, as in Chromium; undefined in an implementation that has no control of them. */
  readonly extensions: Array<{ uri: string; direction: string }> | undefined
  /** Those of the last description. */
  negotiated: Array<{ uri: string; direction: string }> = []
  readonly receiver: { track: FakeTrack }
  readonly sender: {
    track: FakeTrack | null
    replaceTrack(track: FakeTrack | null): Promise<void>
    setStreams(...streams: FakeStream[]): void
    getParameters(): { encodings: object[] }
    setParameters(parameters: { encodings: object[] }): Promise<void>
  }
  encodings: object[]

  constructor(
    connection: FakePeerConnection,
    kind: 'audio' | 'video',
    { direction = 'sendrecv', streams = [], sendEncodings = [{}] }: RTCRtpTransceiverInit = {},
    track: FakeTrack | null = null,
  ) {
    this.kind = kind
    this.direction = direction
    this.streams = streams as unknown as FakeStream[]
    this.encodings = sendEncodings
    if (connection.machine.controlsExtensions) {
      this.extensions = ['mid', 'video-timing'].map(name => ({
        uri: `http://www.webrtc.org/experiments/rtp-hdrext/${name}`,
        direction: 'sendrecv',
      }))
      Object.assign(this, {
        getNegotiatedHeaderExtensions: () => this.negotiated,
        getHeaderExtensionsToNegotiate: () => this.extensions!.map(extension => ({ ...extension })),
        setHeaderExtensionsToNegotiate: (next: Array<{ uri: string; direction: string }>) =>
          void this.extensions!.splice(0, Infinity, ...next),
      })
    }
    this.receiver = { track: new FakeTrack(kind, `remote-${++made}`) }
    this.sender = {
      track,
      replaceTrack: async next => {
        await connection.pretend('replaceTrack')
        this.sender.track = next
      },
      setStreams: (...next) => void (this.streams = next),
      getParameters: () => ({ encodings: this.encodings.map(encoding => ({ ...encoding })) }),
      setParameters: async ({ encodings }) => {
        await connection.pretend('setParameters')
        this.encodings = encodings
      },
    }
  }

  setCodecPreferences(codecs: unknown[]): void {
    this.codecPreferences.splice(0, Infinity, ...codecs)
  }
}

interface Section {
  mid: string
  kind: string
  direction: string
  msid: string | undefined
  track: string | undefined
}

export class FakePeerConnection extends EventTarget {
  readonly machine: FakeMachine
  readonly config: RTCConfiguration
  readonly fingerprint: string
  readonly channels: FakeRtcChannel[] = []
  readonly transceivers: FakeTransceiver[] = []
  connectionState: RTCPeerConnectionState = 'new'
  iceConnectionState: RTCIceConnectionState = 'new'
  iceGatheringState = 'new'
  signalingState: RTCSignalingState = 'stable'
  /** How often a description was read from outside. */
  descriptionReads = 0
  #localDescription: RTCSessionDescriptionInit | null = null
  #remoteDescription: RTCSessionDescriptionInit | null = null
  /** Candidates that were added. */
  candidates: RTCIceCandidateInit[] = []
  #stable: { local: RTCSessionDescriptionInit | null; ufrag: string } = { local: null, ufrag: '' }
  #ufrag = ''
  #nextUfrag = ''
  #isDataLost = false
  #lastMid = 0
  #deadline: Timer | undefined
  #remote: FakePeerConnection | undefined
  /** The addresses of both ends when the path was found. */
  #path: { own: number; other: number } | undefined
  #isChecking = false
  #streams = new Map<string, FakeStream>()
  #figures = { at: 0, bytes: 0 }

  constructor(machine: FakeMachine, config: RTCConfiguration = {}) {
    super()
    this.config = config
    if (machine.misbehave('constructor', undefined) !== undefined) throw new Error('no more connections')
    this.machine = machine
    this.fingerprint = toHex(machine.net.env.randomBytes(32)).toUpperCase().match(/../g)?.join(':') ?? ''
    machine.connections.push(this)
    machine.net.connections.push(this)
  }

  get localDescription(): RTCSessionDescriptionInit | null {
    this.descriptionReads++
    return this.#localDescription
  }

  get remoteDescription(): RTCSessionDescriptionInit | null {
    this.descriptionReads++
    return this.#remoteDescription
  }

  get sctp(): { state: string } | null {
    return this.channels.length > 0 ? { state: this.connectionState === 'connected' ? 'connected' : 'connecting' } : null
  }

  get remote(): FakePeerConnection | undefined {
    return this.#remote
  }

  /** @internal Takes a moment of time, or does what {@link FakeMachine.misbehave} says. */
  async pretend(method: Method): Promise<void> {
    await sleep(this.machine.net.env, 1)
    const what = this.machine.misbehave(method, this)
    if (what === 'hangs') await new Promise<never>(() => {})
    if (what !== undefined) throw new Error(`${method} was refused`)
  }

  #mayUse(): void {
    if (this.connectionState === 'closed') throw new DOMException('the connection is closed', 'InvalidStateError')
  }

  #sync(method: Method): void {
    this.#mayUse()
    if (this.machine.misbehave(method, this) !== undefined) throw new Error(`${method} was refused`)
  }

  async #async(method: Method): Promise<void> {
    this.#mayUse()
    await this.pretend(method)
    if (this.connectionState === 'closed') await new Promise<never>(() => {}) // as Chromium does
  }

  createDataChannel(label: string): FakeRtcChannel {
    this.#sync('createDataChannel')
    const channel = new FakeRtcChannel(this, label)
    this.channels.push(channel)
    if (this.works) this.introduce()
    return channel
  }

  addTransceiver(trackOrKind: FakeTrack | 'audio' | 'video', init?: RTCRtpTransceiverInit): FakeTransceiver {
    this.#sync('addTransceiver')
    const track = typeof trackOrKind === 'string' ? null : trackOrKind
    const kind = typeof trackOrKind === 'string' ? trackOrKind : trackOrKind.kind
    const transceiver = new FakeTransceiver(this, kind, init, track)
    this.transceivers.push(transceiver)
    return transceiver
  }

  getTransceivers(): FakeTransceiver[] {
    return [...this.transceivers]
  }

  async createOffer({ iceRestart = false } = {}): Promise<RTCSessionDescriptionInit> {
    await this.#async('createOffer')
    this.#nextUfrag = this.#ufrag === '' || iceRestart ? toHex(this.machine.net.env.randomBytes(6)) : this.#ufrag
    for (const transceiver of this.transceivers) transceiver.mid ??= this.#freeMid()
    return { type: 'offer', sdp: this.#describe('actpass') }
  }

  async createAnswer(): Promise<RTCSessionDescriptionInit> {
    await this.#async('createAnswer')
    const offer = this.#remoteDescription?.sdp ?? ''
    const isNew = this.#remoteUfragAtAnswer !== ufragOf(offer)
    this.#remoteUfragAtAnswer = ufragOf(offer)
    this.#nextUfrag = this.#ufrag === '' || isNew ? toHex(this.machine.net.env.randomBytes(6)) : this.#ufrag
    return { type: 'answer', sdp: this.#describe(/^a=setup:active/m.test(offer) ? 'passive' : 'active') }
  }

  #remoteUfragAtAnswer = ''

  async setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    await this.#async('setLocalDescription')
    const { net } = this.machine
    if (description.type === 'rollback') {
      if (this.signalingState !== 'have-local-offer') throw new DOMException('nothing to roll back', 'InvalidStateError')
      this.#localDescription = this.#stable.local
      this.#ufrag = this.#stable.ufrag
      this.signalingState = 'stable'
      this.#dropNewSections()
      return
    }
    const wanted = description.type === 'offer' ? 'stable' : 'have-remote-offer'
    const isRepeated = description.type === 'offer' && this.signalingState === 'have-local-offer'
    if (this.signalingState !== wanted && !isRepeated)
      throw new DOMException(`cannot set a local ${description.type} in ${this.signalingState}`, 'InvalidStateError')
    if (!isRepeated) this.#stable = { local: this.#localDescription, ufrag: this.#ufrag }
    const isGathering = this.#nextUfrag !== this.#ufrag
    this.#ufrag = this.#nextUfrag
    net.byUfrag.set(this.#ufrag, this)
    this.#localDescription = description
    this.signalingState = description.type === 'offer' ? 'have-local-offer' : 'stable'
    if (isGathering) this.#gather(this.#ufrag)
    if (this.signalingState === 'stable') this.#settled()
  }

  /** Chromium 156 and @roamhq/wrtc 0.10.0 forget the sections of an offer that is rolled back: tracks get other numbers, channels have no section again. */
  #dropNewSections(): void {
    const kept = new Set(sectionsOf(this.#localDescription?.sdp ?? '').map(({ mid }) => mid))
    if (this.channels.length > 0 && !kept.has('data')) this.#isDataLost = true
    for (const transceiver of this.transceivers)
      if (transceiver.mid !== null && !kept.has(transceiver.mid)) transceiver.mid = null
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    await this.#async('setRemoteDescription')
    const wanted = description.type === 'offer' ? ['stable', 'have-remote-offer'] : ['have-local-offer']
    if (!wanted.includes(this.signalingState))
      throw new DOMException(`cannot set a remote ${description.type} in ${this.signalingState}`, 'InvalidStateError')
    const sections = sectionsOf(description.sdp ?? '')
    if (sections.length === 0) throw new DOMException('not a description', 'OperationError')
    if (ufragOf(this.#remoteDescription?.sdp ?? '') !== ufragOf(description.sdp ?? '')) this.candidates = []
    this.#remoteDescription = description
    this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable'
    const offerer = this.machine.net.byUfrag.get(ufragOf(description.sdp ?? ''))
    if (description.type === 'offer' && offerer !== undefined) this.machine.applied.push(offerer)
    if (description.type === 'offer') this.#receive(sections)
    if (this.signalingState === 'stable') this.#settled()
  }

  async addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    this.#mayUse()
    if (this.#remoteDescription === null) throw new DOMException('no remote description', 'InvalidStateError')
    await this.pretend('addIceCandidate')
    const ufrag = candidate.usernameFragment
    if (ufrag !== undefined && ufrag !== ufragOf(this.#remoteDescription.sdp ?? ''))
      throw new DOMException('a candidate of another description', 'OperationError')
    this.candidates.push(candidate)
    this.look()
  }

  async getStats(): Promise<Map<string, object>> {
    await this.#async('getStats')
    const now = this.machine.net.env.now()
    if (this.works && this.#isFlowing()) this.#figures.bytes += TRACK_RATE * (now - this.#figures.at)
    this.#figures.at = now
    const common = { timestamp: now, kind: 'video' }
    const { bytes } = this.#figures
    return new Map<string, object>([
      ['P', { id: 'P', type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.02 }],
      ['I', { ...common, id: 'I', type: 'inbound-rtp', bytesReceived: bytes, framesDecoded: Math.floor(bytes / 2_000) }],
      ['D', { id: 'D', type: 'data-channel', bytesReceived: this.channels.reduce((sum, { received }) => sum + received, 0) }],
    ])
  }

  close(): void {
    if (this.connectionState === 'closed') return
    const remote = this.works ? this.#remote : undefined
    this.connectionState = 'closed'
    this.iceConnectionState = 'closed'
    this.signalingState = 'closed'
    this.#deadline?.cancel()
    for (const channel of this.channels) channel.end()
    if (remote !== undefined)
      this.machine.net.env.timer(this.machine.net.latency, () => {
        if (remote.#remote !== this) return
        for (const channel of remote.channels) channel.end()
        remote.look()
      })
  }

  /** Whether bytes arrive at the other end. */
  get works(): boolean {
    const other = this.#remote
    if (other === undefined || this.#path === undefined) return false
    const reaches = this.#reaches(other) && [this, other].every(end => !['closed', 'failed'].includes(end.connectionState))
    return reaches && this.#path.own === this.machine.address && this.#path.other === other.machine.address
  }

  /** @internal The path may have changed. */
  look(): void {
    if (this.connectionState === 'closed') return
    if (this.works) {
      this.#deadline?.cancel()
      if (this.connectionState !== 'connected' && this.connectionState !== 'failed') this.#turn('connected')
      for (const channel of this.channels) channel.flush()
      return
    }
    if (this.#path !== undefined && this.connectionState === 'connected') {
      this.#deadline?.cancel()
      this.#deadline = this.machine.net.env.timer(DISCONNECTED_AFTER, () => {
        if (this.works) return
        this.#turn('disconnected')
        this.#deadline = this.machine.net.env.timer(FAILED_AFTER - DISCONNECTED_AFTER, () => this.#turn('failed'))
      })
    }
    this.#check()
  }

  /** Opens the channels at both ends. */
  introduce(): void {
    const { env, latency } = this.machine.net
    for (const channel of this.channels) {
      if (channel.twin !== undefined || channel.readyState === 'closed') continue
      env.timer(latency, () => {
        const other = this.#remote
        if (other === undefined || !this.works || channel.twin !== undefined || channel.readyState === 'closed') return
        const twin = new FakeRtcChannel(other, channel.label)
        other.channels.push(twin)
        channel.twin = twin
        twin.twin = channel
        twin.open()
        other.dispatchEvent(Object.assign(new Event('datachannel'), { channel: twin }))
        env.timer(latency, () => channel.open())
      })
    }
  }

  #turn(state: RTCPeerConnectionState): void {
    if (this.connectionState === state || this.connectionState === 'closed') return
    this.connectionState = state
    this.iceConnectionState = state === 'connecting' ? 'checking' : (state as RTCIceConnectionState)
    this.dispatchEvent(new Event('iceconnectionstatechange'))
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  #reaches(other: FakePeerConnection): boolean {
    return [this.machine, other.machine].every(({ isOnline, isDead }) => isOnline && !isDead)
  }

  #settled(): void {
    for (const transceiver of this.transceivers) {
      const isRefused = !/^(?:sendrecv|recvonly)$/.test(this.#remoteDirection(transceiver))
      transceiver.negotiated = [...(transceiver.extensions ?? [])]
      transceiver.currentDirection = transceiver.direction === 'sendonly' && isRefused ? 'inactive' : transceiver.direction
    }
    if (this.connectionState === 'new') {
      this.#turn('connecting')
      this.#deadline = this.machine.net.env.timer(CONNECT_TIMEOUT, () => this.#turn('failed'))
    }
    this.#check()
    this.#remote?.look()
  }

  #remoteDirection({ mid }: FakeTransceiver): string {
    return sectionsOf(this.#remoteDescription?.sdp ?? '').find(section => section.mid === mid)?.direction ?? 'inactive'
  }

  /** Finds a path when both descriptions name each other and one end knows a candidate of the other. */
  #check(): void {
    const other = this.machine.net.byUfrag.get(ufragOf(this.#remoteDescription?.sdp ?? ''))
    if (other === undefined || this.#isChecking || !this.#namesEachOther(other)) return
    if (this.candidates.length + other.candidates.length === 0) return
    this.#isChecking = true
    this.machine.net.env.timer(2 * this.machine.net.latency, () => {
      this.#isChecking = false
      if (!this.#namesEachOther(other) || !this.#reaches(other)) return
      const wasUp = this.works && this.#remote === other
      const isRestart = this.#path !== undefined
      const pair = [this.#ufrag, other.#ufrag].toSorted().join()
      if (isRestart && this.#pair === pair) return // these credentials have had their path
      for (const [end, its] of [
        [this, other],
        [other, this],
      ] as const) {
        end.#pair = pair
        end.#remote = its
        end.#path = { own: end.machine.address, other: its.machine.address }
        end.#deadline?.cancel()
        if (wasUp) continue
        end.#figures.at = this.machine.net.env.now()
      }
      const isTrusted = (end: FakePeerConnection, its: FakePeerConnection) =>
        end.#remoteDescription?.sdp?.includes(its.fingerprint) === true
      if (!isTrusted(this, other) || !isTrusted(other, this)) return [this, other].forEach(end => end.#turn('failed'))
      for (const end of [other, this]) {
        end.#turn('connected')
        end.introduce()
        for (const channel of end.channels) channel.flush()
      }
    })
  }

  #pair = ''

  #namesEachOther(other: FakePeerConnection): boolean {
    const areStable = [this, other].every(
      ({ signalingState, connectionState }) => signalingState === 'stable' && connectionState !== 'closed',
    )
    return (
      areStable &&
      ufragOf(this.#remoteDescription?.sdp ?? '') === other.#ufrag &&
      ufragOf(other.#remoteDescription?.sdp ?? '') === this.#ufrag
    )
  }

  #isFlowing(): boolean {
    const other = this.#remote
    return (
      other?.transceivers.some(({ sender, currentDirection }) => sender.track !== null && currentDirection === 'sendonly') ===
      true
    )
  }

  /** Tracks of an offer. */
  #receive(sections: Section[]): void {
    for (const { mid, kind, direction, msid, track } of sections) {
      if (kind === 'application') continue
      let transceiver = this.transceivers.find(other => other.mid === mid)
      if (transceiver === undefined) {
        transceiver = new FakeTransceiver(this, kind === 'video' ? 'video' : 'audio', { direction: 'recvonly' })
        transceiver.mid = mid
        this.transceivers.push(transceiver)
      }
      const isSent = direction === 'sendonly' || direction === 'sendrecv'
      transceiver.direction = isSent ? 'recvonly' : 'inactive'
      const receiver = transceiver.receiver
      for (const stream of this.#streams.values())
        if (stream.id !== msid || !isSent) stream.tracks = stream.tracks.filter(own => own !== receiver.track)
      for (const [id, { tracks }] of this.#streams) if (tracks.length === 0) this.#streams.delete(id)
      if (!isSent || msid === undefined || track === undefined) continue
      const stream = this.#streams.get(msid) ?? new FakeStream(msid)
      this.#streams.set(msid, stream)
      if (stream.tracks.includes(receiver.track)) continue
      stream.tracks.push(receiver.track)
      this.dispatchEvent(Object.assign(new Event('track'), { track: receiver.track, streams: [stream], transceiver }))
    }
  }

  #gather(ufrag: string): void {
    const candidate = {
      candidate: `candidate:1 1 udp 2122260223 192.0.2.${1 + (this.machine.address % 250)} 40712 typ host`,
      sdpMid: '0',
      sdpMLineIndex: 0,
      usernameFragment: ufrag,
    }
    this.machine.net.env.timer(1, () => {
      if (this.connectionState !== 'closed' && this.#ufrag === ufrag)
        this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }))
    })
  }

  #freeMid(): string {
    this.#lastMid = 1 + Math.max(this.#lastMid, ...this.transceivers.map(({ mid }) => Number(mid ?? 0)))
    return String(this.#lastMid)
  }

  #describe(setup: string): string {
    const transport = [
      `a=ice-ufrag:${this.#nextUfrag}`,
      `a=ice-pwd:${this.#nextUfrag.repeat(2)}`,
      `a=fingerprint:sha-256 ${this.fingerprint}`,
      `a=setup:${setup}`,
    ]
    const offered = sectionsOf(this.#remoteDescription?.sdp ?? '')
    const hasData =
      (this.channels.length > 0 && !this.#isDataLost) ||
      (setup !== 'actpass' && offered.some(({ kind }) => kind === 'application'))
    const media = this.transceivers
      .filter(({ mid }) => mid !== null)
      .toSorted((a, b) => Number(a.mid) - Number(b.mid))
      .flatMap(({ mid, kind, direction, streams: [stream], sender }) => [
        `m=${kind} 9 UDP/TLS/RTP/SAVPF ${kind === 'audio' ? '111' : '96'}`,
        'c=IN IP4 0.0.0.0',
        `a=mid:${mid}`,
        `a=${direction}`,
        ...(direction === 'sendonly' ? [`a=msid:${stream?.id ?? '-'} ${sender.track?.id ?? 'none'}`] : []),
        ...transport,
      ])
    const data = hasData
      ? ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:data', ...transport, 'a=sctp-port:5000']
      : []
    return `${['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', ...data, ...media].join('\r\n')}\r\n`
  }
}

export class FakeRtcChannel extends EventTarget {
  readonly label: string
  readyState: RTCDataChannelState = 'connecting'
  binaryType = 'blob'
  bufferedAmountLowThreshold = 0
  bufferedAmount = 0
  received = 0
  /** Messages stay in the buffer. */
  isHeld = false
  /** @internal */
  twin: FakeRtcChannel | undefined
  readonly #owner: FakePeerConnection
  #waiting: Array<string | ArrayBuffer> = []

  constructor(owner: FakePeerConnection, label: string) {
    super()
    this.#owner = owner
    this.label = label
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState !== 'open') throw new DOMException('the channel is not open', 'InvalidStateError')
    const copy =
      typeof data === 'string'
        ? data
        : ArrayBuffer.isView(data)
          ? (data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer)
          : data.slice(0)
    this.bufferedAmount += sizeOf(copy)
    this.#waiting.push(copy)
    this.flush()
  }

  close(): void {
    this.end()
    const { twin } = this
    if (twin !== undefined) this.#owner.machine.net.env.timer(this.#owner.machine.net.latency, () => twin.end())
  }

  /** @internal */
  open(): void {
    if (this.readyState !== 'connecting') return
    this.readyState = 'open'
    this.dispatchEvent(new Event('open'))
  }

  /** @internal Closes this end. */
  end(): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.#owner.machine.net.env.timer(0, () => this.dispatchEvent(new Event('close')))
  }

  /** @internal Sends what waits, if the path works. */
  flush(): void {
    const { twin } = this
    if (twin === undefined || this.isHeld || !this.#owner.works || this.readyState !== 'open') return
    for (const data of this.#waiting.splice(0))
      this.#owner.machine.net.env.timer(this.#owner.machine.net.latency, () => {
        const before = this.bufferedAmount
        this.bufferedAmount -= sizeOf(data)
        if (before > this.bufferedAmountLowThreshold && this.bufferedAmount <= this.bufferedAmountLowThreshold)
          this.dispatchEvent(new Event('bufferedamountlow'))
        if (twin.readyState === 'closed') return
        twin.open()
        twin.received += sizeOf(data)
        twin.dispatchEvent(Object.assign(new Event('message'), { data }))
      })
  }
}

function sizeOf(data: string | ArrayBuffer): number {
  return typeof data === 'string' ? new TextEncoder().encode(data).byteLength : data.byteLength
}

function ufragOf(sdp: string): string {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? ''
}

function sectionsOf(sdp: string): Section[] {
  return sdp
    .split(/^(?=m=)/m)
    .filter(text => text.startsWith('m='))
    .map(text => {
      const [, msid, track] = /^a=msid:(\S+) (\S+)/m.exec(text) ?? []
      return {
        kind: /^m=(\w+)/.exec(text)?.[1] ?? '',
        mid: /^a=mid:(\S+)/m.exec(text)?.[1] ?? '',
        direction: /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(text)?.[1] ?? 'sendrecv',
        msid,
        track,
      }
    })
}
