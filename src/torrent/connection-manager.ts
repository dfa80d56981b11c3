/** The plugin: a WebTorrent client in, wires and message channels out. */
import { claimed } from '../channel/claimed.js'
import type { DataConnection } from '../channel/data-connection.js'
import type { Message, Sendable } from '../channel/messenger.js'
import { hasMethods, invalid } from '../core/arguments.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv, untilAborted } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { parseInfoHash, type Id } from '../core/id.js'
import { enableLog, logger } from '../core/log.js'
import type { Credentials } from '../identity/identity.js'
import type { Remote } from '../peer/remote-peer.js'
import type { PeerSource, TopicPeer } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { Signal } from '../signaling/manual/wire.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import type { StageStep } from '../swarm/counters.js'
import type { Network } from '../swarm/network.js'
import { type Shareable, Station, STATION, STORE_PATIENCE } from '../swarm/station.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import { MeetingPoints } from './meeting-points.js'
import { readOptions, type ConnectionManagerOptions, type PeerInfo, type Settings } from './options.js'
import { mayShare } from './share.js'
import type { ManagerStats } from './stats.js'
import { Takeover } from './takeover.js'
import { TorrentSwarm } from './torrent-swarm.js'
import { Torrents } from './torrents.js'
import type { Client, Torrent, WebTorrentClient, Wire } from './webtorrent.js'

const log = logger('manager')

/** Two managers on one client would meet each other. */
const attachedClients = new WeakSet<WebTorrentClient>()

export interface ConnectionManagerEvents<Received = Message, Sent = Sendable> {
  /** The identity exists and the engine runs. */
  ready: [{ peerId: string; announceId: string }]
  /** A peer is connected. */
  peer: [PeerInfo, Torrent]
  /** WebTorrent completed the handshake with a peer that we found. */
  wire: [Wire, Torrent]
  /** A message channel to a peer that runs swarmlink. */
  connection: [DataConnection<Received, Sent>, Torrent]
  'peer-disconnected': [{ peerId: string; announceId: string; reason: string }, Torrent]
  /** The connection never opened, so that nothing but the announce id is known of the peer. */
  'peer-failed': [{ announceId: string; error: SwarmlinkError }, Torrent]
  /** What a tracker, or another signalling by its name, says about a swarm. `url` is the name that `getStats()` has for it: `serverName(url)` of a tracker. */
  update: [{ url: string; infoHash: string; complete: number; incomplete: number }]
  /** Somebody came a step further, or no further: what `getStats()` counts, as it happens. */
  stage: [{ infoHash: string } & StageStep]
  /** Something did not work; the rest goes on. */
  warning: [SwarmlinkError]
}

