/** Chooses the signallings of each torrent: trackers, those of the `signaling` option, and manual signalling. */
import type { Env } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import type { ManualSignaling, Signal } from '../signaling/manual/manual-signaling.js'
import type { Signaling } from '../signaling/signaling.js'
import type { SharedRuntime } from '../swarm/shared-runtime.js'
import type { Settings } from './options.js'
import type { Torrent } from './webtorrent.js'

/** Trackers per torrent: the author of a magnet link must not decide how many sockets this client opens. */
const MAX_TRACKERS = 20

export interface SignalingSelectorDeps {
  env: Env
  runtime: SharedRuntime
  settings: Settings
  warn: (error: SwarmlinkError) => void
}

export class SignalingSelector {
  readonly #deps: SignalingSelectorDeps
  #manual: ManualSignaling | undefined
  #closed = false

  constructor(deps: SignalingSelectorDeps) {
    this.#deps = deps
  }

  /** Only its own trackers for a private torrent; its own, the configured ones and all other signallings for any other. */
  of(torrent: Torrent): Signaling[] {
    const { settings, runtime } = this.#deps
    const own = (torrent.announce ?? []).filter(url => /^wss?:/i.test(url))
    if (torrent.private === true) return this.#trackersAt(own)
    const urls = [...own, ...settings.trackers]
    const others = [...runtime.signaling, ...(this.#manual === undefined ? [] : [this.#manual])]
    return [...this.#trackersAt(urls.length === 0 ? settings.fallbackTrackers : urls), ...others]
  }

  /** Manual signalling, loaded on first use. */
  async manual(): Promise<{ manual: ManualSignaling; readSignal: (data: unknown) => Signal }> {
    const { ManualSignaling, readSignal } = await import('../signaling/manual/manual-signaling.js')
    this.#manual ??= new ManualSignaling(this.#deps.env)
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
        return [this.#deps.runtime.trackers.get(url)]
      } catch (error) {
        this.#deps.warn(asError(error, 'ERR_INVALID_ARGUMENT', 'ignored a wrong tracker URL of a torrent'))
        return []
      }
    })
  }
}
