/** Meets others under a topic, without a torrent: tracker URLs and an info hash in, peers and message channels out. */
import { readMaxMessageSize } from '../channel/message-size.js'
import type { DataConnection } from '../channel/data-connection.js'
import { Peer } from '../channel/peer.js'
import { checkFlag, checkIceServers, checkNames, checkNumber, invalid } from '../core/arguments.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { isId, parseInfoHash, randomId, toId, type Id } from '../core/id.js'
import { enableLog } from '../core/log.js'
import { parseSdp } from '../core/sdp.js'
import { checkImplementation } from '../engine/find-engine.js'
import { PUBLIC_ICE_SERVERS } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import { LEAVE_GRACE } from '../peer/remote-peer.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Swarm } from '../swarm/swarm.js'
import { Station } from '../swarm/station.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import { Room } from './room.js'

export interface TrackerClientOptions {
  /** Switch the `swarmlink:*` log on. @default false */
  debug?: boolean
  /** Peers that one announcement asks a tracker for at most. @default 50 */
  numwant?: number
  /** The first gap between announcements, in milliseconds. @default 5_000 */
  announceInterval?: number
  /** The largest gap between announcements, in milliseconds. @default 120_000 */
  maxAnnounceInterval?: number
  /** What the gap is multiplied by from announcement to announcement. @default 1.1 */
  backoffMultiplier?: number
  /** @default three public STUN servers */
  iceServers?: RTCIceServer[]
  /** @default 6881 */
  port?: number
  /** @default 50 */
  maxPeers?: number
  /** The largest message in bytes that we take; one from a peer that does not run swarmlink has 256 KiB at most. @default 16 MiB */
  maxMessageSize?: number
  /** Which WebRTC to use. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The key that proves who we are. @default a new one that lives as long as the process */
  credentials?: Credentials | CredentialStore
}

export interface TrackerClientEvents {
  /** The first offer is gathered. */
  ready: []
  /** A peer is connected; `connection` with the same connection follows. */
  peer: [{ id: string; peer: Peer; source: 'tracker' }]
  /**
   * A message channel to a peer; its `connect` follows. With a peer that does not run swarmlink it carries plain JSON text: no
   * requests, no streams, no message above 256 KiB.
   */
  connection: [DataConnection]
  'peer-disconnected': [{ id: string }]
  /** It could not be connected to, or went before it had a message channel. */
  'peer-failed': [{ id: string; error: SwarmlinkError }]
  update: [{ complete: number; incomplete: number }]
  error: [SwarmlinkError]
  /** No tracker is connected any more. Unless `disconnect()` was called, dialling goes on. */
  close: []
}

/**
 * Announces one topic on any number of trackers and connects to everybody there.
 *
 * @example
 * const tracker = new TrackerClient(['wss://tracker.example'], topicOf('my-app'))
 * tracker.on('connection', connection => {
 *   connection.on('connect', () => connection.send({ type: 'handshake' }))
 *   connection.on('data', message => console.log(connection.remotePeerId, message))
 * })
 * await tracker.connect()
 */
export class TrackerClient extends Emitter<TrackerClientEvents> implements AsyncDisposable {
  /** What the trackers and the others call us: 40 hex characters. */
  readonly peerId: Id
  readonly infoHash: Id
  readonly #options: TrackerClientOptions
  readonly #urls: string[]
  readonly #env = systemEnv
  readonly #room: Room
  readonly #stop = new AbortController()
  readonly #peers = new Map<TopicPeer, Peer>()
  #swarm: Swarm | undefined
  #connecting: Promise<void> | undefined
  #disconnecting: Promise<void> | undefined
  #open = 0

