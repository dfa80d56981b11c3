/** How many connections the whole client may hold, whatever topic they serve. Counts; opens nothing. */

/** One connection's place; giving it back twice is harmless. */
export interface Slot {
  readonly release: () => void
  /** The same place for another connection: releasing this one releases nothing from now on. Undefined when it was released before. */
  readonly handOver: () => Slot | undefined
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
    return this.#slot()
  }

  /** Calls back whenever a place becomes free; the function that comes back ends it. */
  onFree(callback: () => void): () => void {
    this.#freed.add(callback)
    return () => this.#freed.delete(callback)
  }

  #slot(): Slot {
    let held = true
    const end = () => {
      const was = held
      held = false
      return was
    }
    return {
      release: () => {
        if (!end()) return
        this.#used--
        for (const freed of this.#freed) freed()
      },
      handOver: () => (end() ? this.#slot() : undefined),
    }
  }
}
