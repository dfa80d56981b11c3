/** Asks an engine whether it can send on the channels that it has announced: one question for all channels that came before it. */
import { logger } from '../core/log.js'

const log = logger('engine')

export class Confirmations {
  readonly #ask: () => Promise<unknown>
  /** The latest question. */
  #asked: Promise<unknown> = Promise.resolve()
  /** The question after it: the latest was put before the channels that wait for this one were there. */
  #next: Promise<unknown> | undefined

  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask
  }

  /** Settles when the engine can send on a channel that it announces now, as far as it answers. Never rejects. */
  next(): Promise<unknown> {
    this.#next ??= this.#asked.then(() => {
      this.#next = undefined
      this.#asked = this.#ask().catch(error => log('channels were not confirmed: %o', error))
      return this.#asked
    })
    return this.#next
  }
}
