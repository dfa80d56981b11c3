/**
 * Decides when a closing connection may close its channel: when all accepted messages have left and all messages that the remote peer sent
 * before its `bye` have arrived, or at a deadline. Sends and receives nothing itself.
 *
 * Both ends send `bye` behind their last message, first the end that the application closed. An end that received the remote `bye`, and
 * the replies that it waits for, acknowledges that with a second `bye`. The end that the application closed closes the channel once its
 * `bye` is acknowledged, because in node-datachannel the close event can overtake messages that have arrived.
 */
import { sleep, type Env } from '../../core/env.js'
import { WakeableSleep } from '../../core/wakeable-sleep.js'

/** Milliseconds of silence of the remote peer after which the channel closes: a few round trips of the slowest paths. */
const PATIENCE = 1_500
/** Milliseconds that the remote peer may keep sending after all messages of this end have left. */
const LIMIT = 5_000
/** Milliseconds to wait for replies: those of quick responders arrive, and a long poll does not delay `close()`. */
const REPLY_GRACE = 40
/** Timeout in milliseconds without progress. */
const PROGRESS_TIMEOUT = 2_000
const POLL = 20

export interface FarewellHost {
  /** Bytes that have not left, plus 1 while `bye` has not left. */
  waiting(): number
  /** Streams in either direction that are not read to their end. */
  unread(): number
  /** Requests of this end without a reply. */
  awaited(): number
  /** Requests of the remote peer that the responder has not answered. */
  answering(): number
  /** Tells the remote peer that all its messages before its `bye` have arrived. */
  acknowledge(): void
  closed(): boolean
}

export class Farewell {
  readonly #env: Env
  readonly #host: FarewellHost
  /** The application closed this end. */
  #localLeft = false
  /** The remote peer sent `bye`. */
  #remoteLeft = false
  /** The remote peer acknowledged the `bye` of this end. */
  #acknowledged = false
  /** When the remote `bye` arrived. */
  #theirsAt = 0
  /** When the latest packet arrived. */
  #movedAt = 0
  readonly #sleep: WakeableSleep

  constructor(env: Env, host: FarewellHost) {
    this.#env = env
    this.#host = host
    this.#sleep = new WakeableSleep(env)
  }

  get closedLocally(): boolean {
    return this.#localLeft
  }

  get byeReceived(): boolean {
    return this.#remoteLeft
  }

  leave(): void {
    this.#localLeft = true
    this.#sleep.wake()
  }

  left(value: number): void {
    if (!this.#remoteLeft) this.#theirsAt = this.#env.now()
    this.#remoteLeft = true
    this.#acknowledged ||= value === 1
    if (this.#host.awaited() === 0) this.#host.acknowledge() // otherwise later, in `over`
    this.#sleep.wake()
  }

  /** A packet arrived, or the connection ended. */
  moved(): void {
    this.#movedAt = this.#env.now()
    this.#sleep.wake()
  }

  /** Resolves when the channel may be closed. */
  async over(): Promise<void> {
    const env = this.#env
    await drainBeforeClose(env, () => (this.#host.closed() ? 0 : this.#host.waiting()))
    if (this.#host.waiting() > 0) return // the remote peer reads nothing, so it will not send `bye` either
    this.#movedAt = env.now()
    const limit = env.now() + LIMIT
    while (!this.#host.closed()) {
      const now = env.now()
      const until = Math.min(limit, this.#movedAt + PATIENCE)
      if (now >= until) return
      const grace = this.#theirsAt + REPLY_GRACE - now
      const isPatient = grace > 0
      if (this.#remoteLeft && (this.#host.awaited() === 0 || !isPatient)) {
        this.#host.acknowledge()
        const idle = this.#host.waiting() + this.#host.unread() === 0 && (this.#host.answering() === 0 || !isPatient)
        if (idle && this.#localLeft && this.#acknowledged) return
      }
      await this.#sleep.sleep(Math.min(POLL, until - now, isPatient ? grace : POLL))
    }
  }
}

/** Resolves when no bytes are waiting, or when their number has not fallen for 2 s. */
export async function drainBeforeClose(env: Env, waiting: () => number): Promise<void> {
  let least = waiting()
  let deadline = env.now() + PROGRESS_TIMEOUT
  while (least > 0 && env.now() < deadline) {
    await sleep(env, POLL)
    const left = waiting()
    if (left < least) deadline = env.now() + PROGRESS_TIMEOUT
    least = Math.min(least, left)
  }
}
