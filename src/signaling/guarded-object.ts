/** Calls the methods of an object of the application and turns what they throw or reject with into warnings. */
import type { Env, Timer } from '../core/env.js'
import { asError, type SwarmlinkError } from '../core/errors.js'
import { Retry } from './retry.js'

/** At most one warning per method in this time, in milliseconds. */
const WARN_INTERVAL = 10_000

/** `pending`: the method returned a promise. */
export type Called = { outcome: 'done' | 'pending'; result: unknown } | { outcome: 'threw'; result?: undefined }

export class GuardedObject {
  readonly env: Env
  readonly #what: string
  readonly #warn: (error: SwarmlinkError) => void
  readonly #warnedAt = new Map<string, number>()
  #depth = 0

  /** `what` names the object in warnings. */
  constructor(what: string, env: Env, warn: (error: SwarmlinkError) => void) {
    this.env = env
    this.#what = what
    this.#warn = warn
  }

  /** A call is on the stack: events that the object fires meanwhile must be handled after it returns. */
  get busy(): boolean {
    return this.#depth > 0
  }

  /** If the method returns a promise, `settled` gets whether it was fulfilled. */
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

  /** The error for a warning that the object itself reports. */
  told(warning: unknown): SwarmlinkError {
    return asError(warning, 'ERR_SIGNALING_LINK', `${this.#what} warns`)
  }

  /** Calls `attempt` now, and again after a growing pause each time that it calls `again`. */
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
