/** One torrent and its swarm: follows the torrent's life, turns peers into wires. */
import type { WireStream } from '../channel/wire-stream.js'
import type { DataConnection } from '../channel/data-connection.js'
import { Emitter } from '../core/emitter.js'
import { withDeadline } from '../core/env.js'
import { asError, reasonOf, SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import { read } from '../core/uncaught.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import type { StageStep } from '../swarm/counters.js'
import { Swarm } from '../swarm/swarm.js'
import type { Progress, SwarmOptions } from '../swarm/swarm-options.js'
import type { Torrent, Wire } from './webtorrent.js'

const log = logger('torrent')

/** How long an engine may take to say where a peer is; most know at once. */
const ADDRESS_TIMEOUT = 1_000
/** The other side may hear of the other way to us first: our end of it is up as soon as its handshake has crossed. */
const TWIN_GRACE = 2_000
/** What a torrent without metadata has left: something, or trackers would take it for a seeder. */
const UNKNOWN_LEFT = 16_384

export interface TorrentSwarmEvents {
  peer: [TopicPeer]
  wire: [Wire]
  connection: [DataConnection]
  lost: [TopicPeer, SwarmlinkError | undefined]
  failed: [{ id: Id; error: SwarmlinkError }]
  counts: [Signaling, { complete: number; incomplete: number }]
  stage: [StageStep]
  warning: [SwarmlinkError]
}

export interface TorrentSwarmOptions extends Omit<SwarmOptions, 'topic' | 'alias' | 'progress' | 'paused' | 'rotates'> {
  torrent: Torrent
  infoHash: Id
  /** This client's BitTorrent id, hex. */
  bitTorrentId: string
  /** Where to announce this torrent, as far as it is known now. */
  signalings: (torrent: Torrent) => Signaling[]
}

export class TorrentSwarm extends Emitter<TorrentSwarmEvents> implements AsyncDisposable {
  readonly torrent: Torrent
  readonly infoHash: Id
  readonly swarm: Swarm
  readonly #options: TorrentSwarmOptions
  readonly #streams = new Map<TopicPeer, WireStream>()
  readonly #listeners: Array<() => void> = []
  /** Streams are a quarter of what a page would have to load at first; it takes longer to find somebody who needs one. */
  readonly #loading = import('../channel/wire-stream.js')
  #wireCount = 0
  #closing: Promise<void> | undefined

  constructor(options: TorrentSwarmOptions) {
    super()
    const { torrent, infoHash } = options
    this.#options = options
    this.#loading.catch(() => {}) // whoever needs it hears of it
    this.torrent = torrent
    this.infoHash = infoHash
    this.swarm = new Swarm({
      ...options,
      topic: infoHash,
      alias: options.bitTorrentId, // WebTorrent's own trackers may announce it by that one
      secluded: torrent.private === true,
      progress: () => read(() => progressOf(torrent)) ?? { uploaded: 0, downloaded: 0, left: UNKNOWN_LEFT },
      paused: () => read(() => torrent.paused) === true,
      rotates: true,
    })
    this.swarm.on('peer', peer => void this.#welcome(peer))
    this.swarm.on('connection', connection => this.emit('connection', connection))
    this.swarm.on('lost', (peer, error) => this.emit('lost', peer, error))
    this.swarm.on('failed', failure => this.emit('failed', failure))
    this.swarm.on('counts', (signaling, counts) => this.emit('counts', signaling, counts))
    this.swarm.on('stage', step => this.emit('stage', step))
    this.swarm.on('warning', error => this.emit('warning', error))
    this.#listen('wire', (wire: Wire) => this.#wired(wire))
    this.#listen('metadata', () => this.retarget())
    this.#listen('done', () => this.swarm.completed())
  }

  /** Announces where the torrent is to be announced now: to more, to others, or, once it proves private, to fewer. */
  retarget(): void {
    if (this.#closing !== undefined) return
    if (this.torrent.private === true) this.swarm.seclude()
    const wanted = this.#options.signalings(this.torrent)
    for (const { name, source } of this.swarm.signalings)
      if (source !== 'exchange' && !wanted.some(signaling => signaling.name === name)) void this.swarm.detach(name)
    for (const signaling of wanted) this.swarm.attach(signaling)
    for (const peer of this.swarm.peers) if (this.#isForeign(peer)) peer.destroy()
  }

  /** Proven private by its metadata: those who were not introduced by its own trackers have no business here. */
  #isForeign({ introducer }: TopicPeer): boolean {
    return this.torrent.private === true && !this.#options.signalings(this.torrent).some(({ name }) => name === introducer.name)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
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
    const { env } = this.#options.network
    if (this.#isForeign(peer)) return peer.destroy() // it was on its way when that was proven
    this.emit('peer', peer)
    // Only for block lists and display: a wire does not wait long for it, nor go without for its lack.
    const address = await withDeadline(env, peer.remoteAddress(), ADDRESS_TIMEOUT, () => new Error('late')).catch(() => undefined)
    const wires = await this.#loading.catch((error: unknown) => {
      this.emit('warning', asError(error, 'ERR_ENGINE', 'a part of swarmlink could not be loaded'))
    })
    if (wires === undefined) return peer.destroy()
    if (peer.first === undefined || peer.state !== 'open' || this.#closing !== undefined) return
    const stream = new wires.WireStream(peer.first, {
      env,
      id: `${peer.remote.announceId}#${++this.#wireCount}`,
      remoteAddress: address?.address,
      remotePort: address?.port,
    })
    this.#streams.set(peer, stream)
    stream.on('error', error => {
      log('%s: wire: %s', this.infoHash.slice(0, 8), reasonOf(error))
      if (isFlood(error)) this.swarm.avoid(peer) // or the same flood would come over the next wire
    })
    stream.on('close', () => {
      this.#streams.delete(peer)
      this.#unwired(peer, stream)
    })
    try {
      if (this.torrent.addPeer(stream, 'tracker')) return
      // Blocked by its address, or the torrent pauses just now.
      if (!this.torrent.paused) this.swarm.avoid(peer)
    } catch (error) {
      this.emit('warning', asError(error, 'ERR_CLOSED', 'WebTorrent did not take a peer'))
    }
    peer.destroy()
  }

  /** The wire is gone. Messages go on with a peer of ours that WebTorrent has on another way; nothing else does. */
  #unwired(peer: TopicPeer, { bitTorrentId, closedByRemote }: WireStream): void {
    if (peer.state !== 'open' || !peer.remote.ours) return peer.destroy()
    if (this.#isElsewhere(bitTorrentId)) return
    if (!closedByRemote) return peer.destroy() // by WebTorrent, for instance after a timeout: the next wire may follow at once
    const grace = this.#options.network.env.timer(TWIN_GRACE, () => {
      if (!this.#isElsewhere(bitTorrentId)) peer.destroy()
    })
    peer.on('close', () => grace.cancel())
  }

  /** WebTorrent completed a handshake, with a peer of ours or with one that it found itself. */
  #wired(wire: Wire): void {
    const ours = [...this.#streams].filter(([, stream]) => stream.bitTorrentId === wire.peerId)
    const [peer] = ours[0] ?? []
    if (wire.type === 'webrtc' && peer !== undefined) {
      this.swarm.wired(peer)
      this.emit('wire', wire)
    }
    // Met over TCP and here: one side has to choose which goes, or both would go.
    if (this.#isElsewhere(wire.peerId) && this.#options.bitTorrentId > wire.peerId)
      for (const [, stream] of ours) stream.destroy()
  }

  /** Whether WebTorrent has a wire to this BitTorrent peer that is not one of WebRTC. */
  #isElsewhere(bitTorrentId: string | undefined): boolean {
    return this.torrent.wires.some(wire => wire.peerId === bitTorrentId && wire.type !== 'webrtc')
  }
}

/** The wire closed itself because the remote sent what no client sends. */
function isFlood(error: unknown): boolean {
  return error instanceof SwarmlinkError && error.code === 'ERR_BAD_FRAME'
}

function progressOf(torrent: Torrent): Progress {
  const { uploaded, downloaded, length } = torrent
  return { uploaded, downloaded, left: torrent.done ? 0 : length === undefined ? UNKNOWN_LEFT : Math.max(1, length - downloaded) }
}
