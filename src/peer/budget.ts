/** How many connections the whole client may hold, whatever topic they serve. Counts; opens nothing. */

/** One connection's place; giving it back twice is harmless. */
export interface Slot {
  readonly release: () => void
}

export class ConnectionBudget {
  readonly #limit: number
  readonly #freed = new Set<() => void>()
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  get free(): number {
    return this.#limit - this.#used
  }

  /** Whether a connection may be made ahead of its use. The last quarter is kept for those that somebody is there for. */
  get spare(): boolean {
    return this.free > this.#limit / 4
  }

  /** Undefined when every place is taken. */
  acquire(): Slot | undefined {
    if (this.free <= 0) return undefined
    this.#used++
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        this.#used--
        for (const freed of this.#freed) freed()
      },
    }
  }

  /** Calls back whenever a place becomes free; the function that comes back ends it. */
  onFree(callback: () => void): () => void {
    this.#freed.add(callback)
    return () => this.#freed.delete(callback)
  }
}
