/** Promises that wait for something with a name: settled once, ended by a deadline, bounded in number. Knows nothing of what comes. */
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'

export interface WaitersOptions {
  env: Env
  /** How long each may wait, in milliseconds. */
  timeout: number
  /** How many may wait at a time; beyond it the oldest gives way. */
  most: number
  /** What the waiter is told when its deadline passes. */
  late: () => SwarmlinkError
  /** What the oldest is told. */
  crowded: () => SwarmlinkError
}

interface Waiter<T> {
  readonly until: number
  readonly resolve: (value: T) => void
  readonly reject: (error: SwarmlinkError) => void
}

export class Waiters<T> {
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

  /** Waits for what comes under this name; whoever waits for it already is told that somebody else does now. */
  wait(name: string): Promise<T> {
    const { env, timeout, most, crowded } = this.#options
    this.fail(name, new SwarmlinkError('ERR_ABORTED', 'a later answer to the same message waits in place of this one'))
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size >= most && oldest !== undefined) this.fail(oldest, crowded())
    return new Promise((resolve, reject) => {
      this.#waiting.set(name, { until: env.now() + timeout, resolve, reject })
      this.#timer ??= env.timer(timeout, () => this.#expire())
    })
  }

  /** False when nobody waits for it. */
  settle(name: string, value: T): boolean {
    const waiter = this.#take(name)
    waiter?.resolve(value)
    return waiter !== undefined
  }

  fail(name: string, error: SwarmlinkError): void {
    this.#take(name)?.reject(error)
  }

  /** Nothing will come any more. */
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

  /** One timer for all of them: the deadlines come in the order of the names. */
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
