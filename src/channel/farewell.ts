/**
 * Decides when a closing connection may close its channel: when everything that was accepted here has left and everything that the
 * remote sent before its `bye` has arrived, or at a deadline. Sends and receives nothing itself.
 *
 * Both ends say `bye` behind their last message, the end that the application closed and then the other one. An end that heard the
 * remote's `bye`, and the replies that it waits for, acknowledges that with another one. The channel is closed by an end that the
 * application closed and whose `bye` is acknowledged: in node-datachannel the event of a close can overtake messages that have arrived.
 */
import type { Env } from '../core/env.js'
import { linger } from './linger.js'

/** Silence of the remote after which the channel is closed: a few round trips of the slowest paths. */
const PATIENCE = 1_500
/** How long the remote may go on sending once everything of this end has left, whatever it still has. */
const LIMIT = 5_000
/** How long open requests are waited for: replies of quick responders still arrive, and a long poll does not hold up `close()`. */
const REPLY_GRACE = 40
const POLL = 20

export interface FarewellHost {
  /** Bytes that have not left, plus 1 while `bye` has not. */
  waiting(): number
  /** Streams, in either direction, of which everything has left or arrived, and that are not read to their end. */
  unread(): number
  /** Our requests without a reply. */
  awaited(): number
  /** The remote's requests that our responder works on. */
  answering(): number
  /** Tells the remote that everything which it sent before its `bye` has arrived. */
  acknowledge(): void
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
  /** The remote acknowledged ours. */
  #acknowledged = false
  /** When the remote's `bye` came. */
  #theirsAt = 0
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
  left(value: number): void {
    if (!this.#theirs) this.#theirsAt = this.#env.now()
    this.#theirs = true
    this.#acknowledged ||= value === 1
    if (this.#host.awaited() === 0) this.#host.acknowledge() // or later, in `over`
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
    while (!this.#host.closed()) {
      const now = env.now()
      const until = Math.min(limit, this.#movedAt + PATIENCE)
      if (now >= until) return
      const grace = this.#theirsAt + REPLY_GRACE - now
      const isPatient = grace > 0
      if (this.#theirs && (this.#host.awaited() === 0 || !isPatient)) {
        this.#host.acknowledge()
        const idle = this.#host.waiting() + this.#host.unread() === 0 && (this.#host.answering() === 0 || !isPatient)
        if (idle && this.#ours && this.#acknowledged) return
      }
      await this.#sleep(Math.min(POLL, until - now, isPatient ? grace : POLL))
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
