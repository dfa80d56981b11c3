/** Who subscribed to what on a {@link SignalServer}, and what each may do. Passes texts on; knows no socket and never looks into a message. */
import { utf8 } from '../../core/bytes.js'
import type { Env } from '../../core/env.js'
import { allowance, HubClient, type Outlet } from './hub-client.js'
import { keyOf } from './namespace.js'
import { SendScheduler, type Delivery, type NextTurn, type SendQueue } from './send-scheduler.js'
import { encodeFrame, type Refusal } from './websocket-wire.js'

/** What one client may do. */
export interface HubLimits {
  maxFrame: number
  maxDepth: number
  maxNamespaceLength: number
  maxSubscriptions: number
  messagesPerSecond: number
  bytesPerSecond: number
  sendsPerSecond: number
  sendsPerSecondPerAddress: number
  maxBuffered: number
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
  /** Messages that wait because their sender, or its address, has used up its sends. */
  waiting: number
  /** Messages that a client did not get because it reads too slowly. */
  skipped: number
  /** Clients that were hung up on because they did not stop. */
  ended: number
}

export class Hub {
  readonly env: Env
  readonly limits: HubLimits
  readonly #scheduler: SendScheduler
  readonly #rooms = new Map<string, Set<HubClient>>()
  readonly #clients = new Set<HubClient>()
  readonly #refused = new Map<Refusal, number>()
  #subscriptions = 0
  #framesIn = 0
  #messagesOut = 0
  #skipped = 0
  #ended = 0

  constructor(env: Env, limits: HubLimits, nextTurn: NextTurn = callback => void env.timer(0, callback)) {
    this.env = env
    this.limits = limits
    const client = allowance(limits.sendsPerSecond)
    const address = allowance(limits.sendsPerSecondPerAddress)
    this.#scheduler = new SendScheduler(env, { client, address }, nextTurn)
  }

  /** Clients of one address share the budget of that address. */
  join(outlet: Outlet, address: string): HubClient {
    const client = new HubClient(this, outlet, this.#scheduler.open(address))
    this.#clients.add(client)
    return client
  }

  stats(): HubStats {
    return {
      clients: this.#clients.size,
      namespaces: this.#rooms.size,
      subscriptions: this.#subscriptions,
      framesIn: this.#framesIn,
      messagesOut: this.#messagesOut,
      refused: Object.fromEntries(this.#refused),
      waiting: this.#scheduler.messages,
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
    this.#subscriptions++
    const room = this.#rooms.get(key)
    if (room === undefined) this.#rooms.set(key, new Set([client]))
    else room.add(client)
  }

  /** @internal */
  leave(key: string, client: HubClient): void {
    this.#subscriptions--
    const room = this.#rooms.get(key)
    room?.delete(client)
    if (room?.size === 0) this.#rooms.delete(key)
  }

  /** @internal False when the sender has too much waiting already. */
  publish(namespace: readonly string[], message: string, sender: SendQueue): boolean {
    const room = this.#rooms.get(keyOf(namespace))
    if (room === undefined) return true
    const frame = utf8.encode(encodeFrame({ type: 'message', namespace, message }))
    return sender.add(new RoomDelivery(room, frame, outlet => this.#send(outlet, frame)))
  }

  #send(outlet: Outlet, frame: Uint8Array): void {
    // A client that reads too slowly catches up or is found dead; until then what it misses is asked for again.
    if (outlet.bufferedAmount > this.limits.maxBuffered) this.#skipped++
    else {
      outlet.send(frame)
      this.#messagesOut++
    }
  }

  /** @internal */
  gone(client: HubClient, ended: boolean): void {
    this.#clients.delete(client)
    if (ended) this.#ended++
  }
}

/** A message on its way to those who are subscribed when it is sent to them, and to no more than were subscribed when it came. */
class RoomDelivery implements Delivery {
  readonly size: number
  readonly #members: Iterator<HubClient, unknown>
  readonly #send: (outlet: Outlet) => void
  /** A client that unsubscribes and subscribes again comes last in the room once more: without an end it could be sent to for ever. */
  #left: number

  constructor(room: ReadonlySet<HubClient>, { length }: Uint8Array, send: (outlet: Outlet) => void) {
    this.size = length
    this.#members = room.values()
    this.#send = send
    this.#left = room.size
  }

  next(): boolean {
    if (this.#left-- <= 0) return false
    const { done, value } = this.#members.next()
    if (done === true) return false
    this.#send(value.outlet)
    return true
  }
}
