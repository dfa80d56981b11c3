/** Notices a link that is up and says nothing. Counts time only; knows nothing of what travels. */
import type { Env, Timer } from '../../core/env.js'
import { MAX_INTERVAL } from './wire.js'

/** Public trackers answer an announcement within 1 s, under load within 10 s. */
export const REPLY_TIMEOUT = 30_000
/** No pace that the codec lets through is slower than one announcement in half of this, and each is answered. */
export const SILENCE_TIMEOUT = 2 * MAX_INTERVAL

/** Calls `onSilence` once: when a reply is overdue, or when nothing came for very long. */
export class Watchdog {
  readonly #env: Env
  readonly #onSilence: (ms: number) => void
  #reply: Timer | undefined
  #silence: Timer | undefined

  constructor(env: Env, onSilence: (ms: number) => void) {
    this.#env = env
    this.#onSilence = onSilence
    this.alive()
  }

  /** Something was sent that is answered. Further questions do not move the deadline of the first. */
  expect(): void {
    this.#reply ??= this.#env.timer(REPLY_TIMEOUT, () => this.#onSilence(REPLY_TIMEOUT))
  }

  /** Something sensible arrived. */
  alive(): void {
    this.stop()
    this.#silence = this.#env.timer(SILENCE_TIMEOUT, () => this.#onSilence(SILENCE_TIMEOUT))
  }

  stop(): void {
    this.#reply?.cancel()
    this.#silence?.cancel()
    this.#reply = undefined
  }
}
