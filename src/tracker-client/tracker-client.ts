/** Finds the peers of one info hash on trackers, without a torrent, and gives each a message channel: the API of the ActionNet library. */
import { claimed } from '../channel/messages/claimed-type.js'
import type { DataConnection } from '../channel/messages/data-connection.js'
import type { Message, Sendable } from '../channel/messages/messenger.js'
import { Peer } from '../channel/standalone/peer.js'
import { invalid } from '../core/arguments.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { isId, parseInfoHash, randomId, toId, type Id } from '../core/id.js'
import { enableLog } from '../core/log.js'
import { parseSdp } from '../core/sdp.js'
import { LEAVE_GRACE } from '../peer/remote-peer.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import { type Tracker, validateTrackerUrl } from '../signaling/tracker/tracker.js'
import type { Swarm } from '../swarm/swarm.js'
import { SharedRuntime } from '../swarm/shared-runtime.js'
import { Room } from '../room/room.js'
import { readTrackerClientOptions, type TrackerClientOptions, type TrackerClientSettings } from './tracker-client-options.js'

/**
 * The peer of an event. `id` is the `remotePeerId` of its connection: the peer id; or the announce id of a stock peer, and of a peer that
 * disconnected before its identity was known. `announceId` is the id of its session, as trackers see it.
 */
export interface TrackerClientPeer {
  id: string
  announceId: string
}

/** The events of a {@link TrackerClient}. */
export interface TrackerClientEvents<Received = Message, Sent = Sendable> {
  /** The first offer is gathered. */
  ready: []
  /** A peer is connected; `connection` with the same connection follows. */
  peer: [TrackerClientPeer & { peer: Peer<Received, Sent>; source: 'tracker' }]
  /**
   * A message channel to a peer; its `connect` follows. With a stock peer it carries plain JSON text: no requests, no streams, no message
   * above 256 KiB.
   */
  connection: [DataConnection<Received, Sent>]
  /** A connected peer is gone. */
  'peer-disconnected': [TrackerClientPeer]
  /** A peer could not be connected, or disconnected before it had a message channel. */
  'peer-failed': [TrackerClientPeer & { error: SwarmlinkError }]
  /** How many seeders and leechers a tracker counts for the topic. */
  update: [{ complete: number; incomplete: number }]
  /** Something did not work; the rest goes on. */
  error: [SwarmlinkError]
  /** No tracker is connected any more. Unless `disconnect()` was called, the client goes on dialling. */
  close: []
}

/**
 * Announces one topic to any number of trackers and connects to the peers that they name.
 *
 * @example
 * const tracker = new TrackerClient(['wss://tracker.example'], topicOf('my-app'))
 * tracker.on('connection', connection => {
 *   connection.on('connect', () => connection.send({ type: 'handshake' }))
 *   connection.on('data', message => console.log(connection.remotePeerId, message))
 * })
 * await tracker.connect()
 */
