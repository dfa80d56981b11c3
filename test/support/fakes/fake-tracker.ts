/**
 * A WebTorrent tracker in virtual time that behaves like the real ones: it counts, replies to announcements, hands offers to random
 * members and forwards answers. It can be stopped and restarted, muted, and made to send anything.
 */
import { binaryToHex } from '../../../src/core/bytes.js'
import type { Dial, Env, TextSocket } from '../../../src/core/env.js'

export interface FakeTrackerOptions {
  /** @default 'ws://tracker.test/' */
  url?: string
  /** Seconds. @default 120 */
  interval?: number
  /** Seconds. Omitted when undefined. */
  minInterval?: number
  /** One way, in milliseconds. @default 5 */
  latency?: number
  /** Further offers are ignored, as aquatic does. @default 82 */
  maxOffers?: number
}

interface Member {
  readonly connection: Connection
  seeder: boolean
}

/** A client's frame, for assertions. Ids in hex. */
export interface Heard {
  at: number
  topic: string
  from: string
  event: string | undefined
  offers: number
  numwant: number
  answerTo?: string
}

type Json = Record<string, unknown>

export class FakeTracker {
  readonly url: string
  readonly heard: Heard[] = []
  /** Protocol errors of clients. A correct client causes none. */
  readonly complaints: string[] = []
  /** Accepts everything and sends nothing, like a half-open connection. */
  muted = false
  /** Dials received, including refused ones. */
  dials = 0
  readonly #env: Env
  readonly #options: FakeTrackerOptions
  readonly #swarms = new Map<string, Map<string, Member>>()
  readonly #connections = new Set<Connection>()
  #up = true

  constructor(env: Env, options: FakeTrackerOptions = {}) {
    this.#env = env
    this.#options = options
    this.url = options.url ?? 'ws://tracker.test/'
  }

