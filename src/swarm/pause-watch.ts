/**
 * Whether a topic is paused. WebTorrent emits no event when a torrent pauses or resumes, so the application is asked whenever the answer
 * matters. A timer runs only while the topic is paused, to notice that it resumes. Knows nothing of peers.
 */
import type { Env, Timer } from '../core/env.js'

/** How often a paused topic is looked at: a resumed torrent has its peers back after this time at the latest. */
const PAUSE_LOOK = 1_000

export interface PauseWatchDeps {
  env: Env
  isPaused: () => boolean
  /** The topic paused or resumed since the last look. */
  changed: (paused: boolean) => void
}

export class PauseWatch {
  readonly #deps: PauseWatchDeps
  /** Runs while the topic is paused, as of the last look. */
  #timer: Timer | undefined
  #closed = false

  constructor(deps: PauseWatchDeps) {
    this.#deps = deps
  }

  /** Whether the topic is paused now. */
  look(): boolean {
    const paused = this.#deps.isPaused()
    if (this.#closed || paused === (this.#timer !== undefined)) return paused
    this.#timer?.cancel()
    this.#timer = paused ? this.#lookAgain() : undefined
    this.#deps.changed(paused)
    return paused
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #lookAgain(): Timer {
    return this.#deps.env.timer(PAUSE_LOOK, () => {
      if (this.#closed) return
      this.#timer = this.#lookAgain()
      this.look()
    })
  }
}
