/** Notices a link that is up and says nothing. Counts time only; knows nothing of what travels. */
import type { Env, Timer } from '../core/env.js'

/** How long a server may take, in milliseconds. */
export interface Patience {
  /** To answer what has to be answered. */
  reply: number
  /** To say anything at all. */
  silence: number
}

export interface WatchdogEvents {
  /** A reply is overdue, or nothing came for very long: the link is dead. Called once at most. */
  dead(ms: number): void
  /** Nothing came for very long: asks the other side for a sign of life. Without it that alone is death. */
  ask?: (() => void) | undefined
}

export class Watchdog {
  readonly #env: Env
  readonly #patience: Patience
  readonly #events: WatchdogEvents
  #reply: Timer | undefined
  #silence: Timer | undefined

  constructor(env: Env, patience: Patience, events: WatchdogEvents) {
    this.#env = env
    this.#patience = patience
    this.#events = events
    this.alive()
  }

  /** Something was sent that is answered. Further questions do not move the deadline of the first. */
  expect(): void {
    const { reply } = this.#patience
    this.#reply ??= this.#env.timer(reply, () => this.#die(reply))
  }

  /** Something sensible arrived. */
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
    if (this.#events.ask === undefined) return this.#die(this.#patience.silence)
    this.#events.ask()
    this.expect()
  }

  #die(ms: number): void {
    this.stop()
    this.#events.dead(ms)
  }
}
