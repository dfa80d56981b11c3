/** Where the torrents of one client are announced: trackers, what the application handed in, and by hand. */
import type { Env } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import { openSignaling } from '../signaling/open-signaling.js'
import type { ManualSignaling, Signal } from '../signaling/manual/manual-signaling.js'
import type { Signaling } from '../signaling/signaling.js'
import type { SignalingSet } from '../signaling/signaling-set.js'
import { TrackerSet } from '../signaling/tracker/tracker-set.js'
import type { Settings } from './options.js'
import type { ManagerStats } from './stats.js'
import type { Torrent } from './webtorrent.js'

/** Trackers that one torrent is announced to: whoever made its link must not choose how many sockets we open. */
const MAX_TRACKERS = 20

export interface MeetingPointsParts {
  env: Env
  settings: Settings
  warn: (error: SwarmlinkError) => void
}

export class MeetingPoints {
  readonly #parts: MeetingPointsParts
  readonly #trackers: TrackerSet
  #given: SignalingSet | undefined
  #manual: ManualSignaling | undefined
  #closed = false

  constructor(parts: MeetingPointsParts) {
    this.#parts = parts
    this.#trackers = new TrackerSet(parts.env, parts.warn)
  }

  /** What the application handed in is used from now on. */
  async open(): Promise<void> {
    const { env, settings, warn } = this.#parts
    this.#given = await openSignaling(settings.signaling, env, warn)
  }

  /** A private torrent's own trackers and nothing else; any other's own ones, ours, and what else there is to meet by. */
  of(torrent: Torrent): Signaling[] {
    const { trackers, fallbackTrackers } = this.#parts.settings
    const own = (torrent.announce ?? []).filter(url => /^wss?:/i.test(url))
    if (torrent.private === true) return this.#trackersAt(own)
    const urls = [...own, ...trackers]
    const others = [...(this.#given?.list() ?? []), ...(this.#manual === undefined ? [] : [this.#manual])]
    return [...this.#trackersAt(urls.length === 0 ? fallbackTrackers : urls), ...others]
  }

  /** Loaded by those only who meet by hand. */
  async byHand(): Promise<{ manual: ManualSignaling; readSignal: (data: unknown) => Signal }> {
    const { ManualSignaling, readSignal } = await import('../signaling/manual/manual-signaling.js')
    this.#manual ??= new ManualSignaling(this.#parts.env)
    if (this.#closed) this.#manual.close()
    return { manual: this.#manual, readSignal }
  }

  statuses(): Pick<ManagerStats, 'trackers' | 'signaling'> {
    return { trackers: this.#trackers.statuses(), signaling: this.#given?.statuses() ?? [] }
  }

  /** The network is back: whoever waits to dial dials at once. */
  wake(): void {
    this.#trackers.wake()
    this.#given?.wake()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#manual?.close()
    this.#given?.close()
    await this.#trackers.close()
  }

  #trackersAt(urls: string[]): Signaling[] {
    return [...new Set(urls)].slice(0, MAX_TRACKERS).flatMap(url => {
      try {
        return [this.#trackers.get(url)]
      } catch (error) {
        this.#parts.warn(asError(error, 'ERR_INVALID_ARGUMENT', 'a torrent names a tracker that is none'))
        return []
      }
    })
  }
}
