/** The sleep of a loop that another part of the code can end early. */
import { sleep, type Env } from './env.js'

export class WakeableSleep {
  readonly #env: Env
  readonly #stop: AbortSignal | undefined
  #wake: () => void = () => {}

  constructor(env: Env, stop?: AbortSignal) {
    this.#env = env
    this.#stop = stop
  }

  /** Ends the current sleep. Does nothing while the loop runs, because it checks everything before it sleeps again. */
  wake(): void {
    this.#wake()
  }

  /** Sleeps for `ms`, until `wake()` or until the stop signal, if there is one. True after `ms`. `Infinity` takes no timer. */
  async sleep(ms: number): Promise<boolean> {
    if (this.#stop?.aborted === true) return false // the abort event would not fire again
    const nap = new AbortController()
    const wake = () => nap.abort()
    this.#wake = wake
    this.#stop?.addEventListener('abort', wake, { once: true })
    const elapsed =
      ms === Number.POSITIVE_INFINITY
        ? await new Promise<false>(resolve => nap.signal.addEventListener('abort', () => resolve(false)))
        : await sleep(this.#env, ms, nap.signal)
    this.#stop?.removeEventListener('abort', wake)
    return elapsed
  }
}
