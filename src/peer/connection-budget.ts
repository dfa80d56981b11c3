/** How many connections the whole client may hold, whatever topic they serve. Counts; opens nothing. */

/** The right to have one connection. Releasing it twice is harmless. */
export interface Slot {
  readonly release: () => void
  /** Moves the slot to another connection: releasing this object has no effect from now on. Undefined when it was released before. */
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

  /** Whether a connection may be made ahead of its use. The last quarter of the slots is reserved for peers that dial us. */
  get spare(): boolean {
    return this.free > this.#limit / 4
  }

  /** Undefined when every slot is taken. */
  acquire(): Slot | undefined {
    if (this.free <= 0) return undefined
    this.#used++
    return this.#slot()
  }

  /** Calls back whenever a slot becomes free. Returns a function that ends the subscription. */
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
