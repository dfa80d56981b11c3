/** One client of a {@link Hub}: its subscriptions, and what it has left to spend. Knows no socket. */
import { utf8 } from '../../core/bytes.js'
import { TokenBucket, type Allowance } from '../../core/token-bucket.js'
import type { Hub } from './hub.js'
import { keyOf } from './namespace.js'
import type { SendQueue } from './send-scheduler.js'
import { decodeClientFrame, encodeFrame, namespacesCost, WireError, type ClientFrame, type Refusal } from './websocket-wire.js'

/** The way to one client. */
export interface Outlet {
  /** Bytes that wait to leave. */
  readonly bufferedAmount: number
  /** A frame as UTF-8. All subscribers get the same bytes, which nothing may change. */
  send(frame: Uint8Array): void
  /** It goes on in spite of having been told: hang up. */
  end(): void
}

/** Characters of a name that one subscription pays for; a swarm's have 93 with their quotes. A longer one counts as several. */
const NAME_LENGTH = 128
/** Frames of a client that are dropped before it is hung up on; one a second is forgiven. */
const STRIKES = { rate: 1, burst: 1_000 }
/** A client that goes on wrongly is not told again before this, in milliseconds: an answer to each would be a flood of ours. */
const REFUSAL_INTERVAL = 10_000
/** Seconds' worth that may come at once: a page that starts with fifty torrents. */
const BURST = 5

const PONG = utf8.encode(encodeFrame({ type: 'pong' }))

export class HubClient {
  readonly outlet: Outlet
  readonly subscriptions = new Set<string>()
  readonly #hub: Hub
  readonly #sends: SendQueue
  readonly #frames: TokenBucket
  readonly #bytes: TokenBucket
  readonly #strikes: TokenBucket
  readonly #told = new Map<Refusal, number>()
  /** What {@link subscriptions} count as. */
  #places = 0
  /** Subscriptions that were made and ended. */
  #changes = 0
  #gone = false

  constructor(hub: Hub, outlet: Outlet, sends: SendQueue) {
    const { messagesPerSecond, bytesPerSecond, maxFrame } = hub.limits
    const now = hub.env.now()
    this.#hub = hub
    this.outlet = outlet
    this.#sends = sends
    this.#frames = new TokenBucket(allowance(messagesPerSecond), now)
    this.#bytes = new TokenBucket({ rate: bytesPerSecond, burst: Math.max(BURST * bytesPerSecond, maxFrame) }, now)
    this.#strikes = new TokenBucket(STRIKES, now)
  }

  /** Takes a frame, or `undefined` for one that was no text. */
  receive(text: string | undefined): void {
    if (this.#gone) return
    const { env, limits } = this.#hub
    const now = env.now()
    this.#hub.heard()
    const size = text === undefined ? 0 : utf8.encode(text).length
    if (!this.#frames.take(1, now) || !this.#bytes.take(Math.min(size, limits.maxFrame), now)) return this.#refuse('too-fast')
    if (text === undefined) return this.#refuse('bad-frame')
    if (size > limits.maxFrame) return this.#refuse('too-large')
    let frame: ClientFrame
    try {
      frame = decodeClientFrame(text)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      return this.#refuse(error.fault === 'bad-namespace' ? 'namespace' : 'bad-frame')
    }
    this.#obey(frame)
  }

  /** Takes a ping or pong frame of the WebSocket, which costs a frame; false for one that is too much to be answered. */
  receiveControl(): boolean {
    if (this.#gone) return false
    this.#hub.heard()
    if (this.#frames.take(1, this.#hub.env.now())) return this.#isReading()
    this.#refuse('too-fast')
    return false
  }

  /** It is gone, or is to be. */
  leave(): void {
    if (!this.#gone) this.#depart(false)
  }

  #obey(frame: ClientFrame): void {
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
        return this.#say(PONG)
    }
  }

  /** Each change costs its part of a frame; to repeat what the hub knows costs nothing more, so that repeats succeed in the end. */
  #change(namespaces: ReadonlyArray<readonly string[]>, change: (namespace: readonly string[]) => Refusal | undefined): void {
    const before = this.#changes
    const refusals = new Set(namespaces.map(change))
    this.#frames.charge(Math.max(namespacesCost(this.#changes - before) - 1, 0), this.#hub.env.now())
    // Once a frame: a client with more topics than it may have says so with every reconnect, and means no harm.
    for (const reason of refusals) if (reason !== undefined) this.#refuse(reason)
  }

  #subscribe(namespace: readonly string[]): Refusal | undefined {
    if (!this.#allows(namespace)) return 'namespace'
    const key = keyOf(namespace)
    if (this.subscriptions.has(key)) return undefined
    const places = placesOf(key)
    if (this.#places + places > this.#hub.limits.maxSubscriptions) return 'subscriptions'
    this.#places += places
    this.#changes++
    this.subscriptions.add(key)
    this.#hub.enter(key, this)
    return undefined
  }

  #unsubscribe(namespace: readonly string[]): undefined {
    const key = keyOf(namespace)
    if (!this.subscriptions.delete(key)) return
    this.#places -= placesOf(key)
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
    const told = this.#told.get(reason)
    if (told === undefined || now - told >= REFUSAL_INTERVAL) {
      this.#told.set(reason, now)
      this.#say(utf8.encode(encodeFrame({ type: 'refusal', reason })))
    }
    if (this.#strikes.take(1, now)) return
    this.#sends.clear()
    this.#depart(true)
    this.outlet.end()
  }

  #say(frame: Uint8Array): void {
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

/** So much a second, and the burst of a client that rested. */
export function allowance(perSecond: number): Allowance {
  return { rate: perSecond, burst: BURST * perSecond }
}

function placesOf(key: string): number {
  return Math.ceil(key.length / NAME_LENGTH)
}
