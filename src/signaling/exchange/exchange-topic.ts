/** One topic on which relays introduce members: dials the members that relays name, and takes the payloads that relays forward. */
import type { Env, Timer } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { MAX_CANDIDATES } from '../../core/sdp.js'
import type { SignalingListener } from '../signaling.js'
import { PeerQuery } from './peer-query.js'
import { readCandidate, readDescription } from './payload-codec.js'
import { KnownMembers, REPLY_TIMEOUT } from './known-members.js'
import type { RelayPeer, Route } from './relay-peer.js'
import { Forwarder } from './forwarder.js'
import type { Payload, OfferPayload } from './codec.js'

/** Relays that one repair payload is sent through. */
const REPAIR_ROUTES = 2
/** Stands for the offer id in the route of a repair, which has none. */
const REPAIR = ''

/** Why a payload or a frame that arrived was dropped. */
export type PayloadFault = 'too-fast' | 'unasked'

export class ExchangeTopic {
  readonly listener: SignalingListener
  readonly members = new KnownMembers()
  readonly forwarder: Forwarder
  readonly query: PeerQuery
  readonly #env: Env
  readonly #id: Id
  readonly #relays: Map<Id, RelayPeer>
  readonly #notify: (call: () => void) => void
  /** Runs while a member becomes dialable by time alone. */
  #dialTimer: Timer | undefined

