/** Meets others under a topic, without a torrent: tracker URLs and an info hash in, peers and message channels out. */
import { claimed } from '../channel/claimed.js'
import type { DataConnection } from '../channel/data-connection.js'
import type { Message, Sendable } from '../channel/messenger.js'
import { Peer } from '../channel/peer.js'
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
import { Station } from '../swarm/station.js'
import { Room } from './room.js'
import { readTrackerClientOptions, type TrackerClientOptions, type TrackerClientSettings } from './tracker-client-options.js'

/**
 * Which peer an event is about. `id` is the `remotePeerId` of its connection: the peer id, or the announce id of a peer that does not
 * run swarmlink, or that went before it proved more. `announceId` is what the trackers call it: another one for each session.
 */
export interface TrackerClientPeer {
  id: string
  announceId: string
}

export interface TrackerClientEvents<Received = Message, Sent = Sendable> {
  /** The first offer is gathered. */
  ready: []
  /** A peer is connected; `connection` with the same connection follows. */
  peer: [TrackerClientPeer & { peer: Peer<Received, Sent>; source: 'tracker' }]
  /**
   * A message channel to a peer; its `connect` follows. With a peer that does not run swarmlink it carries plain JSON text: no
   * requests, no streams, no message above 256 KiB.
   */
  connection: [DataConnection<Received, Sent>]
  'peer-disconnected': [TrackerClientPeer]
  /** It could not be connected to, or went before it had a message channel. */
  'peer-failed': [TrackerClientPeer & { error: SwarmlinkError }]
  update: [{ complete: number; incomplete: number }]
  error: [SwarmlinkError]
  /** No tracker is connected any more. Unless `disconnect()` was called, dialling goes on. */
  close: []
}

/**
 * Announces one topic on any number of trackers and connects to all peers there.
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
  /** The id of this session, which trackers and peers that do not run swarmlink call us by: 40 hex characters. */
  readonly announceId: Id
  readonly infoHash: Id
  readonly #settings: TrackerClientSettings
  readonly #trackers: Tracker[]
  readonly #env = systemEnv
  readonly #room: Room
  readonly #stop = new AbortController()
  readonly #peers = new Map<TopicPeer, Peer<Received, Sent>>()
  #swarm: Swarm | undefined
  #connecting: Promise<void> | undefined
  #disconnecting: Promise<void> | undefined
  #open = 0

  /**
   * `announceId` is random unless given, and may be any text: one that is not 20 bytes is hashed to 20. (The ActionNet library calls this
   * argument `peerId`.)
   */
  constructor(urls: string | string[], infoHash: string, announceId?: string, options: TrackerClientOptions = {}) {
    super()
    // All clients with an empty one would have the same, and a client connects to no peer that has its own.
    if (announceId !== undefined && (typeof announceId !== 'string' || announceId === ''))
      throw invalid('the third argument', 'a text that is not empty, the announce id (options are the fourth)', announceId)
    const given = [...new Set([urls].flat().map(validateTrackerUrl))]
    if (given.length === 0) throw invalid('the first argument', 'one tracker URL or more', urls)
    this.infoHash = parseInfoHash(infoHash)
    this.announceId = announceId === undefined ? randomId(this.#env) : toId(announceId)
    this.#settings = readTrackerClientOptions(options)
    const { wrtc, credentials, debug } = options
    const { rtcConfig } = this.#settings
    const station = new Station({ env: this.#env, announceId: this.announceId, rtcConfig, wrtc, credentials })
    this.#room = new Room({ station, warn: error => this.emit('error', error) })
    this.#trackers = given.map(url => station.trackers.get(url))
    if (debug === true) enableLog()
  }

  /** Our identity, which `credentials` keep across sessions: 40 hex characters, known once `connect()` found WebRTC and a key. */
  get peerId(): Id | undefined {
    return this.#room.peerId
  }

  /** The peers that are connected. */
  get peers(): Array<Peer<Received, Sent>> {
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
    const { numwant, port, maxMessageSize, maxJsonSize } = this.#settings
    const swarm = this.#room.join({
      topic: this.infoHash,
      limits: { ...this.#settings, refreshInterval: Number.POSITIVE_INFINITY }, // the gaps grow to the largest
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
        // Without a torrent there is nothing else on it. Whom the application turned away is not met again at once.
        if (remote.state !== 'closed') swarm.avoid(remote)
        if (!connection.closedHere) return remote.destroy()
        // The last messages may still be on their way; whoever got them all closes its side.
        const timer = this.#env.timer(LEAVE_GRACE, () => remote.destroy())
        remote.on('close', () => timer.cancel())
      })
      this.emit('peer', { ...idsOf(remote), peer, source: 'tracker' })
      this.emit('connection', connection)
    })
    swarm.on('lost', (remote, cause) => {
      if (this.#peers.delete(remote)) return this.emit('peer-disconnected', idsOf(remote))
      const error = cause ?? new SwarmlinkError('ERR_CLOSED', 'the peer went before it had a message channel')
      return this.emit('peer-failed', { ...idsOf(remote), error })
    })
    swarm.on('failed', ({ id, error }) => this.emit('peer-failed', { id, announceId: id, error }))
    swarm.on('counts', (_tracker, counts) => this.emit('update', counts))
    return swarm
  }

  async #prepare(): Promise<void> {
    if (await this.#room.gathered(this.#stop.signal)) this.emit('ready')
  }

  #firstTracker(swarm: Swarm): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = new Set<Tracker>()
      const names = this.#trackers.map(({ name }) => name).join(', ')
      for (const tracker of this.#trackers) {
        let open = false
        tracker.on('state', state => {
          if (state === 'open') resolve()
          if (state === 'waiting') failed.add(tracker)
          if (failed.size === this.#trackers.length)
            reject(new SwarmlinkError('ERR_TRACKER_LINK', `no tracker can be reached: dialling goes on, check ${names}`))
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

function idsOf({ remote: { peerId, announceId } }: TopicPeer): TrackerClientPeer {
  return { id: peerId, announceId }
}
