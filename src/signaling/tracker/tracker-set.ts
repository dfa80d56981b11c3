/** All trackers of one client: one {@link Tracker}, and so one socket, per URL. */
import type { Env } from '../../core/env.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { urlName } from '../../core/secrets.js'
import { Tracker, type TrackerStatus, validateTrackerUrl } from './tracker.js'

export class TrackerSet {
  readonly #env: Env
  readonly #warn: (error: SwarmlinkError, tracker: Tracker) => void
  /** By their full URLs. */
  readonly #trackers = new Map<string, Tracker>()

  constructor(env: Env, warn: (error: SwarmlinkError, tracker: Tracker) => void) {
    this.#env = env
    this.#warn = warn
  }

  get(url: string): Tracker {
    const full = validateTrackerUrl(url)
    const known = this.#trackers.get(full)
    if (known !== undefined) return known
    const tracker = new Tracker(full, this.#env, this.#nameOf(full))
    tracker.on('warning', error => this.#warn(error, tracker))
    this.#trackers.set(full, tracker)
    return tracker
  }

  /** Dials these trackers before they have a topic. Returns the function that leaves those which still have none. */
  warm(urls: Iterable<string>): () => void {
    const cools = [...urls].map(url => this.get(url).warm())
    return () => {
      for (const cool of cools) cool()
    }
  }

  /** Numbers trackers whose URL hashes collide, which has a probability of one in four billion. */
  #nameOf(url: string): string {
    const name = urlName(url)
    const others = [...this.#trackers.keys()].filter(other => urlName(other) === name).length
    return others === 0 ? name : `${name}-${others + 1}`
  }

  wake(): void {
    for (const tracker of this.#trackers.values()) tracker.wake()
  }

  statuses(): TrackerStatus[] {
    return [...this.#trackers.values()].map(tracker => tracker.status())
  }

  async close(): Promise<void> {
    await Promise.all([...this.#trackers.values()].map(tracker => tracker.close()))
  }
}