  /** `peerId` may be any text: one that is not 20 bytes is hashed to 20. */
  constructor(urls: string | string[], infoHash: string, peerId?: string, options: TrackerClientOptions = {}) {
    super()
    // An empty one would be the same for everybody who leaves it empty, and nobody meets who is called like oneself.
    if (peerId !== undefined && (typeof peerId !== 'string' || peerId === ''))
      throw invalid('the third argument', 'a text, the peer id (options are the fourth)', peerId)
    checkOptions(options)
    this.infoHash = parseInfoHash(infoHash)
    this.peerId = peerId === undefined ? randomId(this.#env) : toId(peerId)
    this.#options = options
    const { wrtc, credentials, iceServers = PUBLIC_ICE_SERVERS } = options
    const station = new Station({ env: this.#env, announceId: this.peerId, rtcConfig: { iceServers }, wrtc, credentials })
    this.#room = new Room({ station, warn: error => this.emit('error', error) })
    this.#urls = [...new Set([urls].flat().map(url => this.#room.trackers.get(url).name))] // refuses here what is no tracker
    if (this.#urls.length === 0)
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'a TrackerClient needs at least one tracker URL')
    if (options.debug === true) enableLog()
  }

  /** The peers that are connected. */
  get peers(): Peer[] {
    return [...this.#peers.values()]
  }

  /** Resolves once a tracker is connected; rejects when none can be on the first try (dialling goes on all the same). */
  connect(): Promise<void> {
    if (this.#disconnecting !== undefined)
      return Promise.reject(new SwarmlinkError('ERR_CLOSED', 'this TrackerClient was disconnected; make a new one'))
    if (this.#connecting === undefined) {
      this.#connecting = this.#connect()
      // Those who do not wait for it hear of it all the same; a tracker that is away has its own event.
      this.#connecting.catch((error: SwarmlinkError) => {
        if (error.code !== 'ERR_TRACKER_LINK' && error.code !== 'ERR_CLOSED') this.emit('error', error)
      })
    }
    return this.#connecting
  }

  /** Tells the trackers that we stop, closes every peer, and returns when nothing is left. */
  disconnect(): Promise<void> {
    this.#disconnecting ??= this.#disconnect()
    return this.#disconnecting
  }

  /** Answers an offer on the application's own account, through every tracker that is connected. */
  sendAnswer(offerId: string, peerId: string, answer: { type: 'answer'; sdp: string }): void {
    if (!isId(offerId) || !isId(peerId))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'offer ids and peer ids are 40 hex characters')
    const { text } = parseSdp(answer.sdp)
    for (const signaling of this.#swarm?.signalings ?? [])
      signaling.answer({ topic: this.infoHash, from: this.peerId, to: peerId, offerId, sdp: text })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect()
  }

  async #connect(): Promise<void> {
    await this.#room.open()
    if (this.#stop.signal.aborted) return
    this.#swarm = this.#join()
    void this.#prepare()
    await this.#firstTracker(this.#swarm)
  }

  async #disconnect(): Promise<void> {
    this.#stop.abort()
    await this.#room.close()
    await this.#connecting?.catch(() => {}) // whoever called connect() heard of it
    this.emit('close')
  }

  #join(): Swarm {
    const { numwant = SWARM_DEFAULTS.numwant, port = SWARM_DEFAULTS.port } = this.#options
    const pace = {
      announceInterval: this.#options.announceInterval ?? SWARM_DEFAULTS.announceInterval,
      maxAnnounceInterval: this.#options.maxAnnounceInterval ?? SWARM_DEFAULTS.maxAnnounceInterval,
      backoffMultiplier: this.#options.backoffMultiplier ?? SWARM_DEFAULTS.backoffMultiplier,
      refreshInterval: Number.POSITIVE_INFINITY, // the gaps grow to the largest
    }
    const swarm = this.#room.join({
      topic: this.infoHash,
      limits: { ...pace, maxPeers: this.#options.maxPeers ?? SWARM_DEFAULTS.maxPeers },
      numwant,
      port,
      nameOf: ({ announceId }) => announceId,
      maxMessageSize: readMaxMessageSize(this.#options.maxMessageSize),
      plain: true,
    })
    swarm.on('connection', (connection, remote) => {
      const peer = new Peer(connection)
      this.#peers.set(remote, peer)
      connection.on('close', () => {
        // Without a torrent there is nothing else on it. Whom the application turned away is not met again at once.
        if (remote.state !== 'closed') swarm.avoid(remote)
        if (!connection.closedHere) return remote.destroy()
        // The last messages may still be on their way; whoever got them all closes its side.
        const timer = this.#env.timer(LEAVE_GRACE, () => remote.destroy())
        remote.on('close', () => timer.cancel())
      })
      this.emit('peer', { id: remote.remote.announceId, peer, source: 'tracker' })
      this.emit('connection', connection)
    })
    swarm.on('lost', (remote, cause) => {
      const id = remote.remote.announceId
      if (this.#peers.delete(remote)) return this.emit('peer-disconnected', { id })
      const error = cause ?? new SwarmlinkError('ERR_CLOSED', 'the peer went before it had a message channel')
      return this.emit('peer-failed', { id, error })
    })
    swarm.on('failed', failure => this.emit('peer-failed', failure))
    swarm.on('counts', (_tracker, counts) => this.emit('update', counts))
    return swarm
  }

  async #prepare(): Promise<void> {
    if (await this.#room.gathered(this.#stop.signal)) this.emit('ready')
  }

  #firstTracker(swarm: Swarm): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = new Set<string>()
      for (const url of this.#urls) {
        const tracker = this.#room.trackers.get(url)
        let open = false
        tracker.on('state', state => {
          if (state === 'open') resolve()
          if (state === 'waiting') failed.add(url)
          if (failed.size === this.#urls.length)
            reject(new SwarmlinkError('ERR_TRACKER_LINK', `no tracker can be reached: ${this.#urls.join(', ')}; trying again`))
          if (open !== (state === 'open')) this.#count(state === 'open')
          open = state === 'open'
        })
        swarm.attach(tracker)
      }
      this.#stop.signal.addEventListener('abort', () =>
        reject(new SwarmlinkError('ERR_CLOSED', 'disconnected before a tracker was reached')),
      )
    })
  }

  #count(opened: boolean): void {
    this.#open += opened ? 1 : -1
    if (this.#open === 0 && this.#disconnecting === undefined) this.emit('close')
  }
}

const NUMBERS: Record<string, { least?: number; whole?: boolean }> = {
  numwant: { whole: true },
  announceInterval: { least: 100 },
  maxAnnounceInterval: { least: 100 },
  backoffMultiplier: { least: 1 },
  port: { whole: true },
  maxPeers: { whole: true },
}

function checkOptions(options: TrackerClientOptions): void {
  checkNames(options, [...Object.keys(NUMBERS), 'debug', 'iceServers', 'maxMessageSize', 'wrtc', 'credentials'])
  for (const [name, value] of Object.entries(options))
    if (NUMBERS[name] !== undefined && value !== undefined) checkNumber(name, value, NUMBERS[name])
  readMaxMessageSize(options.maxMessageSize)
  checkFlag('debug', options.debug)
  if (options.iceServers !== undefined) checkIceServers('iceServers', options.iceServers)
  if (options.wrtc !== undefined) checkImplementation(options.wrtc)
}
