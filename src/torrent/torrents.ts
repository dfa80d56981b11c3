/** The torrents of one client, each followed from `add` to `close`. Knows nothing of how peers are found. */
import type { Timer } from '../core/env.js'
import { type Id, parseInfoHash } from '../core/id.js'
import { WARM_FOR } from '../signaling/tracker/tracker.js'
import type { Runtime } from '../swarm/runtime.js'
import type { TorrentSwarm } from './torrent-swarm.js'
import type { Torrent } from './webtorrent.js'

/** Offers gathered as soon as the first torrent is added, or before, so that its first announcement does not wait. */
const AHEAD = 5

export interface TorrentsDeps {
  runtime: Pick<Runtime, 'env' | 'pool' | 'topics'>
  maxPeersPerTorrent: number
  /** Makes the swarm of a torrent whose info hash is known. */
  begin: (torrent: Torrent, infoHash: Id) => TorrentSwarm
}

export class Torrents {
  readonly #deps: TorrentsDeps
  readonly #swarms = new Map<Torrent, TorrentSwarm>()
  /** Removes our listeners from each torrent. */
  readonly #followed = new Map<Torrent, () => void>()
  /** Runs while offers are kept for the first torrent. */
  #warm: Timer | undefined

  constructor(deps: TorrentsDeps) {
    this.#deps = deps
  }

  get swarms(): TorrentSwarm[] {
    return [...this.#swarms.values()]
  }

  get(id: Id): TorrentSwarm | undefined {
    return this.swarms.find(({ infoHash }) => infoHash === id)
  }

  /** Follows the torrents that are there already. */
  start(torrents: readonly Torrent[], warm: boolean): void {
    for (const torrent of torrents) this.follow(torrent)
    if (warm) this.warm()
  }

  /** Gathers offers for the first torrent, and keeps them for as long as a tracker waits for it. */
  warm(): void {
    if (this.#followed.size > 0) return
    this.#prepare()
    this.#warm = this.#deps.runtime.env.timer(WARM_FOR, () => this.#drain())
  }

  /** Starts a swarm once the info hash is known. Idempotent. */
  follow(torrent: Torrent): void {
    if (torrent.destroyed === true || this.#followed.has(torrent)) return
    this.#warm?.cancel()
    this.#prepare()
    const look = () => {
      // Not parsed yet: the event `infoHash` follows, except for a duplicate of another torrent.
      if (torrent.infoHash === undefined || torrent.announce === undefined) return
      // The info hash may be known before the trackers and the private flag, so retarget each time.
      const swarm = this.#swarms.get(torrent)
      if (swarm === undefined) this.#swarms.set(torrent, this.#deps.begin(torrent, parseInfoHash(torrent.infoHash)))
      this.#swarms.get(torrent)?.retarget()
    }
    const end = () => void this.#forget(torrent)
    torrent.on('infoHash', look)
    torrent.on('close', end)
    this.#followed.set(torrent, () => {
      torrent.removeListener('infoHash', look)
      torrent.removeListener('close', end)
    })
    look()
  }

  /** The trackers of the manager changed. */
  retarget(): void {
    for (const swarm of this.swarms) swarm.retarget()
  }

  /** Removes our listeners from all torrents; their swarms go on. */
  detach(): void {
    this.#warm?.cancel()
    for (const stop of this.#followed.values()) stop()
    this.#followed.clear()
  }

  async close(): Promise<void> {
    this.detach()
    await Promise.all(this.swarms.map(swarm => swarm.close()))
    this.#swarms.clear()
  }

  #prepare(): void {
    const { runtime, maxPeersPerTorrent } = this.#deps
    runtime.pool.prepare(Math.min(AHEAD, maxPeersPerTorrent))
  }

  async #forget(torrent: Torrent): Promise<void> {
    this.#followed.get(torrent)?.()
    this.#followed.delete(torrent)
    const swarm = this.#swarms.get(torrent)
    this.#swarms.delete(torrent)
    await swarm?.close()
    if (this.#followed.size === 0) this.#drain()
  }

  /** Closes the offers, unless a room on the same connections uses them. */
  #drain(): void {
    const { pool, topics } = this.#deps.runtime
    if (topics.size === 0) pool.drain()
  }
}
