/**
 * Loads the {@link SeenFilter} when the first id is added: it would be a third of all code that a page loads, and most pages
 * never refuse a peer. Until it is loaded, a `Set` remembers the ids.
 */
import type { Env } from './env.js'
import type { SeenFilter, SeenFilterOptions } from './seen-filter.js'

export class LazySeenFilter {
  readonly #env: Env
  readonly #options: SeenFilterOptions
  readonly #early = new Set<string>()
  #filter: SeenFilter | undefined
  #loading = false

  constructor(env: Env, options: SeenFilterOptions) {
    this.#env = env
    this.#options = options
  }

  add(id: string): void {
    if (this.#filter !== undefined) return this.#filter.add(id)
    // Only reached when the filter cannot be loaded, for instance because the page is offline.
    if (this.#early.size >= this.#options.capacity) this.#early.clear()
    this.#early.add(id)
    if (!this.#loading) void this.#load()
  }

  has(id: string): boolean {
    return this.#filter?.has(id) ?? this.#early.has(id)
  }

  async #load(): Promise<void> {
    this.#loading = true
    try {
      const { SeenFilter } = await import('./seen-filter.js')
      const filter = new SeenFilter(this.#env, this.#options)
      for (const id of this.#early) filter.add(id)
      this.#early.clear()
      this.#filter = filter
    } catch {
      this.#env.timer(this.#options.rotateAfter, () => {
        this.#early.clear()
        this.#loading = false
      })
    }
  }
}
