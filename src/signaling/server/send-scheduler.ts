/**
 * Shares out the sends of a signal server: a message to a hundred subscribers is a hundred sends, and its sender pays for each.
 *
 * Messages wait in one queue per client. Sends are taken round robin over addresses, and over the clients of an address, so that a client
 * with much to send waits for its own budget and delays others by one round at most. Knows no socket and no namespace.
 */
import type { Env, Timer } from '../../core/env.js'
import { TokenBucket, type Allowance } from '../../core/token-bucket.js'
import { TokenBuckets } from '../../core/token-buckets.js'

/** Sends in one turn of the event loop, then sockets are read. One send takes 6 µs of a CPU (Node 20, 100 receivers): a turn takes 2 ms. */
const SENDS_PER_TURN = 256
/** Sends of one client before the next client has its turn. */
const QUANTUM = 4
/** Bytes of a message that one send pays for, so that an address causes 20 MB/s of traffic at most; a longer message counts as several. */
const SEND_SIZE = 1024
/** Milliseconds: a client or an address whose budget is used up is looked at no sooner, so that it sends several at a time. */
const SHORTEST_PAUSE = 10
/** Bytes of messages that may wait, of all clients and of those of one address. */
const MAX_WAITING = { inAll: 64 * 1024 * 1024, perAddress: 4 * 1024 * 1024 }
/**
 * An address may take this part of what is free in all, and a client this part of what is free for its address: 0.8 MiB when it is alone.
 * Many that send too much take less each, and the buffer is never so full that a newcomer gets none of it.
 */
const FREE_SHARE = 1 / 4
/** Bytes that a waiting message takes besides its own, about. */
const OVERHEAD = 512
/** Addresses whose budgets are remembered: 10 MB. */
const MAX_ADDRESSES = 65_536

/** Calls back in the next turn of the event loop, after sockets were read. */
export type NextTurn = (callback: () => void) => void

/** A message on its way to its subscribers. */
export interface Delivery {
  /** Bytes of the message. */
  readonly size: number
  /** Sends to the next subscriber; false when there is none left. */
  next(): boolean
}

/** What a client, and all clients of one address together, may send. */
export interface SendAllowances {
  client: Allowance
  address: Allowance
}

/** The clients of one address. */
interface Group {
  readonly address: string
  /** Queues with something to send and budget left, in the order of their turns. */
  readonly ready: Set<SendQueue>
  /** Clients that are connected. */
  clients: number
  /** Bytes of the messages in its queues. */
  waiting: number
  /** Runs while the budget of the address is used up. */
  pause: Timer | undefined
}

export class SendScheduler {
  readonly env: Env
  readonly #allowances: SendAllowances
  readonly #nextTurn: NextTurn
  readonly #budgets: TokenBuckets
  readonly #groups = new Map<string, Group>()
  /** Groups with something to send and budget left, in the order of their turns. */
  readonly #ready = new Set<Group>()
  /** Bytes of the messages in all queues. */
  #waiting = 0
  #messages = 0
  /** Sends that are left in this turn of the event loop. */
  #left = SENDS_PER_TURN
  /** Whether the next turn is awaited. */
  #hasTurn = false

  constructor(env: Env, allowances: SendAllowances, nextTurn: NextTurn) {
    this.env = env
    this.#nextTurn = nextTurn
    this.#allowances = allowances
    this.#budgets = new TokenBuckets(allowances.address, MAX_ADDRESSES, env.now())
  }

  /** Messages that wait in all queues. */
  get messages(): number {
    return this.#messages
  }

