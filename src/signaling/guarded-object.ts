/** Calls the methods of an object of the application. What they throw or reject with becomes a warning. Knows nothing of what they do. */
import type { Env, Timer } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import { Retry } from './retry.js'

/** A method that fails all the time is told of once in this time, in milliseconds. */
const WARN_INTERVAL = 10_000

/** `pending`: it gave a promise. */
export type Called = { outcome: 'done' | 'pending'; result: unknown } | { outcome: 'threw'; result?: undefined }

export class Foreign {
  readonly env: Env
  readonly #what: string
  readonly #warn: (error: SwarmlinkError) => void
  readonly #warnedAt = new Map<string, number>()
  #depth = 0

  /** `what` names it in warnings. */
  constructor(what: string, env: Env, warn: (error: SwarmlinkError) => void) {
    this.env = env
    this.#what = what
    this.#warn = warn
  }

  /** It is being called: what it tells within that is to be taken up afterwards. */
  get busy(): boolean {
    return this.#depth > 0
  }

  /** `settled` tells of a promise whether it was fulfilled. */
  call(method: string, call: () => unknown, settled?: (isDone: boolean) => void): Called {
    this.#depth++
    try {
      const result = call()
      if (typeof result !== 'object' || result === null || !('then' in result)) return { outcome: 'done', result }
      Promise.resolve(result).then(
        () => settled?.(true),
        (thrown: unknown) => {
          this.failed(method, thrown)
          settled?.(false)
        },
      )
      return { outcome: 'pending', result }
    } catch (thrown) {
      this.failed(method, thrown)
      return { outcome: 'threw' }
    } finally {
      this.#depth--
    }
  }

  failed(method: string, thrown: unknown): void {
    const now = this.env.now()
    if (now - (this.#warnedAt.get(method) ?? Number.NEGATIVE_INFINITY) < WARN_INTERVAL) return
    this.#warnedAt.set(method, now)
    this.#warn(asError(thrown, 'ERR_SIGNALING_LINK', `${this.#what} failed in ${method}`))
  }

  /** What it says of itself. */
  told(warning: unknown): SwarmlinkError {
    return asError(warning, 'ERR_SIGNALING_LINK', `${this.#what} warns`)
  }

  /** Calls `attempt` now, and each time that it asks for another try again after a pause that grows. */
  persist(attempt: (again: () => void) => void): Timer {
    const retry = new Retry()
    let timer: Timer | undefined
    const run = () =>
      attempt(() => {
        timer = this.env.timer(retry.next(this.env.now(), this.env.random()), run)
      })
    run()
    return { cancel: () => timer?.cancel() }
  }
}
