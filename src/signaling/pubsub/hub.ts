/** Who subscribed to what on a {@link SignalServer}, and what each may do. Passes texts on; knows no socket and never looks into a message. */
import { utf8 } from '../../core/bytes.js'
import type { Env } from '../../core/env.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { keyOf } from './namespace.js'
import { decodeClientFrame, encodeFrame, WireError, type ClientFrame, type Refusal } from './websocket-wire.js'

/** What one client may do. */
export interface HubLimits {
  maxFrame: number
  maxDepth: number
  maxNamespaceLength: number
  maxSubscriptions: number
  messagesPerSecond: number
  bytesPerSecond: number
  maxBuffered: number
}

/** The way to one client. */
export interface Outlet {
  /** Bytes that wait to leave. */
  readonly bufferedAmount: number
  send(text: string): void
  /** It goes on in spite of having been told: hang up. */
  end(): void
}

export interface HubStats {
  clients: number
  namespaces: number
  subscriptions: number
  /** Frames that clients sent, and messages that were passed on to them. */
  framesIn: number
  messagesOut: number
  /** Frames that were refused, by reason. */
  refused: Partial<Record<Refusal, number>>
  /** Messages that a client did not get because it reads too slowly. */
  skipped: number
  /** Clients that were hung up on because they did not stop. */
  ended: number
}

/** Characters of a name that one subscription pays for; a swarm's have 93 with their quotes. A longer one counts as several. */
const NAME_LENGTH = 128
/** Seconds' worth that may come at once: a page that starts with fifty torrents. */
const BURST = 5
/** Frames of a client that are dropped before it is hung up on; one a second is forgiven. */
const STRIKES = { rate: 1, burst: 1_000 }
/** A client that goes on wrongly is not told again before this, in milliseconds: an answer to each would be a flood of ours. */
const REFUSAL_INTERVAL = 10_000

const PONG = encodeFrame({ type: 'pong' })

export class Hub {
  readonly env: Env
  readonly limits: HubLimits
  readonly #rooms = new Map<string, Set<HubClient>>()
  readonly #clients = new Set<HubClient>()
  readonly #refused = new Map<Refusal, number>()
  #framesIn = 0
  #messagesOut = 0
  #skipped = 0
  #ended = 0

  constructor(env: Env, limits: HubLimits) {
    this.env = env
    this.limits = limits
  }

  join(outlet: Outlet): HubClient {
    const client = new HubClient(this, outlet)
    this.#clients.add(client)
    return client
  }

  stats(): HubStats {
    return {
      clients: this.#clients.size,
      namespaces: this.#rooms.size,
      subscriptions: [...this.#clients].reduce((sum, client) => sum + client.subscriptions.size, 0),
      framesIn: this.#framesIn,
      messagesOut: this.#messagesOut,
      refused: Object.fromEntries(this.#refused),
      skipped: this.#skipped,
      ended: this.#ended,
    }
  }

  /** @internal */
  heard(): void {
    this.#framesIn++
  }

  /** @internal */
  refuse(reason: Refusal): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1)
  }

  /** @internal */
  enter(key: string, client: HubClient): void {
    const room = this.#rooms.get(key)
    if (room === undefined) this.#rooms.set(key, new Set([client]))
    else room.add(client)
  }

  /** @internal */
  leave(key: string, client: HubClient): void {
    const room = this.#rooms.get(key)
    room?.delete(client)
    if (room?.size === 0) this.#rooms.delete(key)
  }

  /** @internal */
  publish(namespace: readonly string[], message: string): void {
    const room = this.#rooms.get(keyOf(namespace))
    if (room === undefined) return
    const frame = encodeFrame({ type: 'message', namespace, message })
    for (const { outlet } of room) {
      // It catches up or it is found dead; until then what it misses is asked for again.
      if (outlet.bufferedAmount > this.limits.maxBuffered) this.#skipped++
      else {
        outlet.send(frame)
        this.#messagesOut++
      }
    }
  }

  /** @internal */
  gone(client: HubClient, ended: boolean): void {
    this.#clients.delete(client)
    if (ended) this.#ended++
  }
}

/** One client: its subscriptions and what it has left to spend. */
export class HubClient {
  readonly outlet: Outlet
  readonly subscriptions = new Set<string>()
  readonly #hub: Hub
  readonly #frames: TokenBucket
  readonly #bytes: TokenBucket
  readonly #strikes: TokenBucket
  readonly #told = new Map<Refusal, number>()
  /** What {@link subscriptions} count as. */
  #places = 0
  #gone = false

  constructor(hub: Hub, outlet: Outlet) {
    const { messagesPerSecond, bytesPerSecond, maxFrame } = hub.limits
    const now = hub.env.now()
    this.#hub = hub
    this.outlet = outlet
    this.#frames = new TokenBucket({ rate: messagesPerSecond, burst: BURST * messagesPerSecond }, now)
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

  /** It is gone, or is to be. */
  leave(): void {
    if (!this.#gone) this.#depart(false)
  }

  #obey(frame: ClientFrame): void {
    switch (frame.type) {
      case 'subscribe':
        // Once a frame: whoever has more topics than it may have says so with every reconnect, and means no harm.
        for (const reason of new Set(frame.namespaces.map(namespace => this.#subscribe(namespace))))
          if (reason !== undefined) this.#refuse(reason)
        return
      case 'unsubscribe':
        for (const namespace of frame.namespaces) {
          const key = keyOf(namespace)
          if (!this.subscriptions.delete(key)) continue
          this.#places -= placesOf(key)
          this.#hub.leave(key, this)
        }
        return
      case 'emit':
        if (!this.#allows(frame.namespace)) return this.#refuse('namespace')
        return this.#hub.publish(frame.namespace, frame.message)
      case 'ping':
        return this.#say(PONG)
    }
  }

  #subscribe(namespace: readonly string[]): Refusal | undefined {
    if (!this.#allows(namespace)) return 'namespace'
    const key = keyOf(namespace)
    if (this.subscriptions.has(key)) return undefined
    const places = placesOf(key)
    if (this.#places + places > this.#hub.limits.maxSubscriptions) return 'subscriptions'
    this.#places += places
    this.subscriptions.add(key)
    this.#hub.enter(key, this)
    return undefined
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
      this.#say(encodeFrame({ type: 'refusal', reason }))
    }
    if (this.#strikes.take(1, now)) return
    this.#depart(true)
    this.outlet.end()
  }

  #say(frame: string): void {
    if (this.outlet.bufferedAmount <= this.#hub.limits.maxBuffered) this.outlet.send(frame)
  }

  #depart(ended: boolean): void {
    this.#gone = true
    for (const key of this.subscriptions) this.#hub.leave(key, this)
    this.subscriptions.clear()
    this.#hub.gone(this, ended)
  }
}

function placesOf(key: string): number {
  return Math.ceil(key.length / NAME_LENGTH)
}
