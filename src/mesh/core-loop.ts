/** Calls the core: never while it is at work, and when it wants to be woken. What it causes meanwhile follows when it has returned. */
import type { Env, Timer } from '../core/env.js'
import type { MeshCore } from './core/mesh-core.js'

export interface CoreLoopHost {
  readonly core: MeshCore
  /** The core has returned, and what it caused has followed. */
  returned(): void
}

export class CoreLoop {
  readonly #env: Env
  readonly #host: CoreLoopHost
  /** Calls of the core, and events for the application, that came while the core was at work. */
  readonly #later: Array<() => void> = []
  readonly #waiting: Array<() => void> = []
  #isAtWork = false
  #isEnded = false
  #timer: Timer | undefined
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(env: Env, host: CoreLoopHost) {
    this.#env = env
    this.#host = host
  }

  /** Calls the core now, or as soon as it has returned. */
  run(call: (core: MeshCore, now: number) => void): void {
    if (this.#isEnded) return
    if (this.#isAtWork) return void this.#later.push(() => this.run(call))
    this.ask(call)
  }

  /** Calls the core for an answer. Not from within an effect. */
  ask<T>(call: (core: MeshCore, now: number) => T): T {
    this.#isAtWork = true
    try {
      return call(this.#host.core, this.#env.now())
    } finally {
      this.#isAtWork = false
      this.#settle()
    }
  }

  /** Calls back when the core is not at work. */
  afterwards(callback: () => void): void {
    this.#later.push(callback)
    if (!this.#isAtWork) this.#settle()
  }

  /** Resolves when the condition holds, which is looked at each time that the core has returned; and at the end. */
  async until(condition: () => boolean): Promise<void> {
    while (!this.#isEnded && !condition()) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  /** The core is not called any more. */
  end(): void {
    this.#isEnded = true
    this.#timer?.cancel()
    this.#look()
  }

  #look(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #settle(): void {
    for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) next()
    if (this.#isEnded) return
    this.#host.returned()
    this.#look()
    this.#schedule()
  }

  #schedule(): void {
    const { wakeAt } = this.#host.core
    if (wakeAt >= this.#wakeAt) return // the timer fires early then, which costs little
    this.#timer?.cancel()
    this.#wakeAt = wakeAt
    this.#timer = this.#env.timer(Math.max(0, wakeAt - this.#env.now()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.run((core, now) => core.wake(now))
    })
  }
}
