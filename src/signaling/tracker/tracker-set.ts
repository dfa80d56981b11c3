/** All trackers of one client: one {@link Tracker}, and so one socket, for each URL. */
import type { Env } from '../../core/env.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { urlName } from '../../core/secrets.js'
import { Tracker, type TrackerStatus, validateTrackerUrl } from './tracker.js'

export class TrackerSet implements AsyncDisposable {
  readonly #env: Env
  readonly #warn: (error: SwarmlinkError, tracker: Tracker) => void
  /** By their full URLs. */
  readonly #trackers = new Map<string, Tracker>()

  constructor(env: Env, warn: (error: SwarmlinkError, tracker: Tracker) => void) {
    this.#env = env
    this.#warn = warn
  }

  /** The tracker at this URL; throws for what is no tracker URL. */
  get(url: string): Tracker {
    const full = validateTrackerUrl(url)
    const known = this.#trackers.get(full)
    if (known !== undefined) return known
    const tracker = new Tracker(full, this.#env, this.#nameOf(full))
    tracker.on('warning', error => this.#warn(error, tracker))
    this.#trackers.set(full, tracker)
    return tracker
  }

  /** A number tells two trackers apart whose hashes are the same, by a chance of one in four billion. */
  #nameOf(url: string): string {
    const name = urlName(url)
    const others = [...this.#trackers.keys()].filter(other => urlName(other) === name).length
    return others === 0 ? name : `${name}-${others + 1}`
  }

  /** The network is back: whoever waits to dial again dials now. */
  wake(): void {
    for (const tracker of this.#trackers.values()) tracker.wake()
  }

  statuses(): TrackerStatus[] {
    return [...this.#trackers.values()].map(tracker => tracker.status())
  }

  async close(): Promise<void> {
    await Promise.all([...this.#trackers.values()].map(tracker => tracker.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
