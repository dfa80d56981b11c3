/**
 * Decides when a closing connection may close its channel: when everything that was accepted here has left and everything that the
 * remote sent before its `bye` has arrived, or at a deadline. Sends and receives nothing itself.
 *
 * Both ends say `bye` behind their last message, the one that the application closed and then the other one, which answers. The channel
 * is closed by an end that the application closed; an end that only answered waits for that.
 */
import type { Env } from '../core/env.js'
import { linger } from './linger.js'

/** Silence of the remote after which the channel is closed: a few round trips of the slowest paths. */
const PATIENCE = 1_500
/** How long the remote may go on sending once everything of this end has left, whatever it still has. */
const LIMIT = 5_000
/** How long open requests are waited for: replies of quick responders still arrive, and a long poll does not hold up `close()`. */
const REPLY_GRACE = 50
const POLL = 20

export interface FarewellHost {
  /** Bytes that have not left, plus 1 while `bye` has not. */
  waiting(): number
  /** Streams, in either direction, of which everything has left or arrived, and that are not read to their end. */
  unread(): number
  /** Requests, in either direction, without a reply. */
  unanswered(): number
  /** The channel is closed. */
  closed(): boolean
}

export class Farewell {
  readonly #env: Env
  readonly #host: FarewellHost
  /** The application closed this end. */
  #ours = false
  /** The remote said `bye`. */
  #theirs = false
  /** When a packet arrived last. */
  #movedAt = 0
  #wake: () => void = () => {}

  constructor(env: Env, host: FarewellHost) {
    this.#env = env
    this.#host = host
  }

  /** The application closed this end. */
  get ours(): boolean {
    return this.#ours
  }

  /** The remote said `bye`. */
  get theirs(): boolean {
    return this.#theirs
  }

  /** The application closes this end. */
  leave(): void {
    this.#ours = true
    this.#wake()
  }

  /** The remote said `bye`. */
  left(): void {
    this.#theirs = true
    this.#wake()
  }

  /** A packet arrived, or the connection ended. */
  moved(): void {
    this.#movedAt = this.#env.now()
    this.#wake()
  }

  /** Resolves when the channel may be closed. */
  async over(): Promise<void> {
    const env = this.#env
    await linger(env, () => (this.#host.closed() ? 0 : this.#host.waiting()))
    if (this.#host.waiting() > 0) return // the remote takes nothing, so it will not say bye either
    this.#movedAt = env.now()
    const limit = env.now() + LIMIT
    let repliesUntil: number | undefined
    while (!this.#host.closed()) {
      const until = Math.min(limit, this.#movedAt + PATIENCE)
      if (env.now() >= until) return
      if (this.#theirs && this.#ours && this.#host.waiting() + this.#host.unread() === 0) {
        repliesUntil ??= env.now() + REPLY_GRACE
        if (this.#host.unanswered() === 0 || env.now() >= repliesUntil) return
      }
      await this.#sleep(Math.min(POLL, until - env.now()))
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#env.timer(ms, () => this.#wake())
      this.#wake = () => {
        timer.cancel()
        this.#wake = () => {}
        resolve()
      }
    })
  }
}
