/** Bounds how many offers are answered at the same time, and how many wait for that. Against remotes that send offers faster than we answer. */

export interface GateLimits {
  inside: number
  waiting: number
}

/** Call it when the work is done; calling it twice is harmless. */
export type Leave = () => void

export class Gate {
  readonly #limits: GateLimits
  /** The newest last. */
  readonly #waiting: Array<(leave: Leave | undefined) => void> = []
  #inside = 0
  #closed = false

  constructor(limits: GateLimits) {
    this.#limits = limits
  }

  get inside(): number {
    return this.#inside
  }

  /**
   * The newest offer enters first: an offer that waited for long is likely to be given up at the other end, and a flood of them must not
   * make a newcomer wait. Undefined when the gate closes, or when so many came later that the oldest has to go.
   */
  enter(): Promise<Leave | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    if (this.#inside < this.#limits.inside) return Promise.resolve(this.#admit())
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      if (this.#waiting.length > this.#limits.waiting) this.#waiting.shift()?.(undefined)
    })
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
      this.#waiting.pop()?.(this.#admit())
    }
  }
}
