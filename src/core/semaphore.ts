/** A semaphore with a bounded queue: limits how many offers are answered at a time, and how many wait, during a flood of offers. */

export interface SemaphoreLimits {
  inside: number
  waiting: number
}

/** Call it when the work is done. Idempotent. */
export type Release = () => void

export class Semaphore {
  readonly #limits: SemaphoreLimits
  /** The newest is the last. */
  readonly #waiting: Array<(leave: Release | undefined) => void> = []
  #inside = 0
  #closed = false

  constructor(limits: SemaphoreLimits) {
    this.#limits = limits
  }

  get active(): number {
    return this.#inside
  }

  /**
   * The newest offer enters first: the sender of an old offer has probably given it up, and a flood must not make new peers wait.
   * Resolves to `undefined` when the semaphore closes, or when the queue overflows, which drops the oldest entry.
   */
  acquire(): Promise<Release | undefined> {
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

  #admit(): Release {
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
