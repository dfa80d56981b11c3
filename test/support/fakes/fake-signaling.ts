/**
 * A hub in virtual time without sockets or frames: many `Signaling`s whose offers it distributes like a WebSocket tracker. It counts,
 * replies to each announcement, hands offers in order to members chosen at random, and forwards each answer to its addressee. It can lose
 * messages, stop and restart. For the frames themselves there is `fake-tracker.ts`.
 */
import { Emitter } from '../../../src/core/emitter.js'
import type { Env, Timer } from '../../../src/core/env.js'
import type { Id } from '../../../src/core/id.js'
import { parseSdp } from '../../../src/core/sdp.js'
import type {
  Announcement,
  InboundDescription,
  OutboundAnswer,
  Signaling,
  SignalingListener,
} from '../../../src/signaling/signaling.js'

export interface FakeHubOptions {
  /** @default 'hub' */
  name?: string
  /** One way, in milliseconds. @default 5 */
  latency?: number
  /** The most offers per announcement. @default 20, like a tracker */
  maxOffers?: number
  /** The interval in each reply, in milliseconds. @default 120_000 */
  interval?: number
  /** Not sent when undefined. */
  minInterval?: number
  /** Whether `stopped` gets a reply like any other announcement, as with bittorrent-tracker. @default false */
  answersStopped?: boolean
}

/** A received announcement. */
export interface HeardAnnouncement {
  at: number
  topic: Id
  from: Id
  event: Announcement['event']
  offers: number
}

interface Member {
  client: FakeSignaling
  seeder: boolean
}

interface HubEvents {
  announcement: [HeardAnnouncement]
}

export class FakeHub extends Emitter<HubEvents> {
  readonly env: Env
  readonly name: string
  readonly latency: number
  readonly options: FakeHubOptions
  /** The share of messages that are lost. */
  loss = 0
  readonly heard: HeardAnnouncement[] = []
  offersRelayed = 0
  answersRelayed = 0
  /** Added to the counts: trackers remember members that left silently. */
  ghosts = 0
  readonly #topics = new Map<Id, Map<Id, Member>>()
  readonly #clients = new Set<FakeSignaling>()
  #up = true

  constructor(env: Env, options: FakeHubOptions = {}) {
    super()
    this.env = env
    this.options = options
    this.name = options.name ?? 'hub'
    this.latency = options.latency ?? 5
  }

  get up(): boolean {
    return this.#up
  }

  /** Offers received, whether or not a member could take them. */
  get offers(): number {
    return this.heard.reduce((sum, { offers }) => sum + offers, 0)
  }

