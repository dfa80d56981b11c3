/** The API of the published `p2pt` package on a swarm of ours: an application's name in, messages out. */
import { claimed } from '../channel/claimed.js'
import { invalid } from '../core/arguments.js'
import type { Sendable } from '../channel/messenger.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { topicOf } from '../core/id.js'
import { enableLog } from '../core/log.js'
import { urlName } from '../core/secrets.js'
import type { SocketState } from '../signaling/socket.js'
import { type Tracker, validateTrackerUrl } from '../signaling/tracker/tracker.js'
import { type Shareable, type Station, STATION } from '../swarm/station.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import type { P2PTMessage } from './p2pt-link.js'
import { readP2PTOptions, type P2PTOptions, type P2PTSettings } from './p2pt-options.js'
import type { P2PTAnswer, P2PTPeer } from './p2pt-peer.js'
import { peersOf, type P2PTPeers } from './p2pt-peers.js'
import { gone, refused } from './p2pt-session.js'
import { Sessions, type SessionsOptions } from './p2pt-sessions.js'
import type { MessageId } from './p2pt-wire.js'
import { QuietPromise } from './quiet-promise.js'
import { Room } from './room.js'

/** A tracker, as the package's events name it. */
export interface P2PTTracker {
  /** As it was handed in, with its secrets: not for a log. */
  announceUrl: string
  /** The name that errors, logs and statistics have for it: `serverName(announceUrl)`. */
  name: string
}

export interface P2PTTrackerStats {
  connected: number
  total: number
}

export interface P2PTEvents<Received = P2PTMessage, Sent = Sendable> {
  /** A peer can be talked to. Once for each, however many trackers it was met on. */
  peerconnect: [P2PTPeer<Received, Sent>]
  /** It is gone, and may come again. */
  peerclose: [P2PTPeer<Received, Sent>]
  /** A message that nobody waits for as an answer. `peer.respond()` answers this very message. */
  msg: [P2PTPeer<Received, Sent>, Received]
  /** What a peer with the published package sent, as it came: frames of messages too, and bytes. Of a peer of ours, messages that are bytes. */
  data: [P2PTPeer<Received, Sent>, string | Uint8Array]
  /** A tracker is connected, for the first time or again. */
  trackerconnect: [P2PTTracker, P2PTTrackerStats]
  /** Something did not work, mostly a tracker, which is the third argument then; the rest goes on. A room that cannot start says so here too. */
  trackerwarning: [SwarmlinkError, P2PTTrackerStats, P2PTTracker?]
}

type State =
  | { name: 'idle' }
  | { name: 'starting'; done: Promise<void> }
  | { name: 'running'; sessions: Sessions; links: SessionsOptions['links'] }
  | { name: 'destroyed'; done: Promise<void> }

/**
 * Everybody who uses the same name meets, whether they run this or the published `p2pt`.
 *
 * @example
 * const p2pt = new P2PT(['wss://tracker.example'], 'my application')
 * p2pt.on('peerconnect', peer => {
 *   peer.send('how are you?').then(([, answer]) => console.log(peer.id, answer), console.warn)
 * })
 * p2pt.on('msg', peer => peer.respond('fine'))
 * await p2pt.start()
 */