type State =
  | { name: 'starting' }
  | { name: 'running'; network: Network; torrents: Torrents }
  /** There is no engine, or the credentials are no good: WebTorrent goes on as if we were not here. */
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
  implements AsyncDisposable, Shareable
{
  readonly [STATION]: Station
  readonly #client: Client
  readonly #options: ConnectionManagerOptions
  readonly #settings: Settings
  readonly #env = systemEnv
  readonly #meetingPoints: MeetingPoints
  readonly #release: Array<() => void> = []
  /** Absent where WebTorrent's own trackers stay on. */
  readonly #takeover: Takeover | undefined
  readonly #leave: () => Promise<void>
  readonly #starting: Promise<void>
  /** Aborts when `destroy()` is called: a credential store that never answers must not keep it. */
  readonly #stop = new AbortController()
  #state: State = { name: 'starting' }
  #destroying: Promise<void> | undefined

  constructor(client: WebTorrentClient, options: ConnectionManagerOptions = {}) {
    super()
    checkClient(client)
    this.#settings = readOptions(options)
    this.#client = client
    this.#options = options
    const station = this.#station()
    this[STATION] = station
    this.#leave = station.enter()
    const warn = (error: SwarmlinkError) => void this.emit('warning', error)
    station.on('warning', warn)
    this.#release.push(() => station.off('warning', warn))
    this.#meetingPoints = new MeetingPoints({ env: this.#env, station, settings: this.#settings, warn })
    if (options.debug === true) enableLog()

    attachedClients.add(client)
    this.#release.push(() => attachedClients.delete(client))
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
    return this.#network?.identity.peerId
  }

  /** The id of this session, which trackers and peers that do not run swarmlink call us by; `undefined` before `ready`. */
  get announceId(): string | undefined {
    return this.#network?.announceId
  }

  /** One round for this torrent now; resolves when the trackers have answered. Rejects for a hash that no torrent here has. */
  async discoverPeers(infoHash: string): Promise<void> {
    const id = parseInfoHash(infoHash)
    await this.#starting // a torrent that was added just before has no swarm yet
    const swarm = this.#torrents?.get(id)
    if (swarm === undefined) throw this.#unknown(id)
    await swarm.swarm.discover()
  }

  /** The message channels of one torrent, or of all. */
  connections(infoHash?: string): Array<DataConnection<Received, Sent>> {
    if (infoHash === undefined) return claimed(this.#swarms.flatMap(({ swarm }) => swarm.connections))
    const id = parseInfoHash(infoHash)
    const swarm = this.#torrents?.get(id)
    if (swarm === undefined && !this.#client.torrents.some(torrent => torrent.infoHash === id)) throw this.#unknown(id)
    return claimed(swarm?.swarm.connections ?? [])
  }

  /**
   * An invitation to one torrent, plain JSON for a chat, a mail or a QR code, for when there is no tracker to meet by. Whoever gets it
   * has the same torrent, hands it to {@link ConnectionManager.connect}, and sends back what comes of that, within ten minutes. One
   * invitation is good for one peer; whoever knows one of a swarm meets the others by itself. Keep it between the two: it names the
   * torrent and your addresses, and whoever reads it may answer it.
   *
   * @example
   * const invitation = await manager.invite(torrent.infoHash) // here
   * const answer = await manager.connect(invitation)          // there
   * await manager.connect(answer)                             // and here again
   */
  async invite(infoHash: string): Promise<Signal> {
    const swarm = await this.#byHand(parseInfoHash(infoHash))
    const { manual } = await this.#meetingPoints.byHand()
    swarm.retarget()
    return manual.invitation(swarm.infoHash, this.#network?.announceId ?? '', await swarm.swarm.invite(manual))
  }

  /**
   * Takes an invitation, or the answer to one of ours. Resolves with the answer to hand back, or with nothing. Rejects when it is
   * malformed, for a torrent that is not here, too old, or of somebody whom we know already.
   */
  async connect(signal: Signal | string): Promise<Signal | undefined> {
    const { manual, readSignal } = await this.#meetingPoints.byHand()
    const read = readSignal(signal)
    const swarm = await this.#byHand(read.infoHash)
    swarm.retarget()
    return await manual.receive(read)
  }

  /** Announces every torrent that is not private to this tracker too. */
  addTracker(url: string): void {
    const name = validateTrackerUrl(url)
    if (this.#settings.trackers.includes(name)) return
    if (this.#destroying !== undefined) throw destroyed()
    this.#settings.trackers.push(name)
    this.#torrents?.retarget()
  }

  /** Takes back what the `trackers` option or `addTracker` said; a torrent's own trackers stay its own. */
  removeTracker(url: string): void {
    const name = validateTrackerUrl(url)
    this.#settings.trackers = this.#settings.trackers.filter(tracker => tracker !== name)
    this.#torrents?.retarget()
  }

  getStats(): ManagerStats {
    const network = this.#network
    const torrents = this.#swarms.map(({ infoHash, swarm }) => ({
      infoHash,
      peerCount: swarm.peers.length,
      connections: swarm.connections.length,
      trackers: swarm.signalings.flatMap(({ name, source }) => (source === 'tracker' ? name : [])),
      signaling: swarm.signalings.flatMap(({ name, source }) => (source === 'tracker' ? [] : name)),
      stages: swarm.stages(),
      bySignaling: swarm.stagesBySignaling(),
    }))
    return {
      state: this.#destroying === undefined ? this.#state.name : 'destroyed',
      activeTorrents: torrents.length,
      peerId: this.peerId,
      announceId: this.announceId,
      engine: network?.engine.name,
      connections: { used: network?.budget.used ?? 0, limit: this.#settings.maxConnections },
      offers: { made: network?.pool.made ?? 0, reused: network?.pool.reused ?? 0, idle: network?.pool.idle ?? 0 },
      ...this[STATION].statuses(),
      torrents,
    }
  }

  /** What has to be kept to be the same peer again; absent before `ready` and where no key can be made. */
  getCredentials(): Credentials | undefined {
    return this.#network?.identity.key?.credentials
  }

  /** Detaches: closes every connection of ours, says goodbye to the trackers, and puts WebTorrent's own trackers back. */
  destroy(): Promise<void> {
    this.#destroying ??= this.#destroy()
    return this.#destroying
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }

  get #network(): Network | undefined {
    return this.#state.name === 'running' ? this.#state.network : undefined
  }

  get #torrents(): Torrents | undefined {
    return this.#state.name === 'running' ? this.#state.torrents : undefined
  }

  get #swarms(): TorrentSwarm[] {
    return this.#torrents?.swarms ?? []
  }

  #station(): Station {
    const { wrtc, credentials, exchange } = this.#options
    const { rtcConfig, gatherTimeout, maxConnections, signaling } = this.#settings
    return new Station({
      env: this.#env,
      rtcConfig,
      wrtc,
      credentials,
      gatherTimeout,
      maxConnections,
      signaling,
      ...(exchange !== undefined && { exchange }),
      admit: (remote, by) => this.#admit(remote, by),
      shares: (remote, source) => this.#shares(remote, source),
    })
  }

  async #start(): Promise<void> {
    // Until the manager runs, torrents need their own trackers.
    const late = this.#env.timer(STORE_PATIENCE, () => this.#takeover?.end())
    try {
      const network = await untilAborted(this[STATION].open(), this.#stop.signal, destroyed)
      if (this.#destroying !== undefined) return
      const { maxPeersPerTorrent } = this.#settings
      const begin = (torrent: Torrent, infoHash: Id) => this.#begin(torrent, infoHash, network)
      this.#state = { name: 'running', network, torrents: new Torrents({ pool: network.pool, maxPeersPerTorrent, begin }) }
      log('ready as %s, announced as %s', network.identity.peerId, network.announceId)
    } catch (error) {
      if (this.#destroying !== undefined) return
      const reason = asError(error, 'ERR_ENGINE', 'swarmlink could not start; WebTorrent goes on without it')
      this.#state = { name: 'off', reason }
      this.#detach()
      this.emit('warning', reason)
      return
    } finally {
      late.cancel()
    }
    const { identity, announceId } = this.#state.network
    this.emit('ready', { peerId: identity.peerId, announceId })
    if (this.#destroying !== undefined) return
    preload(this.#state.network)
    this.#takeover?.rest()
    for (const torrent of this.#client.torrents) this.#torrents?.follow(torrent)
  }

  /** Nothing of ours listens to the client any more, nor to what may go on for rooms. */
  #detach(): void {
    for (const release of this.#release.splice(0)) release()
    this.#torrents?.detach()
  }

  async #destroy(): Promise<void> {
    this.#detach()
    this.#stop.abort()
    await this.#torrents?.close()
    await this.#starting
    this.#meetingPoints.close()
    await this.#leave()
    this.#state = { name: 'destroyed' }
  }

  #begin(torrent: Torrent, infoHash: Id, network: Network): TorrentSwarm {
    const { maxPeersPerTorrent, numwant } = this.#settings
    const swarm = new TorrentSwarm({
      torrent,
      infoHash,
      bitTorrentId: this.#client.peerId,
      network,
      limits: { ...this.#settings, maxPeers: maxPeersPerTorrent },
      maxMessageSize: this.#settings.maxMessageSize,
      maxJsonSize: this.#settings.maxJsonSize,
      numwant,
      port: SWARM_DEFAULTS.port,
      signalings: () => this.#meetingPoints.of(torrent),
    })
    swarm.on('peer', ({ remote, introducer }) => this.emit('peer', infoOf(remote, introducer.source), torrent))
    swarm.on('wire', wire => this.emit('wire', wire, torrent))
    swarm.on('connection', connection => this.emit('connection', claimed(connection), torrent))
    swarm.on('lost', (peer, error) => this.#lost(peer, error, torrent))
    swarm.on('failed', ({ id, error }) => this.emit('peer-failed', { announceId: id, error }, torrent))
    swarm.on('counts', ({ name }, counts) => this.emit('update', { url: name, infoHash, ...counts }))
    swarm.on('stage', step => this.emit('stage', { infoHash, ...step }))
    swarm.on('warning', error => this.emit('warning', error))
    return swarm
  }

  #lost(peer: TopicPeer, error: SwarmlinkError | undefined, torrent: Torrent): void {
    const { peerId, announceId } = peer.remote
    this.emit('peer-disconnected', { peerId, announceId, reason: error?.code ?? 'closed' }, torrent)
  }

  async #admit(remote: Remote, signaling: Signaling): Promise<boolean> {
    const { requireIdentity, verify } = this.#options
    if (requireIdentity === true && !remote.verified) return false
    if (verify === undefined) return true
    try {
      return await verify(infoOf(remote, signaling.source))
    } catch (error) {
      this.emit('warning', asError(error, 'ERR_IDENTITY', '`verify` failed, so the peer is refused'))
      return false
    }
  }

  #shares(remote: Remote, source: Signaling['source']): boolean {
    const { share = 'verified' } = this.#options
    try {
      return mayShare(share, infoOf(remote, source))
    } catch (error) {
      this.emit('warning', asError(error, 'ERR_CALLBACK', '`share` failed, so nothing is shared with the peer'))
      return false
    }
  }

  /** A torrent that peers may be let into by hand. */
  async #byHand(id: Id): Promise<TorrentSwarm> {
    await this.#starting
    const swarm = this.#torrents?.get(id)
    if (swarm === undefined) throw this.#unknown(id)
    if (swarm.torrent.private === true)
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'this torrent is private: it is met through its own trackers and in no other way',
      )
    return swarm
  }

  #unknown(id: Id): SwarmlinkError {
    if (this.#state.name === 'running')
      return new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        `no torrent of this client has the info hash ${id}: add it to the client before`,
      )
    if (this.#state.name !== 'off') return destroyed()
    const { reason } = this.#state
    return new SwarmlinkError('ERR_CLOSED', `this ConnectionManager could not start: ${reason.message}`, { cause: reason })
  }
}

function destroyed(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this ConnectionManager is destroyed')
}

function infoOf(remote: Remote, source: PeerSource): PeerInfo {
  const { peerId, announceId, verified, ours } = remote
  return { peerId, announceId, verified, ours, source }
}

function checkClient(client: WebTorrentClient): asserts client is Client {
  const looksRight =
    hasMethods(client, ['on', 'removeListener']) && typeof client.peerId === 'string' && Array.isArray(client.torrents)
  if (!looksRight) throw invalid('the first argument', 'a WebTorrent client', client)
  if (client.destroyed === true)
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this WebTorrent client is destroyed: make a new one')
  if (attachedClients.has(client))
    throw new SwarmlinkError(
      'ERR_INVALID_ARGUMENT',
      'this WebTorrent client has a ConnectionManager already: destroy that one first',
    )
}

/** So that the first torrent finds loaded what every torrent needs: 20 ms of its first wire. Where that fails its swarm tries again, and tells. */
function preload(network: Network): void {
  for (const loading of [network.together(), import('../channel/wire-stream.js')]) loading.catch(() => {})
}
