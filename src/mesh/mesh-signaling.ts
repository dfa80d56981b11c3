/** The signalling through the mesh itself: members connect over the relays that the core found, at most two. Knows neighbours by id only. */
import { BoundedMap } from '../core/bounded-map.js'
import { utf8 } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import { TokenBucket } from '../core/token-bucket.js'
import { readCandidate, readDescription, writeCandidate } from '../signaling/exchange/payload-codec.js'
import type {
  DirectSignaling,
  OutboundAnswer,
  OutboundCandidate,
  OutboundDirectedOffer,
  OutboundRefusal,
  SignalingListener,
} from '../signaling/signaling.js'
import { MAX_RELAYS } from './core/wire/messages.js'
import { decodeRelayed, encodeRelayed, type Relayed } from './relayed-handshake.js'

const log = logger('mesh')

/** Messages that one neighbour may send this way: a newcomer connects to eight members at once, with a few candidates each. */
const RATE = { rate: 20, burst: 200 }
/** Ways back of offers that may still be answered. */
const MAX_WAYS = 128

export interface MeshSignalingDeps {
  env: Env
  self: Id
  /** Sends bytes to a neighbour; false when it is none. */
  send: (to: Id, bytes: Uint8Array) => boolean
  /** Whether the core still wants a connection to this member. */
  wants: (id: Id) => boolean
}

export class MeshSignaling implements DirectSignaling {
  readonly name = 'mesh'
  readonly source = 'exchange'
  readonly maxOffers = 0
  readonly open = true
  readonly #deps: MeshSignalingDeps
  #listener: SignalingListener | undefined
  /** The relays to each member that is to be dialled. */
  readonly #routes = new BoundedMap<Id, readonly Id[]>(MAX_WAYS)
  /** By offer id: the member that sent this offer, or gets it, and the relays to that member. */
  readonly #ways = new BoundedMap<Id, { member: Id; route: readonly Id[] }>(MAX_WAYS)
  readonly #rates = new WeakMap<object, TokenBucket>()

  constructor(deps: MeshSignalingDeps) {
    this.#deps = deps
  }

  /** This member is to be dialled over these relays. */
  want(id: Id, relays: readonly Id[]): void {
    this.#routes.set(id, relays)
    this.#listener?.dialable?.(id)
  }

  subscribe(_topic: Id, listener: SignalingListener): () => void {
    this.#listener = listener
    listener.open()
    return () => {
      this.#listener = undefined
    }
  }

  announce(): boolean {
    return true // the core finds the members
  }

  dialable(): Id[] {
    return [...this.#routes.keys()].filter(id => this.#deps.wants(id)).toReversed()
  }

  dial({ to, offerId, sdp }: OutboundDirectedOffer): boolean {
    const route = this.#routes.get(to)
    if (route === undefined) return false
    this.#routes.delete(to)
    this.#ways.set(offerId, { member: to, route })
    return this.#start('offer', to, offerId, utf8.encode(sdp))
  }

  answer({ to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#start('answer', to, offerId, utf8.encode(sdp))
  }

  candidate({ to, offerId, candidate }: OutboundCandidate): boolean {
    return this.#start('candidate', to, offerId, writeCandidate(candidate))
  }

  refuse({ to, offerId }: OutboundRefusal): boolean {
    return this.#start('refusal', to, offerId, new Uint8Array())
  }

  #start(kind: Relayed['kind'], to: Id, offerId: Id, body: Uint8Array): boolean {
    const way = this.#ways.get(offerId)
    if (way?.member !== to) return false
    const [first, ...route] = [...way.route, to]
    if (first === undefined) return false
    return this.#send(first, { kind, from: this.#deps.self, to, passed: [], route: route.slice(0, -1), offerId, body })
  }

  #send(next: Id, message: Relayed): boolean {
    return this.#deps.send(next, encodeRelayed(message))
  }

  /** A message from this neighbour; `port` stands for its connection. False when it is malformed. */
  received(neighbour: Id, port: object, bytes: Uint8Array): boolean {
    let rate = this.#rates.get(port)
    if (rate === undefined) this.#rates.set(port, (rate = new TokenBucket(RATE)))
    if (!rate.take(1, this.#deps.env.now())) return true // lost: the neighbour may pass on what others send too fast
    const message = decodeRelayed(bytes)
    if (message === undefined || neighbour !== (message.passed.at(-1) ?? message.from)) return false
    if (message.to !== this.#deps.self) return this.#forward(message)
    try {
      this.#take(message)
      return true
    } catch (thrown) {
      log('%s: %s', neighbour.slice(0, 8), thrown)
      return message.passed.length > 0 // a relay passes on what it does not read
    }
  }

  /** Passes the message on. One that has no way to go is lost: its sender dials another way later. */
  #forward(message: Relayed): boolean {
    if (message.passed.length >= MAX_RELAYS) return false
    const [next = message.to, ...route] = message.route
    const passed = [...message.passed, this.#deps.self]
    this.#send(next, { ...message, passed, route })
    return true
  }

  #take({ kind, from, offerId, passed, body }: Relayed): void {
    const listener = this.#listener
    const way = this.#ways.get(offerId)
    if (listener === undefined) return
    if (kind === 'offer') {
      if (way !== undefined && way.member !== from) return
      const sdp = readDescription(body)
      this.#ways.set(offerId, { member: from, route: passed.toReversed() })
      return listener.offer({ from, offerId, sdp })
    }
    if (way?.member !== from) return
    if (kind === 'answer') return listener.answer({ from, offerId, sdp: readDescription(body) })
    if (kind === 'candidate') return listener.candidate?.({ from, offerId, candidate: readCandidate(body) })
    return listener.refused?.({ from, offerId })
  }
}
