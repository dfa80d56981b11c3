/**
 * Schedules the sends of a signal server: a message to 100 subscribers is 100 sends, which count against the rate limit of its sender.
 *
 * Messages wait in one queue per client. Sends are taken round robin over addresses, and over the clients of an address, so that a client
 * with many messages waits for its own rate limit and delays others by at most one round. Knows no socket and no namespace.
 */
import type { Env, Timer } from '../../core/env.js'
import { TokenBucket, type RateLimit } from '../../core/token-bucket.js'
import { TokenBuckets } from '../../core/token-buckets.js'

/** Sends per turn of the event loop; then sockets are read. One send takes 6 µs of a CPU (Node 20, 100 receivers): a turn takes 2 ms. */
const SENDS_PER_TURN = 256
/** Sends of one client per round. */
const QUANTUM = 4
/** Bytes of a message that one send covers, so that an address causes at most 20 MB/s of traffic; a longer message counts as several. */
const SEND_SIZE = 1024
/** The shortest pause of a client or an address above its rate limit, in milliseconds, so that it then sends several at a time. */
const SHORTEST_PAUSE = 10
/** Bytes of queued messages, of all clients and of the clients of one address. */
const MAX_WAITING = { inAll: 64 * 1024 * 1024, perAddress: 4 * 1024 * 1024 }
/**
 * An address may fill this part of the free total, and a client this part of what is free for its address: 0.8 MiB when it is alone. The
 * more clients flood, the less each gets, and the buffer always has room for a newcomer.
 */
const FREE_SHARE = 1 / 4
/** Memory of a queued message beside its own bytes, estimated. */
const OVERHEAD = 512
/** Addresses whose rate limits are remembered: 10 MB. */
const MAX_ADDRESSES = 65_536

/** Calls back in the next turn of the event loop, after sockets were read. */
export type NextTurn = (callback: () => void) => void

/** One message and its remaining subscribers. */
export interface Delivery {
  readonly size: number
  /** Sends to the next subscriber; false when none is left. */
  next(): boolean
}

/** The rate limits of one client, and of all clients of one address together. */
export interface SendAllowances {
  client: RateLimit
  address: RateLimit
}

/** The clients of one address. */
interface Group {
  readonly address: string
  /** Queues with messages and budget, in round-robin order. */
  readonly ready: Set<SendQueue>
  clients: number
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
  /** Groups with messages and budget, in round-robin order. */
  readonly #ready = new Set<Group>()
  /** Bytes in all queues. */
  #waiting = 0
  #messages = 0
  /** The rest of this turn's sends. */
  #left = SENDS_PER_TURN
  /** Whether a callback in the next turn is scheduled. */
  #hasTurn = false

  constructor(env: Env, allowances: SendAllowances, nextTurn: NextTurn) {
    this.env = env
    this.#nextTurn = nextTurn
    this.#allowances = allowances
    this.#budgets = new TokenBuckets(allowances.address, MAX_ADDRESSES)
  }

  get messages(): number {
    return this.#messages
  }

  /** A queue for one client of the address. */
  open(address: string): SendQueue {
    const group = this.#groups.get(address) ?? { address, ready: new Set(), clients: 0, waiting: 0, pause: undefined }
    this.#groups.set(address, group)
    group.clients++
    return new SendQueue(this, group, new TokenBucket(this.#allowances.client))
  }

  /** @internal Whether a queue may take these bytes. */
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

  /** @internal Forgets a group without clients and messages. */
  release(group: Group): void {
    if (group.clients === 0 && group.waiting === 0) this.#groups.delete(group.address)
  }

  /** @internal The queue has messages and budget. */
  resume(queue: SendQueue, group: Group): void {
    group.ready.add(queue)
    if (group.pause === undefined) this.#resumeGroup(group)
  }

  #resumeGroup(group: Group): void {
    this.#ready.add(group)
    this.#run()
  }

  /** Serves groups until none is ready or this turn's sends are used up; a group that is added again comes last. */
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
    this.#left -= sends
    if (this.#hasTurn) return
    this.#hasTurn = true
    this.#nextTurn(() => {
      this.#hasTurn = false
      this.#left = SENDS_PER_TURN
      this.#run()
    })
  }

  /** @internal */
  pause(ms: number, over: () => void): Timer {
    return this.env.timer(Math.max(ms, SHORTEST_PAUSE), over)
  }
}

/** The messages of one client that are not sent yet. */
export class SendQueue {
  readonly #scheduler: SendScheduler
  readonly #group: Group
  readonly #budget: TokenBucket
  #deliveries: Delivery[] = []
  /** Bytes of the deliveries, overhead included. */
  #waiting = 0
  /** Runs while the budget of the client is used up. */
  #pause: Timer | undefined

  constructor(scheduler: SendScheduler, group: Group, budget: TokenBucket) {
    this.#scheduler = scheduler
    this.#group = group
    this.#budget = budget
  }

  /** Sends at once as much as this turn and the rate limits allow, and queues the rest. False, and nothing sent, when the queue is full. */
  add(delivery: Delivery): boolean {
    const bytes = sizeOf(delivery)
    if (!this.#scheduler.hasRoom(bytes, this.#waiting, this.#group.waiting)) return false
    this.#deliveries.push(delivery)
    this.#keep(1, bytes)
    if (this.#pause === undefined) this.#scheduler.resume(this, this.#group)
    return true
  }

  /** The client is gone; its queued messages are still sent. */
  close(): void {
    this.#group.clients--
    this.#scheduler.release(this.#group)
  }

  clear(): void {
    this.#pause?.cancel()
    this.#pause = undefined
    this.#group.ready.delete(this)
    const messages = this.#deliveries.length
    this.#deliveries = []
    this.#keep(-messages, -this.#waiting)
  }

  /** @internal Makes about `quantum` sends; returns their number. */
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