  members(topic: Id): Id[] {
    return [...(this.#topics.get(topic)?.keys() ?? [])]
  }

  /** Connects one process to this hub. */
  client(): FakeSignaling {
    const client = new FakeSignaling(this)
    this.#clients.add(client)
    return client
  }

  /** Disconnects every client and forgets every topic. */
  stop(): void {
    this.#up = false
    this.#topics.clear()
    for (const client of [...this.#clients]) client.cut()
  }

  start(): void {
    this.#up = true
  }

  /** @internal */
  forget(client: FakeSignaling): void {
    for (const [topic, members] of this.#topics) {
      for (const [id, member] of [...members]) if (member.client === client) members.delete(id)
      if (members.size === 0) this.#topics.delete(topic)
    }
  }

  /** @internal */
  dismiss(client: FakeSignaling): void {
    this.forget(client)
    this.#clients.delete(client)
  }

  /** @internal */
  pass(deliver: () => void): void {
    if (this.loss > 0 && this.env.random() < this.loss) return
    this.env.timer(this.latency, deliver)
  }

  /** @internal */
  announce(client: FakeSignaling, { topic, from, event, left, offers }: Announcement): void {
    const heard = { at: this.env.now(), topic, from, event, offers: offers.length }
    this.heard.push(heard)
    this.emit('announcement', heard)
    const members = this.#topics.get(topic) ?? new Map<Id, Member>()
    this.#topics.set(topic, members)
    if (event === 'stopped') {
      members.delete(from)
      if (members.size === 0) this.#topics.delete(topic)
      if (this.options.answersStopped !== true) return
    } else members.set(from, { client, seeder: left === 0 })
    const complete = [...members.values()].filter(({ seeder }) => seeder).length
    const incomplete = members.size - complete + this.ghosts
    const { interval = 120_000, minInterval } = this.options
    this.pass(() =>
      client.hear(topic, listener =>
        listener.counts({ complete, incomplete, interval, ...(minInterval !== undefined && { minInterval }) }),
      ),
    )
    const others = this.#shuffled([...members].filter(([id]) => id !== from))
    for (const [index, { id: offerId, sdp }] of offers.entries()) {
      const other = others[index]?.[1]
      if (other === undefined) break
      this.offersRelayed++
      this.pass(() => other.client.hear(topic, listener => listener.offer(inbound(from, offerId, sdp))))
    }
  }

  /** @internal */
  answer({ topic, from, to, offerId, sdp }: OutboundAnswer): void {
    const member = this.#topics.get(topic)?.get(to)
    if (member === undefined) return
    this.answersRelayed++
    this.pass(() => member.client.hear(topic, listener => listener.answer(inbound(from, offerId, sdp))))
  }

  #shuffled<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = Math.floor(this.env.random() * (i + 1))
      const [a, b] = [items[i], items[j]]
      if (a === undefined || b === undefined) continue
      items[i] = b
      items[j] = a
    }
    return items
  }
}

const RECONNECT = 1_000

/** Connects with the first topic and, like a tracker's socket, reconnects until {@link close}. */
export class FakeSignaling implements Signaling {
  readonly source = 'tracker'
  readonly #hub: FakeHub
  readonly #topics = new Map<Id, SignalingListener>()
  #state: { name: 'idle' } | { name: 'connecting'; timer: Timer } | { name: 'open' } | { name: 'closed' } = { name: 'idle' }

  constructor(hub: FakeHub) {
    this.#hub = hub
  }

  get name(): string {
    return this.#hub.name
  }

  get maxOffers(): number {
    return this.#hub.options.maxOffers ?? 20
  }

  get open(): boolean {
    return this.#state.name === 'open'
  }

  subscribe(topic: Id, listener: SignalingListener): () => void {
    if (this.#topics.has(topic)) throw new Error('one listener per topic')
    this.#topics.set(topic, listener)
    if (this.#state.name === 'idle') this.#dial(2 * this.#hub.latency)
    else if (this.#state.name === 'open') listener.open()
    return () => {
      if (this.#topics.get(topic) === listener) this.#topics.delete(topic)
    }
  }

  announce(announcement: Announcement): boolean {
    if (this.#state.name !== 'open') return false
    if (announcement.offers.length > this.maxOffers) throw new Error('more offers than the hub accepts')
    this.#hub.pass(() => {
      if (this.open) this.#hub.announce(this, announcement)
    })
    return true
  }

  answer(answer: OutboundAnswer): boolean {
    if (this.#state.name !== 'open') return false
    this.#hub.pass(() => this.#hub.answer(answer))
    return true
  }

  /** Closes for good. */
  close(): void {
    if (this.#state.name === 'connecting') this.#state.timer.cancel()
    this.#state = { name: 'closed' }
    this.#hub.dismiss(this)
  }

  /** Drops the connection. It reconnects as soon as the hub is up. */
  cut(): void {
    if (this.#state.name !== 'open') return
    this.#hub.forget(this)
    this.#dial(RECONNECT * (1 + this.#hub.env.random()))
    for (const listener of [...this.#topics.values()]) listener.close()
  }

  /** @internal */
  hear(topic: Id, tell: (listener: SignalingListener) => void): void {
    const listener = this.#topics.get(topic)
    if (this.open && listener !== undefined) tell(listener)
  }

  #dial(ms: number): void {
    const timer = this.#hub.env.timer(ms, () => {
      if (!this.#hub.up) return this.#dial(RECONNECT * (1 + this.#hub.env.random()))
      this.#state = { name: 'open' }
      for (const listener of [...this.#topics.values()]) listener.open()
    })
    this.#state = { name: 'connecting', timer }
  }
}

/** Parses like a tracker's client: invalid descriptions never arrive. */
function inbound(from: Id, offerId: Id, sdp: string): InboundDescription {
  return { from, offerId, sdp: parseSdp(sdp) }
}
