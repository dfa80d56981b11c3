/** The torrents of one client, each followed from its first word to its end. Knows nothing of how peers are found. */
import { type Id, parseInfoHash } from '../core/id.js'
import type { OfferPool } from '../peer/offer-pool.js'
import type { TorrentSwarm } from './torrent-swarm.js'
import type { Torrent } from './webtorrent.js'

/** Offers gathered as soon as the first torrent is added, so that its first announcement does not wait. */
const AHEAD = 5

export interface TorrentsParts {
  pool: OfferPool
  maxPeersPerTorrent: number
  /** A swarm for a torrent whose hash is known. */
  begin: (torrent: Torrent, infoHash: Id) => TorrentSwarm
}

export class Torrents {
  readonly #parts: TorrentsParts
  readonly #swarms = new Map<Torrent, TorrentSwarm>()
  /** Ends our listening to each torrent. */
  readonly #followed = new Map<Torrent, () => void>()

  constructor(parts: TorrentsParts) {
    this.#parts = parts
  }

  get swarms(): TorrentSwarm[] {
    return [...this.#swarms.values()]
  }

  get(id: Id): TorrentSwarm | undefined {
    return this.swarms.find(({ infoHash }) => infoHash === id)
  }

  /** From now on, once. */
  follow(torrent: Torrent): void {
    const { pool, maxPeersPerTorrent, begin } = this.#parts
    if (torrent.destroyed === true || this.#followed.has(torrent)) return
    pool.prepare(Math.min(AHEAD, maxPeersPerTorrent))
    const look = () => {
      // Not parsed yet: the event follows. A duplicate of another torrent never gets as far as that.
      if (torrent.infoHash === undefined || torrent.announce === undefined) return
      // A hash can be there a moment before the trackers and the word whether it is private.
      const swarm = this.#swarms.get(torrent)
      if (swarm === undefined) this.#swarms.set(torrent, begin(torrent, parseInfoHash(torrent.infoHash)))
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

  /** Where torrents are announced has changed. */
  retarget(): void {
    for (const swarm of this.swarms) swarm.retarget()
  }

  /** Nothing listens to them any more; their swarms go on. */
  detach(): void {
    for (const stop of this.#followed.values()) stop()
    this.#followed.clear()
  }

  async close(): Promise<void> {
    this.detach()
    await Promise.all(this.swarms.map(swarm => swarm.close()))
    this.#swarms.clear()
  }

  async #forget(torrent: Torrent): Promise<void> {
    this.#followed.get(torrent)?.()
    this.#followed.delete(torrent)
    const swarm = this.#swarms.get(torrent)
    this.#swarms.delete(torrent)
    await swarm?.close()
    if (this.#followed.size === 0) this.#parts.pool.drain()
  }
}
