/** Reads the figures of connections for one reader: rates are those since its last look at a connection. */
import { logger } from '../../core/log.js'
import { readStats, type MediaStats, type TrackCounters } from './media-stats.js'

const log = logger('media')

export class StatsReader {
  readonly #counters = new WeakMap<RTCPeerConnection, TrackCounters>()

  /** Undefined for a connection without an `RTCPeerConnection`, or whose engine fails. */
  async read({ id, peer }: { id: string; peer: RTCPeerConnection | undefined }): Promise<MediaStats | undefined> {
    if (peer === undefined) return undefined
    const before: TrackCounters = this.#counters.get(peer) ?? new Map()
    this.#counters.set(peer, before)
    try {
      return readStats(id, peer, await peer.getStats(), before)
    } catch (error) {
      log('getStats failed: %o', error)
      return undefined
    }
  }
}
