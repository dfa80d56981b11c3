/** The API of the npm package `p2pt`, on a swarmlink swarm: messages between all users of one application name. */
import { claimed } from '../channel/messages/claimed-type.js'
import { invalid } from '../core/arguments.js'
import type { Sendable } from '../channel/messages/messenger.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { topicOf } from '../core/id.js'
import { enableLog } from '../core/log.js'
import { urlName } from '../core/secrets.js'
import type { SocketState } from '../signaling/reconnecting-socket.js'
import { type Tracker, validateTrackerUrl } from '../signaling/tracker/tracker.js'
import { type RuntimeHolder, type SharedRuntime, RUNTIME } from '../swarm/shared-runtime.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import type { P2PTMessage } from './room-messenger.js'
import { readP2PTOptions, type P2PTOptions, type P2PTSettings } from './p2pt-options.js'
import type { P2PTAnswer, P2PTPeer } from './p2pt-peer.js'
import { peersOf, type P2PTPeers } from './p2pt-peers.js'
import { gone, refused } from './p2pt-session.js'
import type { P2PTEvents, P2PTTracker, P2PTTrackerStats } from './p2pt-events.js'
import { P2PTSessions, type P2PTSessionsDeps } from './p2pt-sessions.js'
import type { MessageId } from './stock-codec.js'
import { QuietPromise } from '../core/quiet-promise.js'
import { Room } from '../room/room.js'

type State =
  | { name: 'idle' }
  | { name: 'starting'; done: Promise<void> }
  | { name: 'running'; sessions: P2PTSessions; messengers: P2PTSessionsDeps['messengers'] }
  | { name: 'destroyed'; done: Promise<void> }

