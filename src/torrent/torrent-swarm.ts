/** One torrent and its swarm: follows the torrent's events and turns peers into wires. */
import { Emitter } from '../core/emitter.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { readSafely } from '../core/uncaught.js'
import type { TorrentStats } from '../metrics/stats.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import { Swarm } from '../swarm/swarm.js'
import type { TransferProgress, SwarmOptions } from '../swarm/swarm-options.js'
import type { Torrent, Wire } from './webtorrent.js'
import type { Wires } from './wires.js'

/** `left` of a torrent without metadata: not 0, or trackers would count it as a seeder. */
const UNKNOWN_LEFT = 16_384

export interface TorrentSwarmEvents {
  peer: [TopicPeer]
  wire: [Wire]
  warning: [SwarmlinkError]
}

export interface TorrentSwarmOptions extends Omit<SwarmOptions, 'topic' | 'alias' | 'progress' | 'paused' | 'rotates'> {
  torrent: Torrent
  infoHash: Id
  /** This client's BitTorrent id, hex. */
  bitTorrentId: string
  /** The signallings that this torrent should use now. */
  signalings: (torrent: Torrent) => Signaling[]
}

export class TorrentSwarm extends Emitter<TorrentSwarmEvents> {
  readonly torrent: Torrent
  readonly infoHash: Id
  readonly swarm: Swarm
  readonly #options: TorrentSwarmOptions
  readonly #listeners: Array<() => void> = []
  /** Loaded lazily: a quarter of the initial code of a page, and the first peer is found later than it is loaded. */
  readonly #loading = import('./wires.js')
  #wires: Wires | undefined
  #closing: Promise<void> | undefined

  constructor(options: TorrentSwarmOptions) {
    super()
    const { torrent, infoHash } = options
    this.#options = options
    this.#loading.catch(() => {}) // #welcome reports it
    this.torrent = torrent
    this.infoHash = infoHash
    this.swarm = new Swarm({
      ...options,
      topic: infoHash,
      alias: options.bitTorrentId, // WebTorrent's own trackers may announce this client under that id
      isolated: torrent.private === true,
      progress: () => readSafely(() => progressOf(torrent)) ?? { uploaded: 0, downloaded: 0, left: UNKNOWN_LEFT },
      paused: () => readSafely(() => torrent.paused) === true,
      rotates: true,
    })
    this.swarm.on('peer', peer => void this.#welcome(peer))
    this.#listen('wire', (wire: Wire) => this.#wires?.opened(wire))
    this.#listen('metadata', () => this.retarget())
    this.#listen('done', () => this.swarm.completed())
  }

  /** Attaches and detaches signallings after a change: of the trackers, or when the metadata shows that the torrent is private. */
  retarget(): void {
    if (this.#closing !== undefined) return
    if (this.torrent.private === true) this.swarm.isolate()
    const wanted = this.#options.signalings(this.torrent)
    for (const { name, source } of this.swarm.signalings)
      if (source !== 'exchange' && !wanted.some(signaling => signaling.name === name)) void this.swarm.detach(name)
    for (const signaling of wanted) this.swarm.attach(signaling)
    for (const peer of this.swarm.peers) if (this.#isForeign(peer)) peer.destroy()
  }

  /** True for a peer of a private torrent that another signalling than its own trackers introduced. */
  #isForeign({ origin }: TopicPeer): boolean {
    return this.torrent.private === true && !this.#options.signalings(this.torrent).some(({ name }) => name === origin.name)
  }

  stats(): TorrentStats {
    const { swarm, infoHash } = this
    const named = (isTracker: boolean) =>
      swarm.signalings.flatMap(({ name, source }) => ((source === 'tracker') === isTracker ? name : []))
    return {
      infoHash,
      peerCount: swarm.peers.length,
      connections: swarm.connections.length,
      trackers: named(true),
      signaling: named(false),
      stages: swarm.stages(),
      bySignaling: swarm.stagesBySignaling(),
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    for (const stop of this.#listeners) stop()
    await this.swarm.close()
  }

  #listen(event: string, listener: (...values: never[]) => void): void {
    this.torrent.on(event, listener)
    this.#listeners.push(() => this.torrent.removeListener(event, listener))
  }

  async #welcome(peer: TopicPeer): Promise<void> {
    if (this.#isForeign(peer)) return peer.destroy() // the metadata arrived while the peer was connecting
    this.emit('peer', peer)
    const loaded = await this.#loading.catch((error: unknown) => {
      this.emit('warning', asError(error, 'ERR_ENGINE', 'a part of swarmlink could not be loaded'))
    })
    if (loaded === undefined) return peer.destroy()
    this.#wires ??= new loaded.Wires(this.swarm, this.#options, (name, ...args) => void this.emit(name, ...args))
    await this.#wires.add(peer)
  }
}

function progressOf(torrent: Torrent): TransferProgress {
  const { uploaded, downloaded, length } = torrent
  return { uploaded, downloaded, left: torrent.done ? 0 : length === undefined ? UNKNOWN_LEFT : Math.max(1, length - downloaded) }
}
