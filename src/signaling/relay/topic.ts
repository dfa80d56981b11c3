/** One topic that we meet others under through our neighbours: calls whom they name, hears whom they bring. */
import type { Env, Timer } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { MAX_CANDIDATES } from '../../core/sdp.js'
import type { SignalingListener } from '../signaling.js'
import { Asking } from './asking.js'
import { readCandidate, readDescription } from './letters.js'
import { Members, PATIENCE } from './members.js'
import type { Neighbour, Way } from './neighbour.js'
import { Switchboard } from './switchboard.js'
import type { Letter, OfferLetter } from './wire.js'

/** Neighbours that a word about a broken connection is sent through. */
const REPAIR_WAYS = 2
/** In the place of an offer's id, which a repair has none of. */
const REPAIR = ''

/** Why something that arrived was of no use. */
export type LetterFault = 'too-fast' | 'unasked'

export class RelayTopic {
  readonly listener: SignalingListener
  readonly members = new Members()
  readonly switchboard: Switchboard
  readonly asking: Asking
  readonly #env: Env
  readonly #id: Id
  readonly #neighbours: Map<Id, Neighbour>
  /** Calls the listener, whose mistakes are its own affair. */
  readonly #tell: (call: () => void) => void
  /** Runs while somebody may be called later without more being said. */
  #turn: Timer | undefined

