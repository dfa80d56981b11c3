/** The clients, subscriptions and limits of a {@link SignalServer}. Forwards messages as text; knows no socket, never parses a message. */
import { utf8 } from '../../core/bytes.js'
import { Counter } from '../../core/counter.js'
import type { Env } from '../../core/env.js'
import { allowance, HubClient, type Outlet } from './hub-client.js'
import { keyOf } from '../drivers/namespace.js'
import { SendScheduler, type NextTurn, type SendQueue } from './send-scheduler.js'
import { encodeFrame, type Refusal } from '../drivers/websocket-codec.js'
import type { HubLimits } from './signal-server-options.js'

export interface HubStats {
  clients: number
  namespaces: number
  subscriptions: number
  /** Frames from clients, and messages sent to them. */
  framesIn: number
  messagesOut: number
  /** Refused frames by reason. */
  refused: Partial<Record<Refusal, number>>
  /** Queued messages, whose sender or its address has used up its rate limit of sends. */
  waiting: number
  /** Messages that were not sent to a client whose send buffer is full. */
  skipped: number
  /** Clients that were disconnected for too many refused frames. */
  ended: number
}

export class Hub {
  readonly env: Env
  readonly limits: HubLimits
  readonly #scheduler: SendScheduler
  readonly #rooms = new Map<string, Set<HubClient>>()
  readonly #clients = new Set<HubClient>()
  readonly #refused = new Counter<Refusal>()
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

  /** Clients of one address share the rate limit of that address. */
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
      refused: this.#refused.counts(),
      waiting: this.#scheduler.messages,
      skipped: this.#skipped,
      ended: this.#ended,
    }
  }

  /** @internal */
  countFrame(): void {
    this.#framesIn++
  }

  /** @internal */
  refuse(reason: Refusal): void {
    this.#refused.add(reason)
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

  /** @internal False when the sender's queue is full. */
  publish(namespace: readonly string[], message: string, sender: SendQueue): boolean {
    const room = this.#rooms.get(keyOf(namespace))
    if (room === undefined) return true
    const frame = utf8.encode(encodeFrame({ type: 'message', namespace, message }))
    // For the clients that are subscribed when their turn comes, at most as many as are subscribed now: a client that unsubscribes and
    // subscribes again moves to the end of the room, and could get the message for ever.
    const members = room.values()
    let left = room.size
    const next = () => {
      const member = left-- > 0 ? members.next() : undefined
      if (member === undefined || member.done === true) return false
      this.#send(member.value.outlet, frame)
      return true
    }
    return sender.add({ size: frame.length, next })
  }

  #send(outlet: Outlet, frame: Uint8Array): void {
    // A slow client catches up or times out; signalling repeats the messages that it misses until then.
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