  constructor(env: Env, id: Id, listener: SignalingListener, notify: (call: () => void) => void) {
    this.#env = env
    this.#id = id
    this.listener = listener
    this.#notify = notify
    this.forwarder = new Forwarder(env)
    this.#relays = this.forwarder.relays
    this.query = new PeerQuery({ env, topic: id, relays: this.#relays, known: () => listener.known?.() ?? [], notify })
  }

  get open(): boolean {
    return this.#relays.size > 0
  }

  has(relay: RelayPeer): boolean {
    return this.#relays.get(relay.port.remote) === relay
  }

  join(relay: RelayPeer): void {
    const { remote } = relay.port
    const wasOpen = this.open
    const former = this.#relays.get(remote) // the same peer, over a connection that is dead without being closed yet
    this.#relays.set(remote, relay)
    if (former !== undefined) this.#forget(former)
    this.query.joined(relay)
    if (!wasOpen) this.#notify(() => this.listener.open())
  }

  leave(relay: RelayPeer): void {
    if (!this.has(relay)) return
    this.#relays.delete(relay.port.remote)
    this.#forget(relay)
    if (this.open) return
    this.stop()
    this.#notify(() => this.listener.close())
  }

  stop(): void {
    this.query.stop()
    this.#dialTimer?.cancel()
    this.#dialTimer = undefined
  }

  /** The members to dial: first those that were never dialled, the newest first; then the others. */
  dialable(): Id[] {
    return this.members.dialable(this.#env, this.query.slots() > 0, id => this.#wants(id))
  }

  /** Sends an offer through the relay with the most credit among those that named the member; a repeated offer takes another relay. */
  dial(to: Id, payload: OfferPayload): boolean {
    const now = this.#env.now()
    const isTried = (relay: RelayPeer) => Number(relay.dials.get(this.#id, to, payload.offerId) !== undefined)
    const via = this.members
      .relays(to)
      .filter(relay => relay.credit(now) > 0)
      .toSorted((a, b) => isTried(a) - isTried(b) || b.credit(now) - a.credit(now))
      .find(relay => this.#send(relay, to, payload))
    if (via === undefined) return false
    via.spend(now)
    via.dials.add(this.#id, to, payload.offerId)
    this.members.dialed(to, now)
    if (via.credit(now) === 0) this.#scheduleDial()
    return true
  }

  /** Replies through the relay that forwarded the offer. A refusal of an answer goes through the relay that our own offer took. */
  reply(to: Id, payload: OfferPayload): boolean {
    const carries = (direction: 'offersIn' | 'dials') => (relay: RelayPeer) =>
      relay[direction].get(this.#id, to, payload.offerId) !== undefined
    const relays = [...this.#relays.values()]
    const via = relays.find(carries('offersIn')) ?? (payload.kind === 'refusal' ? relays.find(carries('dials')) : undefined)
    return via !== undefined && this.#send(via, to, payload)
  }

  /** Tries first the relay that forwarded a repair from this peer, then those that named it, which are likely to be connected to it. */
  repair(to: Id, body: Uint8Array): boolean {
    const relays = this.forwarder.shuffled()
    const proven = relays.filter(({ offersIn }) => offersIn.get(this.#id, to, REPAIR) !== undefined).slice(0, 1)
    let left = 0
    for (const via of new Set([...proven, ...this.members.relays(to), ...relays]))
      if (via.port.remote !== to && left < REPAIR_ROUTES && this.#send(via, to, { kind: 'repair', body })) left++
    return left > 0
  }

  repairReceived(via: RelayPeer, from: Id): void {
    via.offersIn.add(this.#id, from, REPAIR)
  }

  /**
   * Takes a relay's reply to a query; undefined when it was asked for. Of two members that hear of each other in the same moment only the
   * one with the higher id dials; the other sends a dial request, so that no offer is wasted.
   */
  named(by: RelayPeer, ids: readonly Id[]): PayloadFault | undefined {
    const repliesDue = by.repliesDue.get(this.#id) ?? 0
    if (repliesDue === 0) return 'unasked'
    by.repliesDue.set(this.#id, repliesDue - 1)
    this.query.settled(by)
    const now = this.#env.now()
    const { self = '' } = this.query
    let slots = this.query.slots() - this.members.awaited(now)
    for (const id of ids) {
      const weDial = self > id
      if (id === self || !this.members.named(id, by, now, weDial ? now : now + REPLY_TIMEOUT)) continue
      this.#notify(() => {
        if (!this.#wants(id)) return
        if (weDial) this.listener.dialable?.(id)
        else if (slots-- > 0) this.#send(by, id, { kind: 'dial-request' })
      })
    }
    this.#scheduleDial()
    return undefined
  }

  /** A member behind a relay asks this client to dial it. */
  dialRequested(via: RelayPeer, from: Id): PayloadFault | undefined {
    const now = this.#env.now()
    if (from === this.query.self) return 'unasked'
    if (!via.payloadsIn.take(1, now)) return 'too-fast'
    if (this.members.dialRequested(from, via, now))
      this.#notify(() => {
        if (this.#wants(from)) this.listener.dialable?.(from)
      })
    return undefined
  }

  /** A payload from a member behind a relay. Throws a ProtocolError when it is malformed. */
  received(via: RelayPeer, from: Id, payload: OfferPayload): PayloadFault | undefined {
    try {
      return this.#receive(via, from, payload)
    } catch (thrown) {
      // Whether the relay or the member is at fault, this route failed: the next dial takes another.
      if (payload.kind === 'answer') this.unreachable(via, from, payload.offerId)
      else if (payload.kind === 'offer') this.members.removeRelay(from, via)
      throw thrown
    }
  }

  #receive(via: RelayPeer, from: Id, { kind, offerId, body }: OfferPayload): PayloadFault | undefined {
    const now = this.#env.now()
    const dial = via.dials.get(this.#id, from, offerId)
    const offer = via.offersIn.get(this.#id, from, offerId)
    switch (kind) {
      case 'offer': {
        if (!via.payloadsIn.take(1, now)) return 'too-fast'
        const sdp = readDescription(body)
        via.offersIn.add(this.#id, from, offerId)
        via.descriptions.add(sdp)
        this.#notify(() => this.listener.offer({ from, offerId, sdp }))
        return undefined
      }
      case 'answer': {
        // An offer that left through two relays is answered once.
        if (dial === undefined || this.#isAnswered(dial)) return 'unasked'
        if (!via.payloadsIn.take(1, now)) return 'too-fast'
        const sdp = readDescription(body)
        dial.answered = true
        this.members.dialed(from)
        via.descriptions.add(sdp)
        this.#notify(() => this.listener.answer({ from, offerId, sdp }))
        this.#earned(via)
        return undefined
      }
      case 'candidate': {
        if (dial === undefined || dial.candidates >= MAX_CANDIDATES) return 'unasked'
        dial.candidates++
        const candidate = readCandidate(body)
        this.#notify(() => this.listener.candidate?.({ from, offerId, candidate }))
        return undefined
      }
      case 'refusal': {
        if (dial === undefined && offer === undefined) return 'unasked'
        if (offer !== undefined) via.offersIn.delete(offer)
        if (dial !== undefined) {
          via.dials.delete(dial)
          this.members.dialed(from)
        }
        this.#notify(() => this.listener.refused?.({ from, offerId }))
        if (dial?.answered === false) this.#earned(via)
        return undefined
      }
    }
  }

  /** The relay has no connection to the member that this client dialled through it. */
  unreachable(via: RelayPeer, to: Id, offerId: Id): PayloadFault | undefined {
    const dial = via.dials.get(this.#id, to, offerId)
    if (dial === undefined || dial.answered) return 'unasked'
    via.dials.delete(dial)
    this.members.removeRelay(to, via)
    this.#failed(dial)
    return undefined
  }

  /** Fails the outstanding dials through a relay that left. */
  #forget(relay: RelayPeer): void {
    this.query.settled(relay)
    relay.repliesDue.delete(this.#id)
    this.members.leave(relay)
    for (const dial of relay.dials.of(this.#id)) {
      relay.dials.delete(dial)
      if (!dial.answered) this.#failed(dial)
    }
  }

  /** Frees the offer, unless it also left through another relay; names the member to the listener again while a relay reaches it. */
  #failed({ member, offerId }: Route): void {
    for (const { dials } of this.#relays.values()) if (dials.get(this.#id, member, offerId) !== undefined) return
    this.members.dialed(member)
    this.#notify(() => {
      this.listener.refused?.({ from: member, offerId })
      if (this.members.relays(member).length > 0 && this.#wants(member)) this.listener.dialable?.(member)
    })
  }

  #isAnswered({ member, offerId }: Route): boolean {
    return [...this.#relays.values()].some(({ dials }) => dials.get(this.#id, member, offerId)?.answered)
  }

  /** A relay earned credit: dials that waited for it go on. */
  #earned(via: RelayPeer): void {
    const waited = via.credit(this.#env.now()) === 0
    via.earn()
    if (waited) this.#notifyDialable()
  }

  /** Names one member that is dialable and was never dialled: the listener then reads {@link dialable}, which holds all of them. */
  #notifyDialable(): void {
    this.#notify(() => {
      const next = this.members.undialed(this.#env.now(), id => this.#wants(id))
      if (next !== undefined) this.listener.dialable?.(next)
    })
  }

  #scheduleDial(): void {
    const now = this.#env.now()
    const next = this.members.nextDialAt(now)
    if (next === Number.POSITIVE_INFINITY) return
    this.#dialTimer ??= this.#env.timer(next - now, () => {
      this.#dialTimer = undefined
      this.#notifyDialable()
      this.#scheduleDial()
    })
  }

  #send(relay: RelayPeer, peer: Id, payload: Payload): boolean {
    return relay.send({ type: 'forward', topic: this.#id, peer, payload })
  }

  #wants(id: Id): boolean {
    return this.listener.wants?.(id) ?? true
  }
}