/**
 * Connects all users of the same name, whether they run swarmlink or the published `p2pt`.
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
  implements AsyncDisposable, RuntimeHolder
{
  readonly [RUNTIME]: SharedRuntime
  readonly #settings: P2PTSettings
  readonly #room: Room
  /** Tracker URLs: normal form to the form that was given. */
  readonly #urls = new Map<string, string>()
  /** Removes our listener from each tracker, by URL: also from removed trackers, and from those that other rooms share. */
  readonly #watched = new Map<string, () => void>()
  #identifier = ''
  #state: State = { name: 'idle' }

  /** `identifier` is the application's name. Looks for peers from `start()` on. Throws `ERR_INVALID_ARGUMENT` for a wrong argument. */
  constructor(trackers: string[], identifier = '', options: P2PTOptions = {}) {
    super()
    if (!Array.isArray(trackers))
      throw invalid('the first argument', 'a list of tracker URLs, or [] for other signalling', trackers)
    if (typeof identifier !== 'string') throw invalid('the second argument', "a text, the application's name", identifier)
    this.#settings = readP2PTOptions(options)
    this.#identifier = identifier
    for (const url of trackers) this.#urls.set(validateTrackerUrl(url), url)
    this[RUNTIME] = this.#settings.runtime
    // Last, after everything that may throw: the room holds the shared runtime until it is closed.
    this.#room = new Room({
      runtime: this.#settings.runtime,
      warn: (error, tracker) => {
        if (tracker === undefined) return this.#warn(error)
        const about = this.#tracker(tracker)
        if (about !== undefined) this.#warn(aboutTracker(about, error), about)
      },
    })
    if (options.debug === true) enableLog()
  }

  /** Our identity, `peer.peerId` on the other side, which `credentials` keep across sessions; set once `start()` has resolved. */
  get peerId(): string | undefined {
    return this.#room.peerId
  }

  /** The id of this session, as trackers see it, `peer.announceId` on the other side; set once `start()` has resolved. */
  get announceId(): string | undefined {
    return this.#room.announceId
  }

  /** {@link announceId}, `peer.id` on the other side. */
  get id(): string | undefined {
    return this.#room.announceId
  }

  /** {@link announceId}, under its name in the published package. */
  get _peerId(): string | undefined {
    return this.id
  }

  /** The hash of the name, which trackers see: 40 hex characters; undefined while there is no name. */
  get infoHash(): string | undefined {
    return this.#identifier === '' ? undefined : topicOf(this.#identifier)
  }

  /**
   * The connected peers: a list, and also the published package's object from each peer's id to its channels. A peer has one channel per
   * connected tracker, all over one connection, which closes when the last of them is destroyed.
   */
  get peers(): P2PTPeers<Received, Sent> {
    const trackers = [...this.#urls].flatMap(([name, url]) => (this.#room.trackers.get(name).open ? url : []))
    return claimed(peersOf(this.#sessions?.all ?? [], trackers))
  }

  /** Changes to another room, and disconnects the peers of the previous one. */
  async setIdentifier(identifier: string): Promise<void> {
    if (typeof identifier !== 'string' || identifier === '')
      throw invalid('the identifier', 'a text that is not empty', identifier)
    if (identifier === this.#identifier) return
    const state = this.#state
    if (state.name === 'running') this.#enter(identifier, state.messengers)
    this.#identifier = identifier
    if (state.name === 'running') await this.#room.leave(state.sessions.swarm)
  }

  /** Starts to find peers. Rejects when the room cannot start; if you do not await it, failures arrive as `trackerwarning`. */
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

  /** Announces to this tracker, too. Throws when it was added before, as the published package does. */
  addTracker(url: string): void {
    const name = validateTrackerUrl(url)
    if (this.#state.name === 'destroyed') throw destroyed()
    if (this.#urls.has(name))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the tracker ${urlName(name)} was added before: add each one once`)
    this.#urls.set(name, url)
    this.#announce()
  }

  /** Leaves this tracker; peers stay connected. Throws when it was not added, as the published package does. */
  removeTracker(url: string): void {
    const name = validateTrackerUrl(url)
    if (!this.#urls.delete(name))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the tracker ${urlName(name)} was not added: remove one that was`)
    const swarm = this.#sessions?.swarm
    if (swarm !== undefined) void swarm.detach(this.#room.trackers.get(name).name)
  }

  /** Announces to every tracker now; resolves with the connected peers when the trackers have answered. */
  async requestMorePeers(): Promise<P2PTPeers<Received, Sent>> {
    if (this.#state.name === 'starting') await this.#state.done.catch(() => {}) // start() reports it
    await this.#sessions?.swarm.discover()
    return this.peers
  }

  /** How many trackers the room has, and how many of them are connected. */
  getTrackerStats(): P2PTTrackerStats {
    const connected = [...this.#urls.keys()].filter(name => this.#room.trackers.get(name).open).length
    return { connected, total: this.#urls.size }
  }

  /** Like `peer.send()`. With `messageId`, answers that message of the peer. Also works with the object of a peer that has reconnected. */
  send(peer: Pick<P2PTPeer, 'id'>, message: Sent, messageId: MessageId = ''): Promise<P2PTAnswer<Received, Sent>> {
    const id: unknown = peer?.id
    if (typeof id !== 'string') return refused(invalid('the first argument', 'a peer', peer))
    const session = this.#sessions?.get(id)
    if (session === undefined) return refused(gone())
    return claimed(messageId === '' ? session.send(message) : session.send(message, messageId))
  }

  /** Closes every connection and leaves the trackers; resolves when all are closed. */
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

  get #sessions(): P2PTSessions | undefined {
    return this.#state.name === 'running' ? this.#state.sessions : undefined
  }

  async #start(): Promise<void> {
    if (this.#identifier === '')
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'this P2PT has no name: pass it as the second argument, or call setIdentifier()',
      )
    const cool = this.#room.trackers.warm(this.#urls.keys())
    try {
      const [messengers] = await Promise.all([import('./lazy-messengers.js'), this.#room.open()])
      if (this.#state.name === 'starting') this.#enter(this.#identifier, messengers)
    } catch (error) {
      throw asError(error, 'ERR_ENGINE', 'the room could not start')
    } finally {
      cool()
    }
    if (this.#state.name !== 'running') throw destroyed()
  }

  #failed(error: SwarmlinkError): void {
    if (this.#state.name !== 'starting') return
    this.#state = { name: 'idle' }
    this.#warn(error)
  }

  /** Joins the room of this name. */
  #enter(identifier: string, messengers: P2PTSessionsDeps['messengers']): void {
    const { maxPeers, maxMessageSize, maxJsonSize, requestTimeout } = this.#settings
    const swarm = this.#room.join({
      topic: topicOf(identifier),
      limits: { ...SWARM_DEFAULTS, maxPeers },
      maxMessageSize,
      maxJsonSize,
    })
    const sessions = new P2PTSessions(swarm, { env: systemEnv, requestTimeout, maxJsonSize, messengers })
    sessions.on('peerconnect', peer => this.emit('peerconnect', claimed(peer)))
    sessions.on('peerclose', peer => this.emit('peerclose', claimed(peer)))
    sessions.on('msg', (peer, message) => this.emit('msg', claimed(peer), claimed(message)))
    sessions.on('data', (peer, data) => this.emit('data', claimed(peer), data))
    sessions.on('warning', error => this.#warn(error))
    this.#state = { name: 'running', sessions, messengers }
    this.#announce()
  }

  /** Attaches all trackers, once the room runs. */
  #announce(): void {
    const swarm = this.#sessions?.swarm
    if (swarm === undefined) return
    const trackers = [...this.#urls.keys()].map(name => this.#room.trackers.get(name))
    const fresh = trackers.filter(({ url }) => !this.#watched.has(url))
    for (const tracker of fresh) this.#watched.set(tracker.url, this.#watch(tracker))
    for (const tracker of trackers) swarm.attach(tracker)
    for (const tracker of fresh) if (tracker.open) this.#connected(tracker) // opened by another room
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

  /** The tracker with this URL in normal form; undefined for one of another room on the same connections. */
  #tracker(url: string): P2PTTracker | undefined {
    const announceUrl = this.#urls.get(url)
    return announceUrl === undefined ? undefined : { announceUrl, name: this.#room.trackers.get(url).name }
  }

  #warn(error: SwarmlinkError, ...tracker: [P2PTTracker?]): void {
    this.emit('trackerwarning', error, this.getTrackerStats(), ...tracker)
  }
}

/** Begins the message as the published package does, because applications match it; names the tracker without secrets. */
function aboutTracker({ name }: P2PTTracker, error: SwarmlinkError): SwarmlinkError {
  if (error.code !== 'ERR_TRACKER_LINK') return error
  return new SwarmlinkError(error.code, `connection error to ${name}: ${error.message}`, { cause: error })
}

function destroyed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this P2PT is destroyed: make a new one')
}
