/** Looks at the figures of all connections every 2 s, and tells when one of them works better or worse than before. */
import type { Env, Timer } from '../../core/env.js'
import { qualityOf, type MediaStats, type Quality } from './media-stats.js'
import { StatsReader } from './stats-reader.js'

const INTERVAL = 2_000

interface Watched {
  readonly id: string
  readonly isUp: boolean
  readonly wasUp: boolean
  readonly peer: RTCPeerConnection | undefined
  readonly isEnded: boolean
}

export interface QualityMonitorDeps {
  connections: () => Iterable<Watched>
  changed: (detail: { id: string; quality: Quality; stats: MediaStats }) => void
}

export class QualityMonitor {
  readonly #env: Env
  readonly #deps: QualityMonitorDeps
  readonly #stats = new StatsReader()
  readonly #latest = new Map<string, { quality: Quality; freezes: number }>()
  #timer: Timer | undefined

  constructor(env: Env, deps: QualityMonitorDeps) {
    this.#env = env
    this.#deps = deps
  }

  /** Looks at intervals, or stops. */
  run(isOn: boolean): void {
    this.#timer?.cancel()
    this.#timer = isOn ? this.#env.timer(INTERVAL, () => this.#look()) : undefined
  }

  forget(id: string): void {
    this.#latest.delete(id)
  }

  #look(): void {
    this.run(true)
    for (const connection of this.#deps.connections()) if (connection.wasUp) void this.#compare(connection)
  }

  async #compare(connection: Watched): Promise<void> {
    const { id } = connection
    const stats = await this.#stats.read(connection)
    if (stats === undefined || connection.isEnded) return
    const before = this.#latest.get(id)
    const freezes = stats.tracks.reduce((sum, track) => sum + track.freezes, 0)
    const quality = qualityOf(stats, connection.isUp, freezes - (before?.freezes ?? 0))
    this.#latest.set(id, { quality, freezes })
    if (quality !== before?.quality) this.#deps.changed({ id, quality, stats })
  }
}