export class P2PT<Received = P2PTMessage, Sent = Sendable>
  extends Emitter<P2PTEvents<Received, Sent>>
  implements AsyncDisposable, Shareable
{
  readonly [STATION]: Station
  readonly #settings: P2PTSettings
  readonly #room: Room
  /** By their names in normal form, as they were handed in. */
  readonly #urls = new Map<string, string>()
  /** Ends our listening to each tracker: some of them may have been taken off the list, others serve somebody else too. */
  readonly #watched = new Map<string, () => void>()
  #identifier = ''
  #state: State = { name: 'idle' }

  constructor(trackers: string[], identifier = '', options: P2PTOptions = {}) {
    super()
    if (!Array.isArray(trackers))
      throw invalid('the first argument', 'a list of tracker URLs, [] to meet in other ways', trackers)
    if (typeof identifier !== 'string') throw invalid('the second argument', "a text, the application's name", identifier)
    this.#settings = readP2PTOptions(options)
    this.#identifier = identifier
    for (const url of trackers) this.#urls.set(validateTrackerUrl(url), url)
    this[STATION] = this.#settings.station
    // Behind whatever may be refused: a room that was never made would keep what it shares.
    this.#room = new Room({
      station: this.#settings.station,
      warn: (error, tracker) => {
        if (tracker === undefined) return this.#warn(error)
        const about = this.#tracker(tracker)
        if (about !== undefined) this.#warn(aboutTracker(about, error), about)
      },
    })
    if (options.debug === true) enableLog()
  }

  /** Our identity, `peer.peerId` on the other side, which `credentials` keep across sessions; known once `start()` has resolved. */
  get peerId(): string | undefined {
    return this.#room.peerId
  }

  /** The id of this session, which trackers call us by, `peer.announceId` on the other side; known once `start()` has resolved. */
  get announceId(): string | undefined {
    return this.#room.announceId
  }

  /** {@link announceId}, `peer.id` on the other side. */
  get id(): string | undefined {
    return this.#room.announceId
  }

  /** {@link announceId}, as the published package calls it. */
  get _peerId(): string | undefined {
    return this.id
  }

  /** What stands for the name on trackers: 40 hex characters; undefined while there is no name. */
  get infoHash(): string | undefined {
    return this.#identifier === '' ? undefined : topicOf(this.#identifier)
  }

  /**
   * The connected peers: a list, and also the published package's object from each peer's id to its channels. There is one channel for each
   * connected tracker, all of one connection, which ends when the last of them is destroyed.
   */
  get peers(): P2PTPeers<Received, Sent> {
    const trackers = [...this.#urls].flatMap(([name, url]) => (this.#room.trackers.get(name).open ? url : []))
    return claimed(peersOf(this.#sessions?.all ?? [], trackers))
  }

  /** Another name, another room: the peers of the one before are left. */
  async setIdentifier(identifier: string): Promise<void> {
    if (typeof identifier !== 'string' || identifier === '')
      throw invalid('the identifier', 'a text that is not empty', identifier)
    if (identifier === this.#identifier) return
    const state = this.#state
    if (state.name === 'running') this.#enter(identifier, state.links)
    this.#identifier = identifier
    if (state.name === 'running') await this.#room.leave(state.sessions.swarm)
  }

  /** Begins to look for peers. Rejects when that cannot be; whoever does not wait for it hears of it by `trackerwarning`. */
  start(): Promise<void> {
    switch (this.#state.name) {
      case 'destroyed':
        return refused(destroyed())
      case 'running':
        return Promise.resolve()
      case 'starting':
        return this.#state.done
      case 'idle': {
        const done = new QuietPromise<void>(resolve => resolve(this.#start()))
        this.#state = { name: 'starting', done }
        done.catch((error: SwarmlinkError) => this.#failed(error))
        return done
      }
    }
  }

  /** Announces there too. Throws for a tracker that is there already, as the published package does. */
  addTracker(url: string): void {
    const name = validateTrackerUrl(url)
    if (this.#state.name === 'destroyed') throw destroyed()
    if (this.#urls.has(name))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the tracker ${urlName(name)} was added before: add each one once`)
    this.#urls.set(name, url)
    this.#announce()
  }

  /** Says goodbye there; peers stay. Throws for a tracker that is not there, as the published package does. */
  removeTracker(url: string): void {
    const name = validateTrackerUrl(url)
    if (!this.#urls.delete(name))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the tracker ${urlName(name)} is not there: remove one that was added`)
    const swarm = this.#sessions?.swarm
    if (swarm !== undefined) void swarm.detach(this.#room.trackers.get(name).name)
  }

  /** Asks every tracker now, and gives the peers that are connected once they have answered. */
  async requestMorePeers(): Promise<P2PTPeers<Received, Sent>> {
    if (this.#state.name === 'starting') await this.#state.done.catch(() => {}) // whoever called start() heard of it
    await this.#sessions?.swarm.discover()
    return this.peers
  }

  getTrackerStats(): P2PTTrackerStats {
    const connected = [...this.#urls.keys()].filter(name => this.#room.trackers.get(name).open).length
    return { connected, total: this.#urls.size }
  }

  /**
   * The same as `peer.send()`, or with the id of a message of that peer an answer to it. A peer that went and came back is the same.
   */
  send(peer: Pick<P2PTPeer, 'id'>, message: Sent, messageId: MessageId = ''): Promise<P2PTAnswer<Received, Sent>> {
    const id: unknown = peer?.id
    if (typeof id !== 'string') return refused(invalid('the first argument', 'a peer', peer))
    const session = this.#sessions?.get(id)
    if (session === undefined) return refused(gone())
    return claimed(messageId === '' ? session.send(message) : session.send(message, messageId))
  }

  /** Closes every connection, says goodbye to the trackers, and returns when nothing is left. */
  destroy(): Promise<void> {
    if (this.#state.name !== 'destroyed') {
      for (const stop of this.#watched.values()) stop()
      this.#state = { name: 'destroyed', done: this.#room.close() }
    }
    return this.#state.done
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }

  get #sessions(): Sessions | undefined {
    return this.#state.name === 'running' ? this.#state.sessions : undefined
  }

  async #start(): Promise<void> {
    if (this.#identifier === '')
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'a P2PT needs a name to meet under: its second argument, or setIdentifier()',
      )
    let links: SessionsOptions['links']
    try {
      ;[links] = await Promise.all([import('./links.js'), this.#room.open()])
    } catch (error) {
      throw asError(error, 'ERR_ENGINE', 'the room could not start')
    }
    if (this.#state.name !== 'starting') throw destroyed()
    this.#enter(this.#identifier, links)
  }

  #failed(error: SwarmlinkError): void {
    if (this.#state.name !== 'starting') return
    this.#state = { name: 'idle' }
    this.#warn(error)
  }

  /** Looks for peers under this name. */
  #enter(identifier: string, links: SessionsOptions['links']): void {
    const { maxPeers, maxMessageSize, maxJsonSize, requestTimeout } = this.#settings
    const swarm = this.#room.join({
      topic: topicOf(identifier),
      limits: { ...SWARM_DEFAULTS, maxPeers },
      maxMessageSize,
      maxJsonSize,
    })
    const sessions = new Sessions(swarm, { env: systemEnv, requestTimeout, maxJsonSize, links })
    sessions.on('peerconnect', peer => this.emit('peerconnect', claimed(peer)))
    sessions.on('peerclose', peer => this.emit('peerclose', claimed(peer)))
    sessions.on('msg', (peer, message) => this.emit('msg', claimed(peer), claimed(message)))
    sessions.on('data', (peer, data) => this.emit('data', claimed(peer), data))
    sessions.on('warning', error => this.#warn(error))
    this.#state = { name: 'running', sessions, links }
    this.#announce()
  }

  /** Everywhere that is to be announced to, once it has begun. */
  #announce(): void {
    const swarm = this.#sessions?.swarm
    if (swarm === undefined) return
    const trackers = [...this.#urls.keys()].map(name => this.#room.trackers.get(name))
    const fresh = trackers.filter(({ url }) => !this.#watched.has(url))
    for (const tracker of fresh) this.#watched.set(tracker.url, this.#watch(tracker))
    for (const tracker of trackers) swarm.attach(tracker)
    for (const tracker of fresh) if (tracker.open) this.#connected(tracker) // for somebody else
  }

  #watch(tracker: Tracker): () => void {
    const listener = (state: SocketState) => {
      if (state === 'open') this.#connected(tracker)
    }
    tracker.on('state', listener)
    return () => tracker.off('state', listener)
  }

  #connected({ url }: Tracker): void {
    const tracker = this.#tracker(url)
    if (tracker !== undefined) this.emit('trackerconnect', tracker, this.getTrackerStats())
  }

  /** By its URL in normal form; undefined for a tracker of another room on the same connections. */
  #tracker(url: string): P2PTTracker | undefined {
    const announceUrl = this.#urls.get(url)
    return announceUrl === undefined ? undefined : { announceUrl, name: this.#room.trackers.get(url).name }
  }

  #warn(error: SwarmlinkError, ...tracker: [P2PTTracker?]): void {
    this.emit('trackerwarning', error, this.getTrackerStats(), ...tracker)
  }
}

/** Begins with the published package's words, which applications match, and names the tracker without its secrets. */
function aboutTracker({ name }: P2PTTracker, error: SwarmlinkError): SwarmlinkError {
  if (error.code !== 'ERR_TRACKER_LINK') return error
  return new SwarmlinkError(error.code, `connection error to ${name}: ${error.message}`, { cause: error })
}

function destroyed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this P2PT is destroyed; make a new one')
}
