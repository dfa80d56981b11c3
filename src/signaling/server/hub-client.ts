/** One client of a {@link Hub}: its subscriptions and its rate limits. Knows no socket. */
import { utf8 } from '../../core/bytes.js'
import { TokenBucket, type RateLimit } from '../../core/token-bucket.js'
import type { Hub } from './hub.js'
import { keyOf } from '../drivers/namespace.js'
import type { SendQueue } from './send-scheduler.js'
import {
  decodeClientFrame,
  encodeFrame,
  namespacesCost,
  SignalFrameError,
  type ClientFrame,
  type Refusal,
} from '../drivers/websocket-codec.js'

/** The connection to one client. */
export interface Outlet {
  readonly bufferedAmount: number
  /** Sends a frame as UTF-8. All subscribers get the same bytes, so they must not be changed. */
  send(frame: Uint8Array): void
  /** Closes the connection of a client that ignored its refusals. */
  end(): void
}

/** Characters of a namespace key that one subscription covers; a swarm's have 93 with their quotes. A longer key counts as several. */
const NAME_LENGTH = 128
/** Refused frames of a client before it is disconnected; one per second is forgiven. */
const STRIKES = { rate: 1, burst: 1_000 }
/** One refusal frame per reason in this time, in milliseconds: a reply to each bad frame would be a flood itself. */
const REFUSAL_INTERVAL = 10_000
/** Burst of sends, in seconds of the rate: a page that starts with fifty torrents. */
const SENDS_BURST = 5
/**
 * Burst of frames and bytes, in seconds of the rate. swarmlink's clients send half of it at once and keep to the rate then, so a server that
 * stands still for 4 s and reads everything at once refuses nothing.
 */
const FRAMES_BURST = 8

const PONG = utf8.encode(encodeFrame({ type: 'pong' }))

export class HubClient {
  readonly outlet: Outlet
  readonly subscriptions = new Set<string>()
  readonly #hub: Hub
  readonly #sends: SendQueue
  readonly #frames: TokenBucket
  readonly #bytes: TokenBucket
  readonly #strikes = new TokenBucket(STRIKES)
  readonly #refusedAt = new Map<Refusal, number>()
  /** {@link subscriptions}, with long keys counted several times. */
  #slots = 0
  #changes = 0
  #gone = false

  constructor(hub: Hub, outlet: Outlet, sends: SendQueue) {
    const { messagesPerSecond, bytesPerSecond, maxFrame } = hub.limits
    this.#hub = hub
    this.outlet = outlet
    this.#sends = sends
    this.#frames = new TokenBucket({ rate: messagesPerSecond, burst: FRAMES_BURST * messagesPerSecond })
    this.#bytes = new TokenBucket({ rate: bytesPerSecond, burst: Math.max(FRAMES_BURST * bytesPerSecond, maxFrame) })
  }

  /** Takes a text frame, or `undefined` for a binary one. */
  receive(text: string | undefined): void {
    if (this.#gone) return
    const { env, limits } = this.#hub
    const now = env.now()
    this.#hub.countFrame()
    const size = text === undefined ? 0 : utf8.encode(text).length
    if (!this.#frames.take(1, now) || !this.#bytes.take(Math.min(size, limits.maxFrame), now)) return this.#refuse('too-fast')
    if (text === undefined) return this.#refuse('bad-frame')
    if (size > limits.maxFrame) return this.#refuse('too-large')
    let frame: ClientFrame
    try {
      frame = decodeClientFrame(text)
    } catch (error) {
      if (!(error instanceof SignalFrameError)) throw error
      return this.#refuse(error.fault === 'bad-namespace' ? 'namespace' : 'bad-frame')
    }
    this.#handle(frame)
  }

  /** Takes a ping or pong frame of the WebSocket, which costs a frame; false when it must not be answered. */
  receiveControl(): boolean {
    if (this.#gone) return false
    this.#hub.countFrame()
    if (this.#frames.take(1, this.#hub.env.now())) return this.#isReading()
    this.#refuse('too-fast')
    return false
  }

  /** The client is gone, or its connection is being closed. */
  leave(): void {
    if (!this.#gone) this.#depart(false)
  }

  #handle(frame: ClientFrame): void {
    switch (frame.type) {
      case 'subscribe':
        return this.#change(frame.namespaces, namespace => this.#subscribe(namespace))
      case 'unsubscribe':
        return this.#change(frame.namespaces, namespace => this.#unsubscribe(namespace))
      case 'emit':
        if (!this.#allows(frame.namespace)) return this.#refuse('namespace')
        if (!this.#hub.publish(frame.namespace, frame.message, this.#sends)) this.#refuse('too-fast')
        return
      case 'ping':
        return this.#reply(PONG)
    }
  }

  /** Each change costs its part of a frame. Subscribing again to a known namespace is no change, so that repeats succeed. */
  #change(namespaces: ReadonlyArray<readonly string[]>, change: (namespace: readonly string[]) => Refusal | undefined): void {
    const before = this.#changes
    const refusals = new Set(namespaces.map(change))
    this.#frames.charge(Math.max(namespacesCost(this.#changes - before) - 1, 0), this.#hub.env.now())
    // One refusal per frame: a client above maxSubscriptions repeats its list with every reconnect, which is no attack.
    for (const reason of refusals) if (reason !== undefined) this.#refuse(reason)
  }

  #subscribe(namespace: readonly string[]): Refusal | undefined {
    if (!this.#allows(namespace)) return 'namespace'
    const key = keyOf(namespace)
    if (this.subscriptions.has(key)) return undefined
    const slots = slotsOf(key)
    if (this.#slots + slots > this.#hub.limits.maxSubscriptions) return 'subscriptions'
    this.#slots += slots
    this.#changes++
    this.subscriptions.add(key)
    this.#hub.enter(key, this)
    return undefined
  }

  #unsubscribe(namespace: readonly string[]): undefined {
    const key = keyOf(namespace)
    if (!this.subscriptions.delete(key)) return
    this.#slots -= slotsOf(key)
    this.#changes++
    this.#hub.leave(key, this)
  }

  #allows(namespace: readonly string[]): boolean {
    const { maxDepth, maxNamespaceLength } = this.#hub.limits
    const length = namespace.reduce((sum, token) => sum + token.length, 0)
    return namespace.length <= maxDepth && length <= maxNamespaceLength
  }

  #refuse(reason: Refusal): void {
    const now = this.#hub.env.now()
    this.#hub.refuse(reason)
    const refusedAt = this.#refusedAt.get(reason)
    if (refusedAt === undefined || now - refusedAt >= REFUSAL_INTERVAL) {
      this.#refusedAt.set(reason, now)
      this.#reply(utf8.encode(encodeFrame({ type: 'refusal', reason })))
    }
    if (this.#strikes.take(1, now)) return
    this.#sends.clear()
    this.#depart(true)
    this.outlet.end()
  }

  #reply(frame: Uint8Array): void {
    if (this.#isReading()) this.outlet.send(frame)
  }

  #isReading(): boolean {
    return this.outlet.bufferedAmount <= this.#hub.limits.maxBuffered
  }

  #depart(ended: boolean): void {
    this.#gone = true
    for (const key of this.subscriptions) this.#hub.leave(key, this)
    this.subscriptions.clear()
    this.#sends.close()
    this.#hub.gone(this, ended)
  }
}

/** The rate limit of sends. */
export function allowance(perSecond: number): RateLimit {
  return { rate: perSecond, burst: SENDS_BURST * perSecond }
}

function slotsOf(key: string): number {
  return Math.ceil(key.length / NAME_LENGTH)
}
