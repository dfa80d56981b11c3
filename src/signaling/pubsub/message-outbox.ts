/**
 * What one client says to a signal server: few frames, at a pace that the server lets through. Knows no socket and never looks into a message.
 *
 * A server drops what comes too fast and says neither what nor how much, so whoever starts three hundred topics at once takes its time.
 */
import { jittered } from '../../core/backoff.js'
import { utf8 } from '../../core/bytes.js'
import type { Env, Timer } from '../../core/env.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { keyOf } from './namespace.js'
import { encodeFrame, firstBatch, namespacesCost } from './websocket-wire.js'

/** What a server allows unless it is told otherwise, less what a network that stalled for a second hands over all at once. */
const FRAMES = { rate: 90, burst: 400 }
const BYTES = { rate: 224 * 1024, burst: 1024 * 1024 }
/** A server that allows less says so; below this part of the pace it is of no use to anybody. */
const SLOWEST = 1 / 8
/** Messages that wait: twenty seconds' worth, or ten. What would wait longer is stale, and whoever sent it asks again. */
const MAX_WAITING = { frames: 2_000, bytes: 2 * 1024 * 1024 }
/** Frames leave a few at a time. */
const SHORTEST_WAIT = 50
/** A line that took nothing is tried again after this. */
const LINE_WAIT = 1_000
/**
 * When subscriptions are repeated after a refusal, in milliseconds. A server tells of the first in ten seconds only: what it refused
 * since, the first repeat among it, is made up for by the second, and a refusal of that one is told again.
 */
const REPEATS = [1_000, 11_000]
/** A crowd that was refused together does not come back in step. */
const JITTER = 0.25

type Namespace = readonly string[]

export interface OutboxParts {
  env: Env
  /** False when the line is too slow, or gone. */
  send: (frame: string) => boolean
  /** All that are subscribed to now. */
  namespaces: () => Namespace[]
  /** This many messages were given up, because too many wait or the line took none. */
  lost: (messages: number) => void
}

/** What is left to spend on one link. */
interface Allowance {
  readonly pace: number
  readonly frames: TokenBucket
  readonly bytes: TokenBucket
}

export class Outbox {
  readonly #parts: OutboxParts
  /** Nothing is kept while there is no link: subscriptions are told anew, and messages are lost. */
  #allowance: Allowance | undefined
  /** Subscriptions that the server has to hear of, by key; they go before all messages, and none of them is ever given up. */
  readonly #joining = new Map<string, Namespace>()
  readonly #leaving = new Map<string, Namespace>()
  #messages: string[] = []
  #bytes = 0
  #isSoon = false
  #wait: Timer | undefined
  #repeats: Timer[] = []

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /** There is a new link, which knows of nothing: all subscriptions leave before this returns, if the server takes so many at once. */
  open(): void {
    this.clear()
    this.#allowance = this.#allow(1)
    this.#repeat()
    this.#leave()
  }

  /** The link is gone, and with it what waited. */
  clear(): void {
    this.#allowance = undefined
    this.#joining.clear()
    this.#leaving.clear()
    this.#messages = []
    this.#bytes = 0
    this.#wait?.cancel()
    this.#wait = undefined
    this.#cancelRepeats()
  }

  subscribe(namespace: Namespace): void {
    this.#change(namespace, this.#joining, this.#leaving)
  }

  unsubscribe(namespace: Namespace): void {
    this.#change(namespace, this.#leaving, this.#joining)
  }

  /** False when it is lost. */
  emit(frame: string): boolean {
    if (this.#allowance === undefined) return false
    if (this.#messages.length >= MAX_WAITING.frames || this.#bytes + frame.length > MAX_WAITING.bytes) return false
    this.#messages.push(frame)
    this.#bytes += frame.length
    this.#soon()
    return true
  }

  /** Messages that wait leave at once, whatever the pace: there is no later. */
  flush(): void {
    if (this.#allowance === undefined) return
    for (const frame of this.#messages) this.#parts.send(frame)
    this.clear()
  }

  /** The server dropped something that came too fast: slower from now on, and all subscriptions once more, in case it was those. */
  refused(): void {
    if (this.#allowance === undefined) return
    const { env } = this.#parts
    this.#allowance = this.#allow(Math.max(this.#allowance.pace / 2, SLOWEST), 0)
    this.#cancelRepeats()
    this.#repeats = REPEATS.map(ms => env.timer(jittered(ms, JITTER, env.random()), () => this.#repeat()))
  }

  #allow(pace: number, share = 1): Allowance {
    const now = this.#parts.env.now()
    const bucket = ({ rate, burst }: typeof FRAMES) => {
      const made = new TokenBucket({ rate: rate * pace, burst: burst * pace }, now)
      made.take(burst * pace * (1 - share), now)
      return made
    }
    return { pace, frames: bucket(FRAMES), bytes: bucket(BYTES) }
  }

  #cancelRepeats(): void {
    for (const timer of this.#repeats.splice(0)) timer.cancel()
  }

  #repeat(): void {
    for (const namespace of this.#parts.namespaces()) this.subscribe(namespace)
  }

  #change(namespace: Namespace, to: Map<string, Namespace>, from: Map<string, Namespace>): void {
    if (this.#allowance === undefined) return
    const key = keyOf(namespace)
    from.delete(key)
    to.set(key, [...namespace])
    this.#soon()
  }

  /** Together with whatever else is said in this turn. */
  #soon(): void {
    if (this.#isSoon || this.#wait !== undefined) return
    this.#isSoon = true
    queueMicrotask(() => {
      this.#isSoon = false
      if (this.#wait === undefined) this.#leave()
    })
  }

  #leave(): void {
    const allowance = this.#allowance
    if (allowance === undefined) return
    // Room is made before it is taken.
    for (const [type, changes] of [['unsubscribe', this.#leaving] as const, ['subscribe', this.#joining] as const]) {
      while (changes.size > 0) {
        const namespaces = firstBatch(changes.values())
        const frame = encodeFrame({ type, namespaces })
        if (!this.#spend(allowance, frame, namespacesCost(namespaces.length))) return
        if (!this.#parts.send(frame)) return this.#later(LINE_WAIT)
        for (const namespace of namespaces) changes.delete(keyOf(namespace))
      }
    }
    let sent = 0
    let lost = 0
    for (const frame of this.#messages) {
      if (!this.#spend(allowance, frame)) break
      if (!this.#parts.send(frame)) lost++
      sent++
      this.#bytes -= frame.length
    }
    this.#messages.splice(0, sent)
    if (lost > 0) this.#parts.lost(lost)
  }

  /** False when it has to wait for its turn. */
  #spend({ pace, frames, bytes }: Allowance, frame: string, cost = 1): boolean {
    const now = this.#parts.env.now()
    // A frame that is more than all that can be saved up takes all of it.
    const size = Math.min(utf8.encode(frame).length, pace * BYTES.burst)
    const wait = Math.max((cost - frames.left(now)) / (pace * FRAMES.rate), (size - bytes.left(now)) / (pace * BYTES.rate))
    if (wait > 0) {
      this.#later(wait * 1_000)
      return false
    }
    frames.take(cost, now)
    bytes.take(size, now)
    return true
  }

  #later(ms: number): void {
    this.#wait = this.#parts.env.timer(Math.max(ms, SHORTEST_WAIT), () => {
      this.#wait = undefined
      this.#leave()
    })
  }
}
