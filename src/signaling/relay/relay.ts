/** Peers that are connected introduce others to each other: who else is here, pass this offer on. Knows no connection, only ports. */
import type { Env } from '../../core/env.js'
import { ProtocolError, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import type {
  Announcement,
  DirectSignaling,
  InboundDescription,
  OutboundAnswer,
  OutboundCall,
  OutboundCandidate,
  OutboundRefusal,
  SignalingListener,
  SignalingStatus,
} from '../signaling.js'
import { writeCandidate, writeDescription } from './letters.js'
import { Neighbour } from './neighbour.js'
import type { RelayPort } from './port.js'
import type { PassFault } from './switchboard.js'
import { RelayTopic, type LetterFault } from './topic.js'
import { decode, MAX_BODY, type RelayMessage } from './wire.js'

const log = logger('relay')

/** Who lied, and who was lied about, as far back as this: beyond it somebody is after our memory. */
const MAX_ACCUSED = 1_000
/** One of two relays that bring what is false from the same peer may be honest: then it is that peer which signs badly. */
const MAX_ACCUSATIONS = 2

/** Why something that a neighbour sent was not used, or not passed on. */
export type RelayDropReason =
  | PassFault
  | LetterFault
  | 'malformed'
  /** A version that is to come says it. */
  | 'unknown-type'
  /** Of nobody whom we hold, or of somebody who lied. */
  | 'stranger'
  /** Under a topic that we do not meet others under, or that it did not join. */
  | 'misplaced'
  /** Whoever listens threw. */
  | 'listener'

export interface RelayStatus extends SignalingStatus {
  topics: number
  /** Connected peers that may introduce others. */
  ports: number
  /** Members of all topics together that somebody named lately. */
  members: number
  /** Letters of others that went on to a third. */
  passedOn: number
  /** Peers that may introduce nobody any more, because they brought what was false. */
  distrusted: number
  /** What arrived and was not used, by reason. */
  dropped: Partial<Record<RelayDropReason, number>>
}

export interface RelayOptions {
  env: Env
  /** A word about a broken connection, passed on by a third: see {@link RelaySignaling.repair}. */
  repair?: (from: Id, body: Uint8Array) => void
}

/**
 * Only topics that are subscribed are asked for and passed on, and only between peers that joined them: private ones never are.
 * Messages are never queued: what a port does not take now is lost.
 */
export class RelaySignaling implements DirectSignaling {
  readonly name = 'exchange'
  readonly source = 'exchange'
  readonly maxOffers = 0
  /** Whether anybody listens is a matter of each topic. */
  readonly open = true
  readonly #options: RelayOptions
  readonly #topics = new Map<Id, RelayTopic>()
  readonly #neighbours = new Map<RelayPort, Neighbour>()
  /** Relays that brought what was false, and how often each peer was the one whose it was said to be. */
  readonly #liars = new Map<Id, number>()
  readonly #misquoted = new Map<Id, number>()
  readonly #dropped = new Map<RelayDropReason, number>()
  #passedOn = 0
  #closed = false

  constructor(options: RelayOptions) {
    this.#options = options
  }

  status(): RelayStatus {
    const now = this.#options.env.now()
    return {
      name: this.name,
      state: this.#closed ? 'closed' : 'open',
      topics: this.#topics.size,
      ports: this.#neighbours.size,
      members: [...this.#topics.values()].reduce((sum, { members }) => sum + members.size(now), 0),
      passedOn: this.#passedOn,
      distrusted: this.#liars.size,
      dropped: Object.fromEntries(this.#dropped),
    }
  }

  /** This peer and we share this topic now, and both said so. One that does not exchange is none of ours. */
  joined(topic: Id, port: RelayPort): void {
    if (this.#closed || port.exchanges === false || this.#liars.has(port.remote)) return
    let neighbour = this.#neighbours.get(port)
    if (neighbour === undefined) this.#neighbours.set(port, (neighbour = new Neighbour(port, this.#options.env.now())))
    if (neighbour.topics.has(topic)) return
    neighbour.topics.add(topic)
    this.#topics.get(topic)?.join(neighbour)
  }

  left(topic: Id, port: RelayPort): void {
    const neighbour = this.#neighbours.get(port)
    if (neighbour?.topics.delete(topic) === true) this.#topics.get(topic)?.leave(neighbour)
  }

  /** The connection is over, or it turns out that the other side does not exchange. */
  gone(port: RelayPort): void {
    const neighbour = this.#neighbours.get(port)
    if (neighbour === undefined) return
    this.#neighbours.delete(port)
    for (const topic of neighbour.topics) this.#topics.get(topic)?.leave(neighbour)
  }

  /** Never throws. */
  received(port: RelayPort, message: Uint8Array): void {
    const reason = this.#receive(port, message)
    if (reason !== undefined) this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }

  /** Passes a few bytes to a peer that is connected to one of the others under this topic. False when nobody could take it. */
  repair(topic: Id, to: Id, body: Uint8Array): boolean {
    return body.length <= MAX_BODY && (this.#topics.get(topic)?.repair(to, body) ?? false)
  }

  subscribe(id: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw new SwarmlinkError('ERR_CLOSED', `the signalling ${this.name} was closed`)
    if (this.#topics.has(id)) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the topic ${id} has a listener already`)
    const topic = new RelayTopic(this.#options.env, id, listener, call => this.#tell(call))
    this.#topics.set(id, topic)
    for (const neighbour of this.#neighbours.values()) if (neighbour.topics.has(id)) topic.join(neighbour)
    return () => {
      if (this.#topics.get(id) !== topic) return
      this.#topics.delete(id)
      topic.stop()
    }
  }

  announce(announcement: Announcement): boolean {
    const topic = this.#topics.get(announcement.topic)
    return topic?.open === true && topic.asking.announce(announcement)
  }

  callees(id: Id): Id[] {
    const callees = this.#topics.get(id)?.callees() ?? []
    return this.#misquoted.size === 0 ? callees : callees.filter(callee => !this.#isDoubted(callee))
  }

  call({ topic, to, offerId, sdp }: OutboundCall): boolean {
    return this.#topics.get(topic)?.call(to, { kind: 'offer', offerId, body: writeDescription(sdp) }) ?? false
  }

  answer({ topic, to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#topics.get(topic)?.reply(to, { kind: 'answer', offerId, body: writeDescription(sdp) }) ?? false
  }

  candidate({ topic, to, offerId, candidate }: OutboundCandidate): boolean {
    return this.#topics.get(topic)?.reply(to, { kind: 'candidate', offerId, body: writeCandidate(candidate) }) ?? false
  }

  refuse({ topic, to, offerId }: OutboundRefusal): boolean {
    return this.#topics.get(topic)?.reply(to, { kind: 'refusal', offerId, body: new Uint8Array() }) ?? false
  }

  /**
   * Whoever brought it is no relay any more, for good. It may have been the sender who signed badly, to have an honest relay
   * accused; so a sender who is named in it twice is not heard through others any more either.
   */
  distrust({ from, sdp }: InboundDescription): void {
    const liar = [...this.#neighbours.values()].find(({ brought }) => brought.has(sdp))
    if (liar === undefined) return
    log('%s: distrusted, for what it brought of %s', liar.port.remote.slice(0, 8), from.slice(0, 8))
    accuse(this.#liars, liar.port.remote)
    accuse(this.#misquoted, from)
    this.gone(liar.port)
  }

  /** For good: topics that are still subscribed hear `close`. */
  close(): void {
    this.#closed = true
    for (const port of this.#neighbours.keys()) this.gone(port)
    this.#topics.clear()
  }

  #receive(port: RelayPort, bytes: Uint8Array): RelayDropReason | undefined {
    const neighbour = this.#neighbours.get(port)
    if (neighbour === undefined) return 'stranger'
    try {
      const message = decode(bytes)
      if (message === undefined) return 'unknown-type'
      const topic = this.#topics.get(message.topic)
      return topic?.has(neighbour) === true ? this.#use(topic, neighbour, message) : 'misplaced'
    } catch (thrown) {
      log('%s: %s', port.remote.slice(0, 8), thrown)
      return thrown instanceof ProtocolError ? 'malformed' : 'listener'
    }
  }

  #use(topic: RelayTopic, neighbour: Neighbour, message: RelayMessage): RelayDropReason | undefined {
    switch (message.type) {
      case 'ask':
        return topic.switchboard.name(neighbour, message)
      case 'pass': {
        const fault = topic.switchboard.pass(neighbour, message)
        if (fault === undefined) this.#passedOn++
        return fault
      }
      case 'members':
        return topic.named(neighbour, message.members)
      case 'lost':
        return topic.lost(neighbour, message.peer, message.offerId)
      case 'passed': {
        const { peer, letter } = message
        if (this.#isDoubted(peer)) return 'stranger'
        if (letter.kind === 'knock') return topic.knocked(neighbour, peer)
        if (letter.kind !== 'repair') return topic.heard(neighbour, peer, letter)
        if (!neighbour.repairs.take(1, this.#options.env.now())) return 'too-fast'
        topic.brought(neighbour, peer)
        this.#tell(() => this.#options.repair?.(peer, letter.body))
        return undefined
      }
    }
  }

  #isDoubted(id: Id): boolean {
    return (this.#misquoted.get(id) ?? 0) >= MAX_ACCUSATIONS
  }

  /** What a listener throws is its own affair: nobody else hears less for it. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      log('a listener failed: %s', thrown)
      this.#dropped.set('listener', (this.#dropped.get('listener') ?? 0) + 1)
    }
  }
}

/** The latest that were accused, with how often. */
function accuse(accused: Map<Id, number>, id: Id): void {
  const times = accused.get(id) ?? 0
  accused.delete(id)
  accused.set(id, times + 1)
  const [oldest] = accused.keys()
  if (accused.size > MAX_ACCUSED && oldest !== undefined) accused.delete(oldest)
}
