/** The sleep of a loop that another part of the code can end early. */
import type { Env } from './env.js'

export class WakeableSleep {
  readonly #env: Env
  readonly #stop: AbortSignal | undefined
  #wake: () => void = () => {}

  /** `stop` has the life of the loop. */
  constructor(env: Env, stop?: AbortSignal) {
    this.#env = env
    this.#stop = stop
    stop?.addEventListener('abort', () => this.wake())
  }

  /** Ends the current sleep. Does nothing while the loop runs, because it checks everything before it sleeps again. */
  wake(): void {
    this.#wake()
  }

  /** Sleeps for `ms`, until `wake()` or until the stop signal, if there is one. True after `ms`. `Infinity` takes no timer. */
  sleep(ms: number): Promise<boolean> {
    if (this.#stop?.aborted === true) return Promise.resolve(false) // the abort event would not fire again
    return new Promise(resolve => {
      const timer = ms === Number.POSITIVE_INFINITY ? undefined : this.#env.timer(ms, () => resolve(true))
      this.#wake = () => {
        timer?.cancel()
        resolve(false)
      }
    })
  }
}
