/** Detects a connection that is open but silent. Counts time only; knows no frames. */
import type { Env, Timer } from '../core/env.js'

/** The timeouts of a server, in milliseconds. */
export interface SocketTimeouts {
  /** For the reply to a frame that must be answered. */
  reply: number
  /** For any frame at all. */
  silence: number
}

export class Watchdog {
  readonly #env: Env
  readonly #patience: SocketTimeouts
  readonly #dead: (ms: number) => void
  readonly #ask: (() => void) | undefined
  #reply: Timer | undefined
  #silence: Timer | undefined

  /** `dead`: a reply is overdue, or no frame came within `silence` and there is no `ask`, which sends a keepalive. Called once. */
  constructor(env: Env, patience: SocketTimeouts, dead: (ms: number) => void, ask: (() => void) | undefined) {
    this.#env = env
    this.#patience = patience
    this.#dead = dead
    this.#ask = ask
    this.alive()
  }

  /** A frame that must be answered was sent. Further ones do not move the deadline of the first. */
  expect(): void {
    const { reply } = this.#patience
    this.#reply ??= this.#env.timer(reply, () => this.#die(reply))
  }

  /** A valid frame arrived. */
  alive(): void {
    this.stop()
    this.#silence = this.#env.timer(this.#patience.silence, () => this.#quiet())
  }

  stop(): void {
    this.#reply?.cancel()
    this.#silence?.cancel()
    this.#reply = undefined
  }

  #quiet(): void {
    if (this.#ask === undefined) return this.#die(this.#patience.silence)
    this.#ask()
    this.expect()
  }

  #die(ms: number): void {
    this.stop()
    this.#dead(ms)
  }
}