export class TrackerClient<Received = Message, Sent = Sendable>
  extends Emitter<TrackerClientEvents<Received, Sent>>
  implements AsyncDisposable
{
  /** The id of this session, as trackers and stock peers see it: 40 hex characters. */
  readonly announceId: Id
  /** The topic: 40 hex characters. */
  readonly infoHash: Id
  readonly #settings: TrackerClientSettings
  readonly #trackers: Tracker[]
  readonly #room: Room
  readonly #stop = new AbortController()
  readonly #peers = new Map<TopicPeer, Peer<Received, Sent>>()
  #swarm: Swarm | undefined
  #connecting: Promise<void> | undefined
  #disconnecting: Promise<void> | undefined
  #open = 0

  /**
   * `announceId` is random unless given. It may be any text: one that is not 20 bytes is hashed to 20. (The ActionNet library names this
   * argument `peerId`.)
   */
  constructor(urls: string | string[], infoHash: string, announceId?: string, options: TrackerClientOptions = {}) {
    super()
    // All clients with an empty text would have the same id, and a client does not connect to its own id.
    if (announceId !== undefined && (typeof announceId !== 'string' || announceId === ''))
      throw invalid('the third argument', 'a text that is not empty, the announce id (options are the fourth)', announceId)
    const given = [...new Set([urls].flat().map(validateTrackerUrl))]
    if (given.length === 0) throw invalid('the first argument', 'one tracker URL or more', urls)
    this.infoHash = parseInfoHash(infoHash)
    this.announceId = announceId === undefined ? randomId(systemEnv) : toId(announceId)
    this.#settings = readTrackerClientOptions(options)
    const { wrtc, credentials, debug } = options
    const { rtcConfig } = this.#settings
    const runtime = new SharedRuntime({ env: systemEnv, announceId: this.announceId, rtcConfig, wrtc, credentials })
    this.#room = new Room({ runtime, warn: error => this.emit('error', error) })
    this.#trackers = given.map(url => runtime.trackers.get(url))
    if (debug === true) enableLog()
  }

  /** Our identity, which `credentials` keep across sessions: 40 hex characters, set once `connect()` found WebRTC and a key. */
  get peerId(): Id | undefined {
    return this.#room.peerId
  }

  /** The connected peers. */
  get peers(): Array<Peer<Received, Sent>> {
    return [...this.#peers.values()]
  }

  /** Resolves when a tracker is connected; rejects when the first dial of each failed (the client goes on dialling). */
  connect(): Promise<void> {
    if (this.#disconnecting !== undefined)
      return Promise.reject(new SwarmlinkError('ERR_CLOSED', 'this TrackerClient was disconnected: make a new one'))
    if (this.#connecting === undefined) {
      this.#connecting = this.#connect()
      // Callers that ignore the promise get `error`; an unreachable tracker has its own event.
      this.#connecting.catch((error: SwarmlinkError) => {
        if (error.code !== 'ERR_TRACKER_LINK' && error.code !== 'ERR_CLOSED') this.emit('error', error)
      })
    }
    return this.#connecting
  }

  /** Announces `stopped` to the trackers, closes every peer, and resolves when all are closed. */
  disconnect(): Promise<void> {
    return (this.#disconnecting ??= this.#disconnect())
  }

  /** Sends an answer that the application made itself, through every connected tracker. */
  sendAnswer(offerId: string, peerId: string, answer: { type: 'answer'; sdp: string }): void {
    if (!isId(offerId) || !isId(peerId))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'the offer id or the peer id is wrong: give 40 hex characters each')
    if (typeof answer !== 'object' || answer === null || answer.type !== 'answer' || typeof answer.sdp !== 'string')
      throw invalid('the third argument', "an answer, { type: 'answer', sdp }", answer)
    const { text } = parseSdp(answer.sdp)
    for (const signaling of this.#swarm?.signalings ?? [])
      signaling.answer({ topic: this.infoHash, from: this.announceId, to: peerId, offerId, sdp: text })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect()
  }

  async #connect(): Promise<void> {
    const connected = this.#firstTracker()
    connected.catch(() => {}) // if the room does not open, that is the error
    const cool = this.#room.trackers.warm(this.#trackers.map(({ url }) => url))
    try {
      await this.#room.open()
      if (this.#stop.signal.aborted) return
      this.#swarm = this.#join()
      for (const tracker of this.#trackers) this.#swarm.attach(tracker)
    } finally {
      cool()
    }
    void this.#prepare()
    await connected
  }

  async #disconnect(): Promise<void> {
    this.#stop.abort()
    await this.#room.close()
    await this.#connecting?.catch(() => {}) // connect() reported it
    this.emit('close')
  }

  #join(): Swarm {
    const { numwant, port, maxMessageSize, maxJsonSize } = this.#settings
    const swarm = this.#room.join({
      topic: this.infoHash,
      limits: { ...this.#settings, refreshInterval: Number.POSITIVE_INFINITY }, // the gaps grow to maxAnnounceInterval
      numwant,
      port,
      maxMessageSize,
      maxJsonSize,
      plain: true,
    })
    swarm.on('connection', (opened, remote) => {
      const connection = claimed<DataConnection<Received, Sent>>(opened)
      const peer = new Peer(connection)
      this.#peers.set(remote, peer)
      connection.on('close', () => {
        // Without a torrent the connection carries nothing else. A peer that the application closed is avoided for a while.
        if (remote.state !== 'closed') swarm.avoid(remote)
        if (!connection.closedHere) return remote.destroy()
        // The last messages may be in flight: the other side closes when it has them all.
        const timer = systemEnv.timer(LEAVE_GRACE, () => remote.destroy())
        remote.on('close', () => timer.cancel())
      })
      this.emit('peer', { ...idsOf(remote), peer, source: 'tracker' })
      this.emit('connection', connection)
    })
    swarm.on('lost', (remote, cause) => {
      if (this.#peers.delete(remote)) return this.emit('peer-disconnected', idsOf(remote))
      const error = cause ?? new SwarmlinkError('ERR_CLOSED', 'the peer disconnected before it had a message channel')
      return this.emit('peer-failed', { ...idsOf(remote), error })
    })
    swarm.on('failed', ({ id, error }) => this.emit('peer-failed', { id, announceId: id, error }))
    swarm.on('counts', (_tracker, counts) => this.emit('update', counts))
    return swarm
  }

  async #prepare(): Promise<void> {
    if (await this.#room.gathered(this.#stop.signal)) this.emit('ready')
  }

  /** Resolves when a tracker is connected; rejects when the first dial of each failed. */
  #firstTracker(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = new Set<Tracker>()
      const names = this.#trackers.map(({ name }) => name).join(', ')
      for (const tracker of this.#trackers) {
        let open = false
        tracker.on('state', state => {
          if (state === 'open') resolve()
          if (state === 'waiting') failed.add(tracker)
          if (failed.size === this.#trackers.length)
            reject(new SwarmlinkError('ERR_TRACKER_LINK', `no tracker can be reached, and dialling goes on: check ${names}`))
          if (open !== (state === 'open')) this.#count(state === 'open')
          open = state === 'open'
        })
      }
      this.#stop.signal.addEventListener('abort', () =>
        reject(new SwarmlinkError('ERR_CLOSED', 'disconnect() was called before a tracker was connected')),
      )
    })
  }

  #count(opened: boolean): void {
    this.#open += opened ? 1 : -1
    if (this.#open === 0 && this.#disconnecting === undefined) this.emit('close')
  }
}

function idsOf({ remote: { peerId, announceId } }: TopicPeer): TrackerClientPeer {
  return { id: peerId, announceId }
}
