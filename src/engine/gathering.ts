/** The search for local candidates: when it is over, or has taken long enough. Knows nothing of where candidates come from. */
import type { Timer } from '../core/env.js'
import type { Calls } from './calls.js'
import type { EngineConfig } from './engine.js'

export class Gathering {
  readonly #config: EngineConfig
  #ended: Promise<void> = Promise.resolve()
  #end = () => {}

  constructor(config: EngineConfig) {
    this.#config = config
  }

  /** Once for each connection, and again for each restart; what waits for the search before it need not any more. */
  begin(): void {
    this.#end()
    this.#ended = new Promise(resolve => (this.#end = resolve))
  }

  end(): void {
    this.#end()
  }

  /** Rejects when the calls are aborted. */
  async enough(calls: Calls): Promise<void> {
    const { env, gatherTimeout } = this.#config
    let timer: Timer | undefined
    const late = new Promise<void>(resolve => (timer = env.timer(gatherTimeout, resolve)))
    await calls.orAbort(Promise.race([this.#ended, late])).finally(() => timer?.cancel())
  }
}