  get latency(): number {
    return this.#options.latency ?? 5
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Members of a topic (in hex). */
  members(topic: string): number {
    return this.#swarms.get(topic)?.size ?? 0
  }

  /** Announcements only, no answers. */
  get announces(): Heard[] {
    return this.heard.filter(({ answerTo }) => answerTo === undefined)
  }

  readonly dial: Dial = (url, signal) =>
    new Promise((resolve, reject) => {
      this.dials++
      const abort = () => {
        timer.cancel()
        reject(new Error('aborted'))
      }
      const timer = this.#env.timer(2 * this.latency, () => {
        signal.removeEventListener('abort', abort)
        if (url !== this.url || !this.#up) return reject(new Error(`connection to ${url} refused`))
        const connection = new Connection(this.#env, this.latency, signal, this)
        this.#connections.add(connection)
        resolve(connection)
      })
      signal.addEventListener('abort', abort)
      if (signal.aborted) abort()
    })

  /** Closes every connection, refuses new ones and forgets all swarms. */
  stop(): void {
    this.#up = false
    for (const connection of [...this.#connections]) connection.end(new Error('the tracker closed the connection'))
    this.#swarms.clear()
  }

  start(): void {
    this.#up = true
  }

  /** Sends this to every connection, whatever it is. */
  inject(frame: string | object): void {
    for (const connection of this.#connections) connection.deliver(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  /** @internal */
  gone(connection: Connection): void {
    this.#connections.delete(connection)
    for (const [topic, swarm] of this.#swarms) {
      for (const [peerId, member] of swarm) if (member.connection === connection) swarm.delete(peerId)
      if (swarm.size === 0) this.#swarms.delete(topic)
    }
  }

  /** @internal */
  receive(connection: Connection, text: string): void {
    if (this.muted || !this.#connections.has(connection)) return
    let frame: Json
    try {
      frame = JSON.parse(text) as Json
      this.#announce(connection, frame, text)
    } catch (error) {
      const reason = (error as Error).message
      this.complaints.push(reason)
      connection.deliver(JSON.stringify({ 'failure reason': reason }))
    }
  }

  #announce(connection: Connection, frame: Json, text: string): void {
    if (new TextEncoder().encode(text).length > 65_536) throw new Error('frame too long')
    if (frame['action'] !== 'announce') throw new Error('unknown action')
    const topic = id(frame['info_hash'], 'info_hash')
    const from = id(frame['peer_id'], 'peer_id')
    const event = frame['event'] as string | undefined
    if (event !== undefined && !['started', 'completed', 'stopped'].includes(event)) throw new Error('unknown event')
    if (frame['answer'] !== undefined) return this.#answer(frame, topic, from)
    if (!Number.isInteger(frame['numwant']) || !Number.isInteger(frame['left']))
      throw new Error('numwant and left are whole numbers')
    const offers = (frame['offers'] ?? []) as Json[]
    for (const { offer_id } of offers) id(offer_id, 'offer_id')
    this.heard.push({ at: this.#env.now(), topic, from, event, offers: offers.length, numwant: frame['numwant'] as number })

    const swarm = this.#swarms.get(topic) ?? new Map<string, Member>()
    this.#swarms.set(topic, swarm)
    if (event === 'stopped') {
      swarm.delete(from)
      if (swarm.size === 0) this.#swarms.delete(topic)
      return
    }
    swarm.set(from, { connection, seeder: frame['left'] === 0 })
    const seeders = [...swarm.values()].filter(({ seeder }) => seeder).length
    connection.deliver(
      JSON.stringify({
        complete: seeders,
        incomplete: swarm.size - seeders,
        action: 'announce',
        info_hash: frame['info_hash'],
        interval: this.#options.interval ?? 120,
        ...(this.#options.minInterval !== undefined && { 'min interval': this.#options.minInterval }),
      }),
    )
    const others = shuffled(
      [...swarm].filter(([peerId]) => peerId !== from),
      () => this.#env.random(),
    )
    for (const [index, { offer, offer_id }] of offers.slice(0, this.#options.maxOffers ?? 82).entries()) {
      const member = others[index]?.[1]
      if (member === undefined) break
      member.connection.deliver(
        JSON.stringify({ action: 'announce', offer, offer_id, peer_id: frame['peer_id'], info_hash: frame['info_hash'] }),
      )
    }
  }

  #answer(frame: Json, topic: string, from: string): void {
    const to = id(frame['to_peer_id'], 'to_peer_id')
    id(frame['offer_id'], 'offer_id')
    this.heard.push({ at: this.#env.now(), topic, from, event: undefined, offers: 0, numwant: 0, answerTo: to })
    const { answer, offer_id, peer_id, info_hash } = frame
    this.#swarms
      .get(topic)
      ?.get(to)
      ?.connection.deliver(JSON.stringify({ action: 'announce', answer, offer_id, peer_id, info_hash }))
  }
}

/** Routes each URL to its tracker. */
export function dialAll(trackers: FakeTracker[]): Dial {
  return (url, signal) => {
    const tracker = trackers.find(candidate => candidate.url === url)
    return tracker === undefined ? Promise.reject(new Error(`nothing listens at ${url}`)) : tracker.dial(url, signal)
  }
}

/** Both ends of one connection: the {@link TextSocket} of the client, and the tracker's control over it. */
class Connection implements TextSocket {
  readonly bufferedAmount = 0
  readonly #env: Env
  readonly #latency: number
  readonly #tracker: FakeTracker
  readonly #signal: AbortSignal
  readonly #unread: string[] = []
  #over = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(env: Env, latency: number, signal: AbortSignal, tracker: FakeTracker) {
    this.#env = env
    this.#latency = latency
    this.#tracker = tracker
    this.#signal = signal
    signal.addEventListener('abort', this.#abort)
    if (signal.aborted) this.close()
  }

  readonly #abort = () => this.close()

  /** Frames in transit arrive, even when the connection is closed meanwhile. */
  send(text: string): void {
    if (!this.#over) this.#env.timer(this.#latency, () => this.#tracker.receive(this, text))
  }

  close(): void {
    this.end(undefined)
  }

  deliver(text: string): void {
    this.#env.timer(this.#latency, () => {
      if (this.#over) return
      this.#unread.push(text)
      this.#wake?.()
    })
  }

  end(failure: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#failure = failure
    this.#signal.removeEventListener('abort', this.#abort)
    // After the frames that were sent before.
    this.#env.timer(this.#latency, () => this.#tracker.gone(this))
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    try {
      for (;;) {
        const text = this.#unread.shift()
        if (text !== undefined) yield text
        else if (this.#over) break
        else await new Promise<void>(resolve => (this.#wake = resolve))
      }
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.close()
    }
  }
}

function id(value: unknown, name: string): string {
  const hex = typeof value === 'string' && value.length === 20 ? binaryToHex(value) : undefined
  if (hex === undefined) throw new Error(`invalid ${name}`)
  return hex
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[items[i], items[j]] = [items[j]!, items[i]!]
  }
  return items
}
