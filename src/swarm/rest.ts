/** The pause of a loop: so long, or until somebody has news for it. */
import { sleep, type Env } from '../core/env.js'

export class Rest {
  readonly #env: Env
  readonly #stop: AbortSignal
  #wake: () => void = () => {}

  constructor(env: Env, stop: AbortSignal) {
    this.#env = env
    this.#stop = stop
  }

  /** Ends the present rest. A loop that is at work looks at everything anew before it rests again. */
  wake(): void {
    this.#wake()
  }

  /** For ever, without a timer, when that is how long. */
  async take(ms: number): Promise<void> {
    if (this.#stop.aborted) return // meanwhile: the event does not come again
    const nap = new AbortController()
    const wake = () => nap.abort()
    this.#wake = wake
    this.#stop.addEventListener('abort', wake, { once: true })
    if (ms === Number.POSITIVE_INFINITY) await new Promise<void>(resolve => nap.signal.addEventListener('abort', () => resolve()))
    else await sleep(this.#env, ms, nap.signal)
    this.#stop.removeEventListener('abort', wake)
  }
}
