/** The plugin: attaches to a WebTorrent client, adds wires to its torrents, and gives the application message channels. */
import { claimed } from '../channel/messages/claimed-type.js'
import type { DataConnection } from '../channel/messages/data-connection.js'
import type { Message, Sendable } from '../channel/messages/messenger.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv, untilAborted } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { parseInfoHash, type Id } from '../core/id.js'
import { enableLog, logger } from '../core/log.js'
import type { Credentials } from '../identity/identity.js'
import type { Signal } from '../signaling/manual/codec.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import type { Runtime } from '../swarm/runtime.js'
import { RUNTIME, STORE_PATIENCE, type RuntimeHolder, type SharedRuntime } from '../swarm/shared-runtime.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import { attach, checkClient } from './attached-clients.js'
import type { ConnectionManagerEvents } from './connection-manager-events.js'
import { createRuntime, infoOf, preload, warnWhereInsecure } from './manager-runtime.js'
import { SignalingSelector } from './signaling-selector.js'
import { readOptions, type ConnectionManagerOptions, type Settings } from './options.js'
import type { ManagerStats } from '../metrics/stats.js'
import { Takeover } from './takeover.js'
import { TorrentSwarm } from './torrent-swarm.js'
import { Torrents } from './torrents.js'
import type { Client, Torrent, WebTorrentClient } from './webtorrent.js'

const log = logger('manager')

type State =
  | { name: 'starting' }
  | { name: 'running'; runtime: Runtime; torrents: Torrents }
  /** No WebRTC engine, or bad credentials: WebTorrent goes on without the manager. */
  | { name: 'off'; reason: SwarmlinkError }
  | { name: 'destroyed' }

/**
 * Attaches to a WebTorrent client and finds WebRTC peers for each of its torrents.
 *
 * @example
 * const client = new WebTorrent()
 * const manager = new ConnectionManager(client, { trackers: ['wss://tracker.example'] })
 * manager.on('connection', connection => connection.send({ hello: manager.peerId }))
 * client.add(magnet)
 */
