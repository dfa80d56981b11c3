/** Clients connected by lines with a latency, each with the shipped ExchangeSignaling and a recording listener. */
import { withIdentity } from '../../../../src/core/sdp.js'
import { randomId, type Id } from '../../../../src/core/id.js'
import type { RelayPort } from '../../../../src/signaling/exchange/relay-peer.js'
import { ExchangeSignaling } from '../../../../src/signaling/exchange/exchange-signaling.js'
import { decode, encode, type ExchangeFrame } from '../../../../src/signaling/exchange/codec.js'
import type { Announcement, InboundCandidate, InboundRefusal } from '../../../../src/signaling/signaling.js'
import { RecordingListener } from '../../../support/fakes/fake-tracker-listener.js'
import { answerSdp, offerSdp } from '../../../support/sdp-samples.js'
import type { VirtualEnv } from '../../../support/fakes/virtual-env.js'

export const TOPIC = 'ab'.repeat(20)
export const OTHER_TOPIC = 'ef'.repeat(20)
export const OFFER = 'cd'.repeat(20)
export const LATENCY = 20
/** The id that dials every member named to it, and the id that every member dials. */
export const [HIGHEST, LOWEST] = ['ff'.repeat(20), '00'.repeat(20)]
export const offer = withIdentity(offerSdp, '1 identity')
export const answer = withIdentity(answerSdp, '1 identity')

export class Listener extends RecordingListener {
  readonly callees: Id[] = []
  readonly candidates: InboundCandidate[] = []
  readonly refusals: InboundRefusal[] = []
  wanted: (id: Id) => boolean = () => true
  knownIds: () => Id[] = () => []
  onCallee: () => void = () => {}
  onRefused: () => void = () => {}

  wants(id: Id): boolean {
    return this.wanted(id)
  }

  known(): Id[] {
    return this.knownIds()
  }

  dialable(id: Id): void {
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

/** One client. A test drives it by hand, unless it called `live`. */
export class Client {
  readonly env: VirtualEnv
  readonly id: Id
  readonly listener = new Listener()
  readonly repairs: Array<{ from: Id; body: Uint8Array }> = []
  readonly exchange: ExchangeSignaling
  /** By the remote's id. */
  readonly ports = new Map<Id, RelayPort>()
  /** Frames that arrived, in order. */
  readonly heard: ExchangeFrame[] = []

  constructor(env: VirtualEnv, id: Id = randomId(env)) {
    this.env = env.fork()
    this.id = id
    this.exchange = new ExchangeSignaling({ env: this.env, repair: (from, body) => this.repairs.push({ from, body }) })
  }

  get peers(): Id[] {
    return [...this.ports.keys()]
  }

  subscribe(topic = TOPIC): () => void {
    return this.exchange.subscribe(topic, this.listener)
  }

  announce(more: Partial<Announcement> = {}): boolean {
    return this.exchange.announce(announcement(this.id, more))
  }

  call(to: Client | Id, offerId = OFFER, topic = TOPIC): boolean {
    return this.exchange.dial({ topic, from: this.id, to: typeof to === 'string' ? to : to.id, offerId, sdp: offer })
  }

  answer(to: Client, offerId = OFFER): boolean {
    return this.exchange.answer({ topic: TOPIC, from: this.id, to: to.id, offerId, sdp: answer })
  }

  receive(port: RelayPort, bytes: Uint8Array): void {
    const message = decode(bytes)
    if (message !== undefined) this.heard.push(message)
    this.exchange.received(port, bytes)
  }

  /** Behaves as a swarm does: dials each answerer, answers offers, and connects when an answer arrives. */
  live(net: (a: Client, b: Client) => void, find: (id: Id) => Client): void {
    const { listener, exchange, env } = this
    const dialling = new Map<Id, Id>()
    listener.knownIds = () => [...this.ports.keys(), ...dialling.values()]
    listener.wanted = id => id !== this.id && !listener.knownIds().includes(id)
    const look = () => {
      for (const to of exchange.dialable(TOPIC)) {
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

/** Connects two clients and joins both to these topics. The function that it returns ends the connection. */
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
  for (const topic of topics) for (const { self, port } of ends) self.exchange.joined(topic, port)
  return () => {
    isOpen = false
    for (const { self, port } of ends) {
      if (self.ports.get(port.remote) === port) self.ports.delete(port.remote)
      self.exchange.gone(port)
    }
  }
}

/** A connected peer that sends what a test makes it send, and records what it gets. */
export class ScriptedPeer implements RelayPort {
  readonly remote: Id
  exchanges: boolean | undefined = true
  readonly told: ExchangeFrame[] = []
  /** Whether it takes frames at all. */
  takes = true
  /** What its send buffer still takes. */
  room = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }
  readonly #client: Client

  constructor(client: Client, remote: Id, topics: readonly Id[] = [TOPIC]) {
    this.#client = client
    this.remote = remote
    for (const topic of topics) client.exchange.joined(topic, this)
  }

  send(message: Uint8Array): boolean {
    if (!this.takes || this.room.messages < 1 || this.room.bytes < message.length) return false
    this.room.messages--
    this.room.bytes -= message.length
    const heard = decode(message)
    if (heard !== undefined) this.told.push(heard)
    return true
  }

  says(message: ExchangeFrame): void {
    this.#client.exchange.received(this, encode(message))
  }

  /** The frames of one type that it got. */
  of<T extends ExchangeFrame['type']>(type: T): Array<Extract<ExchangeFrame, { type: T }>> {
    return this.told.filter((message): message is Extract<ExchangeFrame, { type: T }> => message.type === type)
  }
}
