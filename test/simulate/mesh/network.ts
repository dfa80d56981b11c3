/**
 * A virtual network for thousands of nodes: connections with a latency, handshakes over relays, a tracker, and everything that goes wrong. Runs
 * any protocol that is a {@link SimulatedNode}. The same seed gives the same run, to the byte.
 */
import { Chance, mix } from './chance.js'
import { EventQueue } from './event-queue.js'
import type { Latency } from './latency.js'

/** A node of the protocol under test. It is called with the time, and answers by calls of {@link Network}. */
export interface SimulatedNode {
  /** When `wake` is to be called next. */
  readonly wakeAt: number
  wake(now: number): void
  receive(now: number, from: number, message: unknown): void
  opened(now: number, peer: number): void
  closed(now: number, peer: number): void
  dialFailed(now: number, peer: number): void
}

/** One connection. */
interface Connection {
  a: number
  b: number
  latency: number
  isOpen: boolean
  /** Nothing arrives before this time: the path is cut, and the data channel sends again later. */
  cutUntil: number
}

export interface NetworkOptions {
  seed: number
  latency: Latency
  /** The share of pairs that can never connect. */
  unconnectable?: number
  /** Upload of each node, in bytes per ms; unlimited by default. */
  uplink?: number
}

/** In bytes. */
const SMALL = 2_048

const MESSAGE = 0
const WAKE = 1
const CALL = 2
const CLOSED = 3

/** WebRTC sees that the other end is gone after this time. In ms. */
const NOTICE = { least: 13_000, most: 28_000 }
/** ICE and DTLS take two round trips, and both ends compute. */
const CONNECT_ROUND_TRIPS = 2
const CONNECT_WORK = 30
/** A pair without a path gives up after this time. */
const CONNECT_TIMEOUT = 10_000
/** Between a node and a tracker. */
const TRACKER_LATENCY = 50
/** Offer, answer, and candidates, over each relay. */
const HANDSHAKE_BYTES = 3_000

export interface Traffic {
  messages: number
  bytes: number
}