export class ConnectionManager<Received = Message, Sent = Sendable>
  extends Emitter<ConnectionManagerEvents<Received, Sent>>
  implements AsyncDisposable, RuntimeHolder
{
  readonly [RUNTIME]: SharedRuntime
  readonly #client: Client
  readonly #settings: Settings
  readonly #selector: SignalingSelector
  readonly #release: Array<() => void> = []
  readonly #warn = (error: SwarmlinkError) => void this.emit('warning', error)
  /** Undefined with `takeover: false`. */
  readonly #takeover: Takeover | undefined
  readonly #leave: () => Promise<void>
  readonly #starting: Promise<void>
  /** Aborts on `destroy()`, which must not wait for a credential store that never settles. */
  readonly #stop = new AbortController()
  #state: State = { name: 'starting' }
  #destroying: Promise<void> | undefined

  /** Attaches to the client at once, and starts by itself. Throws `ERR_INVALID_ARGUMENT` for a wrong client or option. */
  constructor(client: WebTorrentClient, options: ConnectionManagerOptions = {}) {
    super()
    checkClient(client)
    this.#settings = readOptions(options)
    this.#client = client
    const runtime = createRuntime(options, this.#settings, this.#warn)
    this[RUNTIME] = runtime
    this.#leave = runtime.enter()
    runtime.on('warning', this.#warn)
    this.#release.push(() => runtime.off('warning', this.#warn))
    this.#selector = new SignalingSelector({ env: systemEnv, runtime, settings: this.#settings, warn: this.#warn })
    if (options.debug === true) enableLog()

    this.#release.push(attach(client))
    if (this.#settings.warm) this.#release.push(runtime.trackers.warm(this.#settings.trackers))
    this.#takeover = options.takeover === false ? undefined : new Takeover(client)
    this.#takeover?.begin()
    this.#release.push(() => this.#takeover?.end())
    const add = (torrent: Torrent) => this.#torrents?.follow(torrent)
    client.on('add', add)
    this.#release.push(() => client.removeListener('add', add))

    this.#starting = this.#start()
  }

  /** Our identity as other swarmlink peers see it, which `credentials` keep across sessions; `undefined` before `ready`. */
  get peerId(): string | undefined {
    return this.#runtime?.identity.peerId
  }

  /** The id of this session, as trackers and stock peers see it; `undefined` before `ready`. */
  get announceId(): string | undefined {
    return this.#runtime?.announceId
  }

  /** Announces this torrent now; resolves when the trackers have answered. Rejects for an info hash without a torrent here. */
  async discoverPeers(infoHash: string): Promise<void> {
    const { swarm } = await this.#swarmOf(parseInfoHash(infoHash))
    await swarm.discover()
  }

  /** The message channels of one torrent, or of all. */
  connections(infoHash?: string): Array<DataConnection<Received, Sent>> {
    if (infoHash === undefined) return claimed((this.#torrents?.swarms ?? []).flatMap(({ swarm }) => swarm.connections))
    const id = parseInfoHash(infoHash)
    const swarm = this.#torrents?.get(id)
    if (swarm === undefined && !this.#client.torrents.some(torrent => torrent.infoHash === id)) throw this.#unknown(id)
    return claimed(swarm?.swarm.connections ?? [])
  }

  /**
   * Makes an invitation to one torrent: plain JSON for a chat, a mail or a QR code, for swarms without a tracker. The receiver adds the same
   * torrent, passes the invitation to {@link ConnectionManager.connect}, and sends the result back within ten minutes. One invitation serves
   * one peer; peer exchange then finds the others. Keep it private: it contains the torrent's info hash and your addresses, and any reader
   * can answer it.
   *
   * @example
   * const invitation = await manager.invite(torrent.infoHash) // here
   * const answer = await manager.connect(invitation)          // there
   * await manager.connect(answer)                             // and here again
   */
  async invite(infoHash: string): Promise<Signal> {
    const id = parseInfoHash(infoHash)
    const torrentSwarm = await this.#invitable(id)
    const { manual } = await this.#selector.manual()
    torrentSwarm.retarget()
    return manual.invitation(id, this.announceId ?? '', await torrentSwarm.swarm.invite(manual))
  }

  /**
   * Takes an invitation, or the answer to an own invitation. Resolves with the answer to send back, or with undefined. Rejects when the text is
   * malformed or too old, its torrent is not here, or its peer is connected already.
   */
  async connect(signal: Signal | string): Promise<Signal | undefined> {
    const { manual, readSignal } = await this.#selector.manual()
    const read = readSignal(signal)
    const torrentSwarm = await this.#invitable(read.infoHash)
    torrentSwarm.retarget()
    return await manual.receive(read)
  }

  /** Announces every torrent that is not private to this tracker as well. */
  addTracker(url: string): void {
    const name = validateTrackerUrl(url)
    if (this.#settings.trackers.includes(name)) return
    if (this.#destroying !== undefined) throw destroyed()
    this.#settings.trackers.push(name)
    this.#torrents?.retarget()
  }

  /** Removes a tracker of the `trackers` option or `addTracker`; the trackers that a torrent itself names stay. */
  removeTracker(url: string): void {
    const name = validateTrackerUrl(url)
    this.#settings.trackers = this.#settings.trackers.filter(tracker => tracker !== name)
    this.#torrents?.retarget()
  }

  /** The statistics, as plain data. */
  getStats(): ManagerStats {
    const runtime = this.#runtime
    const torrents = (this.#torrents?.swarms ?? []).map(swarm => swarm.stats())
    return {
      state: this.#destroying === undefined ? this.#state.name : 'destroyed',
      activeTorrents: torrents.length,
      peerId: this.peerId,
      announceId: this.announceId,
      engine: runtime?.engine.name,
      connections: { used: runtime?.budget.used ?? 0, limit: this.#settings.maxConnections },
      offers: { made: runtime?.pool.made ?? 0, reused: runtime?.pool.reused ?? 0, idle: runtime?.pool.idle ?? 0 },
      ...this[RUNTIME].statuses(),
      torrents,
    }
  }

  /** The credentials to store for keeping this identity; undefined before `ready` and where no key can be made. */
  getCredentials(): Credentials | undefined {
    return this.#runtime?.identity.key?.credentials
  }

  /** Detaches: closes the manager's connections, announces `stopped` to the trackers, and gives WebTorrent's own trackers back. */
  destroy(): Promise<void> {
    return (this.#destroying ??= this.#destroy())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }

  get #runtime(): Runtime | undefined {
    return this.#state.name === 'running' ? this.#state.runtime : undefined
  }

  get #torrents(): Torrents | undefined {
    return this.#state.name === 'running' ? this.#state.torrents : undefined
  }

  async #start(): Promise<void> {
    // A slow credential store: torrents get their own trackers back until the manager runs.
    const late = systemEnv.timer(STORE_PATIENCE, () => this.#takeover?.end())
    try {
      const runtime = await untilAborted(this[RUNTIME].open(), this.#stop.signal, destroyed)
      if (this.#destroying !== undefined) return
      const { maxPeersPerTorrent } = this.#settings
      const begin = (torrent: Torrent, infoHash: Id) => this.#begin(torrent, infoHash, runtime)
      this.#state = { name: 'running', runtime, torrents: new Torrents({ runtime, maxPeersPerTorrent, begin }) }
      log('ready as %s, announced as %s', runtime.identity.peerId, runtime.announceId)
    } catch (error) {
      if (this.#destroying !== undefined) return
      const reason = asError(error, 'ERR_ENGINE', 'swarmlink could not start, WebTorrent goes on without it')
      this.#state = { name: 'off', reason }
      this.#detach()
      this.emit('warning', reason)
      return
    } finally {
      late.cancel()
    }
    const { identity, announceId } = this.#state.runtime
    this.emit('ready', { peerId: identity.peerId, announceId })
    if (this.#destroying !== undefined) return
    preload(this.#state.runtime)
    warnWhereInsecure(this.#warn)
    this.#takeover?.disable()
    this.#torrents?.start(this.#client.torrents, this.#settings.warm)
  }

  /** Removes all listeners from the client, its torrents, and the runtime, which rooms may go on using. */
  #detach(): void {
    for (const release of this.#release.splice(0)) release()
    this.#torrents?.detach()
  }

  async #destroy(): Promise<void> {
    this.#detach()
    this.#stop.abort()
    await this.#torrents?.close()
    await this.#starting
    this.#selector.close()
    await this.#leave()
    this.#state = { name: 'destroyed' }
  }

  #begin(torrent: Torrent, infoHash: Id, runtime: Runtime): TorrentSwarm {
    const { maxPeersPerTorrent, numwant } = this.#settings
    const swarm = new TorrentSwarm({
      torrent,
      infoHash,
      bitTorrentId: this.#client.peerId,
      runtime,
      limits: { ...this.#settings, maxPeers: maxPeersPerTorrent },
      maxMessageSize: this.#settings.maxMessageSize,
      maxJsonSize: this.#settings.maxJsonSize,
      numwant,
      port: SWARM_DEFAULTS.port,
      signalings: () => this.#selector.of(torrent),
    })
    const { swarm: topic } = swarm
    swarm.on('peer', ({ remote, origin }) => this.emit('peer', infoOf(remote, origin.source), torrent))
    swarm.on('wire', wire => this.emit('wire', wire, torrent))
    topic.on('connection', connection => this.emit('connection', claimed(connection), torrent))
    topic.on('lost', ({ remote: { peerId, announceId } }, error) => {
      this.emit('peer-disconnected', { peerId, announceId, reason: error?.code ?? 'closed' }, torrent)
    })
    topic.on('failed', ({ id, error }) => this.emit('peer-failed', { announceId: id, error }, torrent))
    topic.on('counts', ({ name }, counts) => this.emit('update', { url: name, infoHash, ...counts }))
    topic.on('stage', step => this.emit('stage', { infoHash, ...step }))
    swarm.on('warning', this.#warn)
    topic.on('warning', this.#warn)
    return swarm
  }

  async #swarmOf(id: Id): Promise<TorrentSwarm> {
    await this.#starting // a torrent that was added a moment ago has no swarm yet
    const swarm = this.#torrents?.get(id)
    if (swarm === undefined) throw this.#unknown(id)
    return swarm
  }

  async #invitable(id: Id): Promise<TorrentSwarm> {
    const swarm = await this.#swarmOf(id)
    if (swarm.torrent.private !== true) return swarm
    const message = 'this torrent is private: its peers may only be found through its own trackers'
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', message)
  }

  #unknown(id: Id): SwarmlinkError {
    const message = `no torrent of this client has the info hash ${id}: add it to the client first`
    if (this.#state.name === 'running') return new SwarmlinkError('ERR_INVALID_ARGUMENT', message)
    if (this.#state.name !== 'off') return destroyed()
    const { reason } = this.#state
    return new SwarmlinkError('ERR_CLOSED', `this ConnectionManager could not start: ${reason.message}`, { cause: reason })
  }
}

function destroyed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this ConnectionManager is destroyed')
}