  /** A queue for one client of the address. */
  open(address: string): SendQueue {
    const group = this.#groups.get(address) ?? { address, ready: new Set(), clients: 0, waiting: 0, pause: undefined }
    this.#groups.set(address, group)
    group.clients++
    return new SendQueue(this, group, new TokenBucket(this.#allowances.client, this.env.now()))
  }

  /** @internal Whether so many bytes more may wait. */
  hasRoom(bytes: number, ofQueue: number, ofGroup: number): boolean {
    const { inAll, perAddress } = MAX_WAITING
    return ofQueue + bytes <= (perAddress - ofGroup) * FREE_SHARE && ofGroup + bytes <= (inAll - this.#waiting) * FREE_SHARE
  }

  /** @internal */
  keep(group: Group, messages: number, bytes: number): void {
    this.#messages += messages
    this.#waiting += bytes
    group.waiting += bytes
    this.release(group)
  }

  /** @internal Forgets a group that has no client and nothing to send. */
  release(group: Group): void {
    if (group.clients === 0 && group.waiting === 0) this.#groups.delete(group.address)
  }

  /** @internal The queue has something to send. */
  resume(queue: SendQueue, group: Group): void {
    group.ready.add(queue)
    if (group.pause === undefined) this.#resumeGroup(group)
  }

  #resumeGroup(group: Group): void {
    this.#ready.add(group)
    this.#run()
  }

  /** Until nothing is left to send, or this turn's sends are used up: a group that is added again comes last. */
  #run(): void {
    for (const group of this.#ready) {
      if (this.#left <= 0) return
      this.#ready.delete(group)
      this.#serve(group)
      if (group.ready.size > 0 && group.pause === undefined) this.#ready.add(group)
    }
  }

  #serve(group: Group): void {
    const now = this.env.now()
    const budget = this.#budgets.of(group.address, now)
    const wait = budget.wait(now)
    if (wait > 0) {
      group.pause = this.pause(wait, () => {
        group.pause = undefined
        this.#resumeGroup(group)
      })
      return
    }
    const [queue] = group.ready
    if (queue === undefined) return
    group.ready.delete(queue)
    const sends = queue.serve(QUANTUM, now)
    budget.charge(sends, now)
    this.#spend(sends)
  }

  #spend(sends: number): void {
    if (!this.#hasTurn) this.#nextTurn(() => this.#beginTurn())
    this.#hasTurn = true
    this.#left -= sends
  }

  #beginTurn(): void {
    this.#hasTurn = false
    this.#left = SENDS_PER_TURN
    this.#run()
  }

  /** @internal */
  pause(ms: number, over: () => void): Timer {
    return this.env.timer(Math.max(ms, SHORTEST_PAUSE), over)
  }
}

/** What one client has to send. */
export class SendQueue {
  readonly #scheduler: SendScheduler
  readonly #group: Group
  readonly #budget: TokenBucket
  #deliveries: Delivery[] = []
  /** Bytes of the deliveries. */
  #waiting = 0
  /** Runs while the budget of the client is used up. */
  #pause: Timer | undefined

  constructor(scheduler: SendScheduler, group: Group, budget: TokenBucket) {
    this.#scheduler = scheduler
    this.#group = group
    this.#budget = budget
  }

  /** Sends at once what this turn and the budgets allow; the rest waits. False, and nothing sent, when too much waits already. */
  add(delivery: Delivery): boolean {
    const bytes = sizeOf(delivery)
    if (!this.#scheduler.hasRoom(bytes, this.#waiting, this.#group.waiting)) return false
    this.#deliveries.push(delivery)
    this.#keep(1, bytes)
    if (this.#pause === undefined) this.#scheduler.resume(this, this.#group)
    return true
  }

  /** The client is gone: what it said before that is still sent. */
  close(): void {
    this.#group.clients--
    this.#scheduler.release(this.#group)
  }

  /** Gives up what waits. */
  clear(): void {
    this.#pause?.cancel()
    this.#pause = undefined
    this.#group.ready.delete(this)
    const messages = this.#deliveries.length
    this.#deliveries = []
    this.#keep(-messages, -this.#waiting)
  }

  /** @internal Sends about `quantum`; gives how many sends it was. */
  serve(quantum: number, now: number): number {
    const wait = this.#budget.wait(now)
    if (wait > 0) {
      this.#pause = this.#scheduler.pause(wait, () => {
        this.#pause = undefined
        this.#scheduler.resume(this, this.#group)
      })
      return 0
    }
    let sends = 0
    while (sends < quantum) {
      const [delivery] = this.#deliveries
      if (delivery === undefined) break
      if (delivery.next()) sends += Math.ceil(delivery.size / SEND_SIZE)
      else {
        this.#deliveries.shift()
        this.#keep(-1, -sizeOf(delivery))
      }
    }
    this.#budget.charge(sends, now)
    if (this.#deliveries.length > 0) this.#group.ready.add(this)
    return sends
  }

  #keep(messages: number, bytes: number): void {
    this.#waiting += bytes
    this.#scheduler.keep(this.#group, messages, bytes)
  }
}

function sizeOf({ size }: Delivery): number {
  return size + OVERHEAD
}
