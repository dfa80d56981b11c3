/** Lets a bounded number in at a time and a bounded number wait. Used against whoever sends offers faster than we connect. */

export interface GateLimits {
  inside: number
  waiting: number
}

/** Call it when the work is done; calling it twice is harmless. */
export type Leave = () => void

export class Gate {
  readonly #limits: GateLimits
  readonly #waiting: Array<(leave: Leave | undefined) => void> = []
  #inside = 0
  #closed = false

  constructor(limits: GateLimits) {
    this.#limits = limits
  }

  get inside(): number {
    return this.#inside
  }

  /** Undefined when too many wait already, or when the gate closes. */
  enter(): Promise<Leave | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    if (this.#inside < this.#limits.inside) return Promise.resolve(this.#admit())
    if (this.#waiting.length >= this.#limits.waiting) return Promise.resolve(undefined)
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  close(): void {
    this.#closed = true
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
  }

  #admit(): Leave {
    this.#inside++
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#inside--
      this.#waiting.shift()?.(this.#admit())
    }
  }
}
