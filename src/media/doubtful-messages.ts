/**
 * Messages of the bus for a connection that works. Any client of the bus may have sent them, unless their sender has an identity; or the other end saw
 * earlier that the path is lost. What happens next tells which.
 */
import type { Env, Timer } from '../core/env.js'

/** In milliseconds: the ends of a connection see that the path is lost within this time of each other. */
export const DOUBT = 2_500
/** An offer and its candidates, twice. */
const MAX_HELD = 8

export interface DoubtfulMessage {
  take: () => void
  refuse: () => void
}

export class DoubtfulMessages {
  readonly #env: Env
  readonly #held = new Map<DoubtfulMessage, Timer>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Refuses the message after a while, unless {@link takeAll} is called before. */
  hold(message: DoubtfulMessage): void {
    const [oldest] = this.#held.keys()
    if (oldest !== undefined && this.#held.size >= MAX_HELD) this.#refuse(oldest)
    this.#held.set(
      message,
      this.#env.timer(DOUBT, () => this.#refuse(message)),
    )
  }

  /** The path is lost. */
  takeAll(): void {
    for (const { take } of this.#remove(...this.#held.keys())) take()
  }

  /** The connection ended. */
  clear(): void {
    this.#remove(...this.#held.keys())
  }

  #refuse(message: DoubtfulMessage): void {
    for (const { refuse } of this.#remove(message)) refuse()
  }

  #remove(...messages: DoubtfulMessage[]): DoubtfulMessage[] {
    for (const message of messages) {
      this.#held.get(message)?.cancel()
      this.#held.delete(message)
    }
    return messages
  }
}
