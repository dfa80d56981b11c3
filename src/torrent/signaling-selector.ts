/** Where the torrents of one client are announced: trackers, what the application handed in, and by hand. */
import type { Env } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { ManualSignaling, Signal } from '../signaling/manual/manual-signaling.js'
import type { Signaling } from '../signaling/signaling.js'
import type { Station } from '../swarm/station.js'
import type { Settings } from './options.js'
import type { Torrent } from './webtorrent.js'

/** Trackers that one torrent is announced to: whoever made its link must not choose how many sockets we open. */
const MAX_TRACKERS = 20

export interface MeetingPointsParts {
  env: Env
  station: Station
  settings: Settings
  warn: (error: SwarmlinkError) => void
}

export class MeetingPoints {
  readonly #parts: MeetingPointsParts
  #manual: ManualSignaling | undefined
  #closed = false

  constructor(parts: MeetingPointsParts) {
    this.#parts = parts
  }

  /** A private torrent's own trackers and nothing else; any other's own ones, ours, and what else there is to meet by. */
  of(torrent: Torrent): Signaling[] {
    const { settings, station } = this.#parts
    const own = (torrent.announce ?? []).filter(url => /^wss?:/i.test(url))
    if (torrent.private === true) return this.#trackersAt(own)
    const urls = [...own, ...settings.trackers]
    const others = [...station.signaling, ...(this.#manual === undefined ? [] : [this.#manual])]
    return [...this.#trackersAt(urls.length === 0 ? settings.fallbackTrackers : urls), ...others]
  }

  /** Loaded by those only who meet by hand. */
  async byHand(): Promise<{ manual: ManualSignaling; readSignal: (data: unknown) => Signal }> {
    const { ManualSignaling, readSignal } = await import('../signaling/manual/manual-signaling.js')
    this.#manual ??= new ManualSignaling(this.#parts.env)
    if (this.#closed) this.#manual.close()
    return { manual: this.#manual, readSignal }
  }

  close(): void {
    this.#closed = true
    this.#manual?.close()
  }

  #trackersAt(urls: string[]): Signaling[] {
    return [...new Set(urls)].slice(0, MAX_TRACKERS).flatMap(url => {
      try {
        return [this.#parts.station.trackers.get(url)]
      } catch (error) {
        this.#parts.warn(asError(error, 'ERR_INVALID_ARGUMENT', 'a torrent names a tracker that is none'))
        return []
      }
    })
  }
}
