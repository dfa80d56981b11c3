/** Promises that wait for a value by its name: settled once, with a deadline, bounded in number. Knows nothing of the values. */
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'

export interface WaitersOptions {
  env: Env
  /** Timeout of each, in milliseconds. */
  timeout: number
  /** The most that wait at a time; above it the oldest is rejected. */
  most: number
  /** The error at the deadline. */
  late: () => SwarmlinkError
  /** The error of the oldest when too many wait. */
  crowded: () => SwarmlinkError
}

interface Waiter<T> {
  readonly until: number
  readonly resolve: (value: T) => void
  readonly reject: (error: SwarmlinkError) => void
}

export class PendingAnswers<T> {
  readonly #options: WaitersOptions
  /** In the order of their deadlines. */
  readonly #waiting = new Map<string, Waiter<T>>()
  #timer: Timer | undefined

  constructor(options: WaitersOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Waits for the value of this name. Rejects an earlier promise of the same name with `ERR_ABORTED`. */
  wait(name: string): Promise<T> {
    const { env, timeout, most, crowded } = this.#options
    this.fail(name, new SwarmlinkError('ERR_ABORTED', 'replaced by a later answer to the same message, which waits now'))
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size >= most && oldest !== undefined) this.fail(oldest, crowded())
    return new Promise((resolve, reject) => {
      this.#waiting.set(name, { until: env.now() + timeout, resolve, reject })
      this.#timer ??= env.timer(timeout, () => this.#expire())
    })
  }

  /** False when no promise waits for this name. */
  settle(name: string, value: T): boolean {
    const waiter = this.#take(name)
    waiter?.resolve(value)
    return waiter !== undefined
  }

  fail(name: string, error: SwarmlinkError): void {
    this.#take(name)?.reject(error)
  }

  /** Rejects all of them. */
  clear(error: SwarmlinkError): void {
    for (const name of [...this.#waiting.keys()]) this.fail(name, error)
  }

  #take(name: string): Waiter<T> | undefined {
    const waiter = this.#waiting.get(name)
    this.#waiting.delete(name)
    if (this.#waiting.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
    }
    return waiter
  }

  /** One timer for all of them: the map is in the order of the deadlines. */
  #expire(): void {
    const { env, late } = this.#options
    this.#timer = undefined
    for (const [name, { until }] of [...this.#waiting]) {
      if (until > env.now()) {
        this.#timer = env.timer(until - env.now(), () => this.#expire())
        return
      }
      this.fail(name, late())
    }
  }
}