  constructor(env: Env, id: Id, listener: SignalingListener, tell: (call: () => void) => void) {
    this.#env = env
    this.#id = id
    this.listener = listener
    this.#tell = tell
    this.switchboard = new Switchboard(env)
    this.#neighbours = this.switchboard.neighbours
    this.asking = new Asking({ env, topic: id, neighbours: this.#neighbours, known: () => listener.known?.() ?? [], tell })
  }

  get open(): boolean {
    return this.#neighbours.size > 0
  }

  has(neighbour: Neighbour): boolean {
    return this.#neighbours.get(neighbour.port.remote) === neighbour
  }

  /** A neighbour says that it is here. */
  join(neighbour: Neighbour): void {
    const { remote } = neighbour.port
    const wasOpen = this.open
    const former = this.#neighbours.get(remote) // the same peer over a connection that is not known to be dead yet
    this.#neighbours.set(remote, neighbour)
    if (former !== undefined) this.#forget(former)
    this.asking.joined(neighbour)
    if (!wasOpen) this.#tell(() => this.listener.open())
  }

  /** It is here no more. */
  leave(neighbour: Neighbour): void {
    if (!this.has(neighbour)) return
    this.#neighbours.delete(neighbour.port.remote)
    this.#forget(neighbour)
    if (this.open) return
    this.stop()
    this.#tell(() => this.listener.close())
  }

  stop(): void {
    this.asking.stop()
    this.#turn?.cancel()
    this.#turn = undefined
  }

  /** The members that we would like to call: those that were not called yet, the one that was named last first, and then the others. */
  callees(): Id[] {
    return this.members.callable(this.#env, this.asking.places() > 0, id => this.#wants(id))
  }

  /** By the most trusted of those that named it, and the next time by another. */
  call(to: Id, letter: OfferLetter): boolean {
    const now = this.#env.now()
    const isTried = (way: Neighbour) => Number(way.called.get(this.#id, to, letter.offerId) !== undefined)
    const way = this.members
      .ways(to)
      .filter(neighbour => neighbour.credit(now) > 0)
      .toSorted((a, b) => isTried(a) - isTried(b) || b.credit(now) - a.credit(now))
      .find(neighbour => this.#send(neighbour, to, letter))
    if (way === undefined) return false
    way.spend(now)
    way.called.add(this.#id, to, letter.offerId)
    this.members.called(to, now)
    if (way.credit(now) === 0) this.#awaitTurn()
    return true
  }

  /** By the neighbour that brought the offer; a refusal also by the one that our own offer went through. */
  reply(to: Id, letter: OfferLetter): boolean {
    const carries = (way: 'offered' | 'called') => (neighbour: Neighbour) =>
      neighbour[way].get(this.#id, to, letter.offerId) !== undefined
    const neighbours = [...this.#neighbours.values()]
    const way =
      neighbours.find(carries('offered')) ?? (letter.kind === 'refusal' ? neighbours.find(carries('called')) : undefined)
    return way !== undefined && this.#send(way, to, letter)
  }

  /** By one first that brought a word from it, then those that named it: they are likely to be connected to it. */
  repair(to: Id, body: Uint8Array): boolean {
    const neighbours = this.switchboard.inAnyOrder()
    const brought = neighbours.filter(({ offered }) => offered.get(this.#id, to, REPAIR) !== undefined).slice(0, 1)
    let left = 0
    for (const way of new Set([...brought, ...this.members.ways(to), ...neighbours]))
      if (way.port.remote !== to && left < REPAIR_WAYS && this.#send(way, to, { kind: 'repair', body })) left++
    return left > 0
  }

  /** This neighbour brought a word about our connection to that peer. */
  brought(via: Neighbour, from: Id): void {
    via.offered.add(this.#id, from, REPAIR)
  }

  /**
   * What a neighbour says to our question; undefined when it is of use. Of two who hear of each other in the same moment only the one
   * with the higher id calls, and the other knocks, so that neither call is in vain.
   */
  named(by: Neighbour, ids: readonly Id[]): LetterFault | undefined {
    const asked = by.asked.get(this.#id) ?? 0
    if (asked === 0) return 'unasked'
    by.asked.set(this.#id, asked - 1)
    this.asking.settled(by)
    const now = this.#env.now()
    const { self = '' } = this.asking
    let places = this.asking.places() - this.members.awaited(now)
    for (const id of ids) {
      const isOurs = self > id
      if (id === self || !this.members.named(id, by, now, isOurs ? now : now + PATIENCE)) continue
      this.#tell(() => {
        if (!this.#wants(id)) return
        if (isOurs) this.listener.callee?.(id)
        else if (places-- > 0) this.#send(by, id, { kind: 'knock' })
      })
    }
    this.#awaitTurn()
    return undefined
  }

  /** Somebody at the other side of a neighbour waits for our call. */
  knocked(via: Neighbour, from: Id): LetterFault | undefined {
    const now = this.#env.now()
    if (from === this.asking.self) return 'unasked'
    if (!via.letters.take(1, now)) return 'too-fast'
    if (this.members.knocked(from, via, now))
      this.#tell(() => {
        if (this.#wants(from)) this.listener.callee?.(from)
      })
    return undefined
  }

  /** A letter from somebody at the other side of a neighbour. Throws a ProtocolError at one that is malformed. */
  heard(via: Neighbour, from: Id, letter: OfferLetter): LetterFault | undefined {
    try {
      return this.#hear(via, from, letter)
    } catch (thrown) {
      // Whoever is to blame, this way is of no use: another may be.
      if (letter.kind === 'answer') this.lost(via, from, letter.offerId)
      else if (letter.kind === 'offer') this.members.lost(from, via)
      throw thrown
    }
  }

  #hear(via: Neighbour, from: Id, { kind, offerId, body }: OfferLetter): LetterFault | undefined {
    const now = this.#env.now()
    const call = via.called.get(this.#id, from, offerId)
    const offer = via.offered.get(this.#id, from, offerId)
    switch (kind) {
      case 'offer': {
        if (!via.letters.take(1, now)) return 'too-fast'
        const sdp = readDescription(body)
        via.offered.add(this.#id, from, offerId)
        via.brought.add(sdp)
        this.#tell(() => this.listener.offer({ from, offerId, sdp }))
        return undefined
      }
      case 'answer': {
        // Of a call that was repeated only the first answer counts.
        if (call === undefined || this.#isAnswered(call)) return 'unasked'
        if (!via.letters.take(1, now)) return 'too-fast'
        const sdp = readDescription(body)
        call.answered = true
        this.members.called(from)
        via.brought.add(sdp)
        this.#tell(() => this.listener.answer({ from, offerId, sdp }))
        this.#earned(via)
        return undefined
      }
      case 'candidate': {
        if (call === undefined || call.candidates >= MAX_CANDIDATES) return 'unasked'
        call.candidates++
        const candidate = readCandidate(body)
        this.#tell(() => this.listener.candidate?.({ from, offerId, candidate }))
        return undefined
      }
      case 'refusal': {
        if (call === undefined && offer === undefined) return 'unasked'
        if (offer !== undefined) via.offered.delete(offer)
        if (call !== undefined) {
          via.called.delete(call)
          this.members.called(from)
        }
        this.#tell(() => this.listener.refused?.({ from, offerId }))
        if (call?.answered === false) this.#earned(via)
        return undefined
      }
    }
  }

  /** A neighbour does not know whom we called through it. */
  lost(via: Neighbour, to: Id, offerId: Id): LetterFault | undefined {
    const call = via.called.get(this.#id, to, offerId)
    if (call === undefined || call.answered) return 'unasked'
    via.called.delete(call)
    this.members.lost(to, via)
    this.#lost(call)
    return undefined
  }

  /** What was under way through a neighbour that left is lost. */
  #forget(neighbour: Neighbour): void {
    this.asking.settled(neighbour)
    neighbour.asked.delete(this.#id)
    this.members.leave(neighbour)
    for (const call of neighbour.called.of(this.#id)) {
      neighbour.called.delete(call)
      if (!call.answered) this.#lost(call)
    }
  }

  /** The offer is free again, unless it went another way as well; the member is called anew where there is a way. */
  #lost({ party, offerId }: Way): void {
    for (const { called } of this.#neighbours.values()) if (called.get(this.#id, party, offerId) !== undefined) return
    this.members.called(party)
    this.#tell(() => {
      this.listener.refused?.({ from: party, offerId })
      if (this.members.ways(party).length > 0 && this.#wants(party)) this.listener.callee?.(party)
    })
  }

  #isAnswered({ party, offerId }: Way): boolean {
    return [...this.#neighbours.values()].some(({ called }) => called.get(this.#id, party, offerId)?.answered)
  }

  /** What was put off for want of trust goes on. */
  #earned(via: Neighbour): void {
    const waited = via.credit(this.#env.now()) === 0
    via.earn()
    if (waited) this.#remind()
  }

  /** Of those that may be called by now and were not, one is named for all: whoever hears it looks at every one. */
  #remind(): void {
    this.#tell(() => {
      const next = this.members.fresh(this.#env.now(), id => this.#wants(id))
      if (next !== undefined) this.listener.callee?.(next)
    })
  }

  #awaitTurn(): void {
    const now = this.#env.now()
    const next = this.members.nextAt(now)
    if (next === Number.POSITIVE_INFINITY) return
    this.#turn ??= this.#env.timer(next - now, () => {
      this.#turn = undefined
      this.#remind()
      this.#awaitTurn()
    })
  }

  #send(neighbour: Neighbour, peer: Id, letter: Letter): boolean {
    return neighbour.send({ type: 'pass', topic: this.#id, peer, letter })
  }

  #wants(id: Id): boolean {
    return this.listener.wants?.(id) ?? true
  }
}