export class Network {
  readonly #queue = new EventQueue()
  readonly #options: NetworkOptions
  readonly #chance: Chance
  readonly nodes: Array<SimulatedNode | undefined> = []
  readonly connections: Array<Map<number, Connection>> = []
  readonly #wakes: number[] = []
  readonly #frozenUntil: number[] = []
  readonly #uplinkFreeAt: number[] = []
  readonly #readRates = new Map<number, number>()
  readonly #readAt = new Map<number, number>()
  now = 0
  events = 0
  /** May forbid connections, as a partition of the network does. */
  mayConnect: (a: number, b: number) => boolean = () => true
  handshakes: Traffic = { messages: 0, bytes: 0 }
  /** Connections that opened. */
  opened = 0

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#chance = new Chance(options.seed)
  }

  /** Makes a place for a node; `start` puts it there. */
  reserve(): number {
    this.nodes.push(undefined)
    this.connections.push(new Map())
    this.#wakes.push(Number.POSITIVE_INFINITY)
    this.#frozenUntil.push(0)
    this.#uplinkFreeAt.push(0)
    return this.nodes.length - 1
  }

  start(index: number, node: SimulatedNode): void {
    this.nodes[index] = node
    this.#schedule(index, node)
  }

  isUp(index: number): boolean {
    return this.nodes[index] !== undefined
  }

  isConnected(a: number, b: number): boolean {
    return this.connections[a]!.get(b)?.isOpen === true
  }

  /** Runs an action on a node, and sees to its timers. */
  act<Node extends SimulatedNode>(node: Node, index: number, action: (node: Node) => void): void {
    action(node)
    this.#schedule(index, node)
  }

  /** Calls back at a time. */
  at(time: number, callback: () => void): void {
    this.#queue.push(time, CALL, 0, callback)
  }

  run(until: number): void {
    while (this.#queue.nextAt <= until) this.#step()
    this.now = until
  }

  #step(): void {
    const { at, kind, node: index, subject, message } = this.#queue.pop()
    this.now = at
    this.events++
    if (kind === CALL) return (subject as () => void)() // what `at` pushed
    if (kind === WAKE) {
      if (at !== this.#wakes[index]) return
      this.#wakes[index] = Number.POSITIVE_INFINITY
    }
    const node = this.nodes[index]
    if (node === undefined) return
    if (this.#frozenUntil[index]! > at) {
      if (kind === WAKE) this.#wakes[index] = this.#frozenUntil[index]!
      return this.#queue.push(this.#frozenUntil[index]!, kind, index, subject, message)
    }
    if (kind === WAKE) node.wake(at)
    else {
      const connection = subject as Connection // what `send` and `close` pushed
      const peer = connection.a === index ? connection.b : connection.a
      if (this.connections[index]!.get(peer) !== connection) return
      if (kind === CLOSED) {
        this.connections[index]!.delete(peer)
        node.closed(at, peer)
      } else node.receive(at, peer, message)
    }
    this.#schedule(index, node)
  }

  #schedule(index: number, node: SimulatedNode): void {
    const { wakeAt } = node
    if (wakeAt >= this.#wakes[index]!) return
    const time = Math.max(wakeAt, this.now)
    this.#wakes[index] = time
    this.#queue.push(time, WAKE, index)
  }

  /** Returns for how long the receiver lags behind, in ms. */
  send(from: number, to: number, message: unknown, size: number): number {
    const connection = this.connections[from]!.get(to)
    if (connection === undefined) return 0
    let leaves = this.now
    // Small messages pass the bulk: they have a channel of their own, and the channels of a connection take turns.
    if (this.#options.uplink !== undefined && size > SMALL) {
      leaves = Math.max(this.now, this.#uplinkFreeAt[from]!) + size / this.#options.uplink
      this.#uplinkFreeAt[from] = leaves
    }
    const arrives = Math.max(leaves, connection.cutUntil) + connection.latency
    const rate = this.#readRates.get(to)
    if (rate === undefined) {
      this.#queue.push(arrives, MESSAGE, to, connection, message)
      return 0
    }
    const read = Math.max(arrives, this.#readAt.get(to) ?? 0) + size / rate
    this.#readAt.set(to, read)
    this.#queue.push(read, MESSAGE, to, connection, message)
    return read - arrives
  }

  /** From now on the node takes in that many bytes per ms. */
  slowDown(index: number, rate: number): void {
    this.#readRates.set(index, rate)
  }

  /** Closes a connection; the other end gets what was sent before, then hears of it. */
  close(from: number, to: number): void {
    const connection = this.connections[from]!.get(to)
    if (connection === undefined) return
    this.connections[from]!.delete(to)
    connection.isOpen = false
    const leaves = Math.max(this.now, this.#options.uplink === undefined ? 0 : this.#uplinkFreeAt[from]!)
    this.#queue.push(Math.max(leaves, connection.cutUntil) + connection.latency, CLOSED, to, connection)
  }

  /** Connects two nodes that agreed, with the handshake over these relays; without one over a tracker. */
  dial(from: number, to: number, via: readonly number[]): void {
    const path = [from, ...via, to]
    const oneWay =
      via.length === 0
        ? 2 * TRACKER_LATENCY
        : path.slice(1).reduce((sum, node, i) => sum + this.#options.latency(path[i]!, node), 0)
    this.handshakes.messages += 2 * (path.length - 1)
    this.handshakes.bytes += HANDSHAKE_BYTES * (path.length - 1)
    const direct = this.#options.latency(from, to)
    const relaysAreUp = () => via.every((relay, i) => this.isUp(relay) && this.#links(path[i]!, relay)) && this.isUp(to)
    this.at(this.now + oneWay, () => {
      if (!relaysAreUp()) return
      const isPossible = this.canConnect(from, to)
      const wait = isPossible ? oneWay + CONNECT_ROUND_TRIPS * 2 * direct + CONNECT_WORK : CONNECT_TIMEOUT
      this.at(this.now + wait, () => (isPossible ? this.connect(from, to) : this.#fail(from, to)))
    })
  }

  #links(a: number, b: number): boolean {
    return this.connections[a]!.has(b)
  }

  /** Whether a path between the two exists. */
  canConnect(a: number, b: number): boolean {
    if (!this.mayConnect(a, b)) return false
    const { unconnectable = 0, seed } = this.#options
    if (unconnectable === 0) return true
    return (
      mix(seed ^ Math.imul(Math.min(a, b) + 1, 0x2c1b3c6d) ^ Math.imul(Math.max(a, b) + 1, 0x297a2d39)) / 2 ** 32 >= unconnectable
    )
  }

  #fail(from: number, to: number): void {
    for (const [index, peer] of [
      [from, to],
      [to, from],
    ] as const) {
      const node = this.nodes[index]
      if (node !== undefined) this.act(node, index, one => one.dialFailed(this.now, peer))
    }
  }

  /** Opens a connection now. */
  connect(a: number, b: number): void {
    const [first, second] = [this.nodes[a], this.nodes[b]]
    if (first === undefined || second === undefined || a === b) return
    if (this.connections[a]!.get(b)?.isOpen === true && this.connections[b]!.get(a)?.isOpen === true) return
    const connection: Connection = { a, b, latency: this.#options.latency(a, b), isOpen: true, cutUntil: 0 }
    this.connections[a]!.set(b, connection)
    this.connections[b]!.set(a, connection)
    this.opened++
    this.act(first, a, node => node.opened(this.now, b))
    this.act(second, b, node => node.opened(this.now, a))
  }

  /** Both ends lose the connection, and see it. */
  sever(a: number, b: number): void {
    const connection = this.connections[a]!.get(b)
    if (connection === undefined) return
    for (const [index, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      if (this.connections[index]!.get(peer) !== connection) continue
      this.connections[index]!.delete(peer)
      const node = this.nodes[index]
      if (node !== undefined) this.act(node, index, one => one.closed(this.now, peer))
    }
  }

  /** Whether a connection joins the two sides. */
  bridges(sideOf: (index: number) => number): boolean {
    return this.connections.some((peers, index) => [...peers.keys()].some(peer => sideOf(peer) !== sideOf(index)))
  }

  /** The process of the node ends without a word. Its peers notice after 13 to 28 s. */
  kill(index: number): void {
    this.nodes[index] = undefined
    for (const [peer, connection] of this.connections[index]!) {
      connection.isOpen = false
      const noticed = this.now + NOTICE.least + (NOTICE.most - NOTICE.least) * this.#chance.next()
      this.#queue.push(noticed, CLOSED, peer, connection)
    }
    this.connections[index]!.clear()
  }

  /** The node does nothing until then; what arrives waits for it. */
  freeze(index: number, until: number): void {
    this.#frozenUntil[index] = until
  }

  isFrozen(index: number): boolean {
    return this.#frozenUntil[index]! > this.now
  }

  /** Nothing passes on this connection until then; what was sent arrives after. */
  cut(a: number, b: number, until: number): void {
    const connection = this.connections[a]!.get(b)
    if (connection !== undefined) connection.cutUntil = until
  }
}
