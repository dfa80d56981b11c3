/**
 * The send queue of one client to a signal server: batches subscriptions, keeps below the server's rate limit. Knows no socket, no message.
 *
 * A server drops frames above its rate limit without saying which, so a client that starts 300 topics at once has to spread its frames.
 */
import { jittered } from '../../core/backoff.js'
import { utf8 } from '../../core/bytes.js'
import type { Env, Timer } from '../../core/env.js'
import { oncePerTurn } from '../../core/once-per-turn.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { keyOf } from '../drivers/namespace.js'
import { encodeFrame, firstBatch, namespacesCost } from '../drivers/websocket-codec.js'

/** A server's default rate limits, less a margin for a network that stalls for a second and then delivers all at once. */
const FRAMES = { rate: 90, burst: 400 }
const BYTES = { rate: 224 * 1024, burst: 1024 * 1024 }
/** A refusal halves the pace, down to this part of it: a server with a lower limit could not be used. */
const SLOWEST = 1 / 8
/** Queued messages: 20 s of frames, or 10 s of bytes. A message that waited longer would be stale, and its sender repeats it. */
const MAX_WAITING = { frames: 2_000, bytes: 2 * 1024 * 1024 }
/** The shortest pause between batches of queued frames, in milliseconds. */
const SHORTEST_WAIT = 50
/** Retry delay when the socket's send buffer is full. */
const LINE_WAIT = 1_000
/**
 * When subscriptions are repeated after a refusal, in milliseconds. A server reports one refusal per 10 s: what it dropped silently within
 * that time, the first repeat included, is sent again by the second repeat, whose refusal would be reported.
 */
const REPEATS = [1_000, 11_000]
/** Spreads the repeats of clients that were refused in the same moment. */
const JITTER = 0.25

type Namespace = readonly string[]

export interface OutboxDeps {
  env: Env
  /** False when the send buffer is full or the socket is closed. */
  send: (frame: string) => boolean
  namespaces: () => Namespace[]
  /** This many messages were dropped, because `send` failed. */
  lost: (messages: number) => void
}

/** The rate limit of one connection. */
interface RateLimit {
  readonly pace: number
  readonly frames: TokenBucket
  readonly bytes: TokenBucket
}

export class MessageOutbox {
  readonly #deps: OutboxDeps
  /** Undefined without a connection. Nothing is kept then: subscriptions are sent anew on the next one, and messages are lost. */
  #allowance: RateLimit | undefined
  /** Subscription changes to send, by key. They leave before all messages and are never dropped. */
  readonly #joining = new Map<string, Namespace>()
  readonly #leaving = new Map<string, Namespace>()
  #messages: string[] = []
  #bytes = 0
  /** Sends at the end of this turn, so that all changes of one turn share frames. */
  readonly #sendSoon = oncePerTurn(() => {
    if (this.#timer === undefined) this.#send()
  })
  #timer: Timer | undefined
  #repeats: Timer[] = []

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  /** A new connection, on which the server knows no subscription: sends all of them before this returns, as far as the rate limit allows. */
  open(): void {
    this.clear()
    this.#allowance = this.#allow(1)
    this.#repeat()
    this.#send()
  }

  /** The connection is gone: drops the queue. */
  clear(): void {
    this.#allowance = undefined
    this.#joining.clear()
    this.#leaving.clear()
    this.#messages = []
    this.#bytes = 0
    this.#timer?.cancel()
    this.#timer = undefined
    this.#cancelRepeats()
  }

  subscribe(namespace: Namespace): void {
    this.#change(namespace, this.#joining, this.#leaving)
  }

  unsubscribe(namespace: Namespace): void {
    this.#change(namespace, this.#leaving, this.#joining)
  }

  /** False when the message is dropped: there is no connection, or the queue is full. */
  emit(frame: string): boolean {
    if (this.#allowance === undefined) return false
    if (this.#messages.length >= MAX_WAITING.frames || this.#bytes + frame.length > MAX_WAITING.bytes) return false
    this.#messages.push(frame)
    this.#bytes += frame.length
    this.#sendSoon()
    return true
  }

  /** Sends the queued messages at once, above the rate limit, because the connection closes next. */
  flush(): void {
    if (this.#allowance === undefined) return
    for (const frame of this.#messages) this.#deps.send(frame)
    this.clear()
  }

  /** The server dropped frames above its rate limit: halves the pace, and repeats all subscriptions in case they were among them. */
  refused(): void {
    if (this.#allowance === undefined) return
    const { env } = this.#deps
    this.#allowance = this.#allow(Math.max(this.#allowance.pace / 2, SLOWEST), 0)
    this.#cancelRepeats()
    this.#repeats = REPEATS.map(ms => env.timer(jittered(ms, JITTER, env.random()), () => this.#repeat()))
  }

  #allow(pace: number, share = 1): RateLimit {
    const now = this.#deps.env.now()
    const bucket = ({ rate, burst }: typeof FRAMES) => {
      const made = new TokenBucket({ rate: rate * pace, burst: burst * pace })
      made.take(burst * pace * (1 - share), now)
      return made
    }
    return { pace, frames: bucket(FRAMES), bytes: bucket(BYTES) }
  }

  #cancelRepeats(): void {
    for (const timer of this.#repeats.splice(0)) timer.cancel()
  }

  #repeat(): void {
    for (const namespace of this.#deps.namespaces()) this.subscribe(namespace)
  }

  #change(namespace: Namespace, to: Map<string, Namespace>, from: Map<string, Namespace>): void {
    if (this.#allowance === undefined) return
    const key = keyOf(namespace)
    from.delete(key)
    to.set(key, [...namespace])
    this.#sendSoon()
  }

  #send(): void {
    const allowance = this.#allowance
    if (allowance === undefined) return
    // Unsubscribes first, because the server limits the subscriptions.
    for (const [type, changes] of [['unsubscribe', this.#leaving] as const, ['subscribe', this.#joining] as const]) {
      while (changes.size > 0) {
        const namespaces = firstBatch(changes.values())
        const frame = encodeFrame({ type, namespaces })
        if (!this.#spend(allowance, frame, namespacesCost(namespaces.length))) return
        if (!this.#deps.send(frame)) return this.#sendAfter(LINE_WAIT)
        for (const namespace of namespaces) changes.delete(keyOf(namespace))
      }
    }
    let sent = 0
    let lost = 0
    for (const frame of this.#messages) {
      if (!this.#spend(allowance, frame)) break
      if (!this.#deps.send(frame)) lost++
      sent++
      this.#bytes -= frame.length
    }
    this.#messages.splice(0, sent)
    if (lost > 0) this.#deps.lost(lost)
  }

  /** False when the frame exceeds the rate limit now; schedules the next try. */
  #spend({ pace, frames, bytes }: RateLimit, frame: string, cost = 1): boolean {
    const now = this.#deps.env.now()
    // A frame above the burst takes the whole burst.
    const size = Math.min(utf8.encode(frame).length, pace * BYTES.burst)
    const wait = Math.max((cost - frames.left(now)) / (pace * FRAMES.rate), (size - bytes.left(now)) / (pace * BYTES.rate))
    if (wait > 0) {
      this.#sendAfter(wait * 1_000)
      return false
    }
    frames.take(cost, now)
    bytes.take(size, now)
    return true
  }

  #sendAfter(ms: number): void {
    this.#timer = this.#deps.env.timer(Math.max(ms, SHORTEST_WAIT), () => {
      this.#timer = undefined
      this.#send()
    })
  }
}
