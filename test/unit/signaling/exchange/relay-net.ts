/** Clients that are connected to each other by lines with a latency, each with the relay as it is shipped and a listener that remembers. */
import { withIdentity } from '../../../../src/core/sdp.js'
import { randomId, type Id } from '../../../../src/core/id.js'
import type { RelayPort } from '../../../../src/signaling/relay/port.js'
import { RelaySignaling } from '../../../../src/signaling/relay/relay.js'
import { decode, encode, type RelayMessage } from '../../../../src/signaling/relay/wire.js'
import type { Announcement, InboundCandidate, InboundRefusal } from '../../../../src/signaling/signaling.js'
import { RecordingListener } from '../../../support/fake-tracker-listener.js'
import { answerSdp, offerSdp } from '../../../support/sdp-samples.js'
import type { VirtualEnv } from '../../../support/virtual-env.js'

export const TOPIC = 'ab'.repeat(20)
export const OTHER_TOPIC = 'ef'.repeat(20)
export const OFFER = 'cd'.repeat(20)
export const LATENCY = 20
/** Whoever calls everybody that is named to it, and whoever is called by everybody. */
export const [HIGHEST, LOWEST] = ['ff'.repeat(20), '00'.repeat(20)]
export const offer = withIdentity(offerSdp, '1 anybody')
export const answer = withIdentity(answerSdp, '1 anybody')

export class Listener extends RecordingListener {
  readonly callees: Id[] = []
  readonly candidates: InboundCandidate[] = []
  readonly refusals: InboundRefusal[] = []
  wanted: (id: Id) => boolean = () => true
  held: () => Id[] = () => []
  onCallee: () => void = () => {}
  onRefused: () => void = () => {}

  wants(id: Id): boolean {
    return this.wanted(id)
  }

  known(): Id[] {
    return this.held()
  }

  callee(id: Id): void {
    this.callees.push(id)
    this.onCallee()
  }

  candidate(candidate: InboundCandidate): void {
    this.candidates.push(candidate)
  }

  refused(refusal: InboundRefusal): void {
    this.refusals.push(refusal)
    this.onRefused()
  }
}

export function announcement(from: Id, more: Partial<Announcement> = {}): Announcement {
  return { topic: TOPIC, from, uploaded: 0, downloaded: 0, left: 1, numwant: 50, port: 1, offers: [], ...more }
}

/** One client, which is done with everything by hand unless it `lives`. */
export class Client {
  readonly env: VirtualEnv
  readonly id: Id
  readonly listener = new Listener()
  readonly repairs: Array<{ from: Id; body: Uint8Array }> = []
  readonly relay: RelaySignaling
  /** By the other's id. */
  readonly ports = new Map<Id, RelayPort>()
  /** What arrived, in order. */
  readonly heard: RelayMessage[] = []

  constructor(env: VirtualEnv, id: Id = randomId(env)) {
    this.env = env.fork()
    this.id = id
    this.relay = new RelaySignaling({ env: this.env, repair: (from, body) => this.repairs.push({ from, body }) })
  }

  get peers(): Id[] {
    return [...this.ports.keys()]
  }

  subscribe(topic = TOPIC): () => void {
    return this.relay.subscribe(topic, this.listener)
  }

  announce(more: Partial<Announcement> = {}): boolean {
    return this.relay.announce(announcement(this.id, more))
  }

  call(to: Client | Id, offerId = OFFER, topic = TOPIC): boolean {
    return this.relay.call({ topic, from: this.id, to: typeof to === 'string' ? to : to.id, offerId, sdp: offer })
  }

  answer(to: Client, offerId = OFFER): boolean {
    return this.relay.answer({ topic: TOPIC, from: this.id, to: to.id, offerId, sdp: answer })
  }

  receive(port: RelayPort, bytes: Uint8Array): void {
    const message = decode(bytes)
    if (message !== undefined) this.heard.push(message)
    this.relay.received(port, bytes)
  }

  /** Calls whom it may, answers, and is connected as soon as an answer came: what a swarm does. */
  live(net: (a: Client, b: Client) => void, find: (id: Id) => Client): void {
    const { listener, relay, env } = this
    const dialling = new Map<Id, Id>()
    listener.held = () => [...this.ports.keys(), ...dialling.values()]
    listener.wanted = id => id !== this.id && !listener.held().includes(id)
    const look = () => {
      for (const to of relay.callees(TOPIC)) {
        const offerId = randomId(env)
        if (this.call(to, offerId)) dialling.set(offerId, to)
      }
    }
    listener.onCallee = look
    listener.onRefused = () => {
      for (const { offerId } of listener.refusals.splice(0)) dialling.delete(offerId)
    }
    listener.onOpen = () => this.announce({ event: 'started' })
    listener.offer = ({ from, offerId }) => {
      if (!this.ports.has(from)) this.answer(find(from), offerId)
    }
    listener.answer = ({ from, offerId }) => {
      if (dialling.delete(offerId) && !this.ports.has(from)) net(this, find(from))
    }
    this.subscribe()
  }
}

/** Connects two and says on both sides that they share these topics. The function that comes back is a dead connection. */
export function connect(a: Client, b: Client, topics: readonly Id[] = [TOPIC]): () => void {
  let isOpen = true
  const line = (from: Client, to: Client): RelayPort => ({
    remote: to.id,
    exchanges: true,
    send(message) {
      if (!isOpen) return false
      const copy = message.slice()
      const back = () => to.ports.get(from.id)
      from.env.timer(LATENCY, () => {
        const port = back()
        if (isOpen && port !== undefined) to.receive(port, copy)
      })
      return true
    },
  })
  const ends = [
    { self: a, port: line(a, b) },
    { self: b, port: line(b, a) },
  ]
  for (const { self, port } of ends) self.ports.set(port.remote, port)
  for (const topic of topics) for (const { self, port } of ends) self.relay.joined(topic, port)
  return () => {
    isOpen = false
    for (const { self, port } of ends) {
      if (self.ports.get(port.remote) === port) self.ports.delete(port.remote)
      self.relay.gone(port)
    }
  }
}

/** A connected peer that says whatever a test makes it say, and keeps what it is told. */
export class Stranger implements RelayPort {
  readonly remote: Id
  exchanges: boolean | undefined = true
  readonly told: RelayMessage[] = []
  /** Whether there is room for what we send. */
  takes = true
  /** What still fits there. */
  room = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }
  readonly #client: Client

  constructor(client: Client, remote: Id, topics: readonly Id[] = [TOPIC]) {
    this.#client = client
    this.remote = remote
    for (const topic of topics) client.relay.joined(topic, this)
  }

  send(message: Uint8Array): boolean {
    if (!this.takes || this.room.messages < 1 || this.room.bytes < message.length) return false
    this.room.messages--
    this.room.bytes -= message.length
    const heard = decode(message)
    if (heard !== undefined) this.told.push(heard)
    return true
  }

  says(message: RelayMessage): void {
    this.#client.relay.received(this, encode(message))
  }

  /** What it was told of one type. */
  of<T extends RelayMessage['type']>(type: T): Array<Extract<RelayMessage, { type: T }>> {
    return this.told.filter((message): message is Extract<RelayMessage, { type: T }> => message.type === type)
  }
}
