/** Confirms that an engine can send on the channels that it reported: one check for all channels that came before it. */
import { logger } from '../core/log.js'

const log = logger('engine')

export class Confirmations {
  readonly #ask: () => Promise<unknown>
  #current: Promise<unknown> = Promise.resolve()
  /** The check after it, for channels that came after the latest check was started. */
  #next: Promise<unknown> | undefined

  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask
  }

  /** Resolves when the engine can send on a channel that it reports now, or when the check fails. Never rejects. */
  next(): Promise<unknown> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined
      this.#current = this.#ask().catch(error => log('channels were not confirmed: %o', error))
      return this.#current
    })
    return this.#next
  }
}
