/** Decides which named peers are dialled now, where offers go to peers by name: numbers and ids in, decisions out. */
import type { Id } from '../../core/id.js'
import { expiryOf } from '../announce/outstanding-offers.js'
import type { SwarmContext } from '../swarm-context.js'
import { DialHistory } from './dial-history.js'

/** The name of the signalling that runs through peers. */
export const EXCHANGE = 'exchange'
/** Directed offers that wait for an answer. A remote can invent names, and each offer holds a connection. */
const MAX_DIRECTED = 64

/** An offer that was sent to one peer, as it left. */
export interface DirectedOffer {
  id: Id
  sdp: string
}

export interface Round<Offer> {
  /** The peers to dial now. */
  peers: Id[]
  /** Milliseconds until the next look, unless something changes before. */
  rest: number
  /** Directed offers that expired, or whose place is needed. */
  back: Offer[]
}

export class DialPolicy<Offer> {
  readonly #context: SwarmContext<Offer>
  readonly #history = new DialHistory()

  constructor(context: SwarmContext<Offer>) {
    this.#context = context
  }

  /** The peer announced itself, or says that it waits for us to dial. */
  heard(id: Id): void {
    this.#history.heard(id, this.#now)
  }

  /** Which of these peers are dialled now. `peers`: those that this signalling names and that are ours to dial. */
  next(signaling: string, peers: readonly Id[]): Round<Offer> {
    const now = this.#now
    const { outstanding, gater, policy } = this.#context
    const back = outstanding.reclaim(sent => sent.to !== undefined && (expiryOf(sent) <= now || gater.isConnected(sent.to)))
    const waiting = this.#history.waiting(now)
    const free = policy.left - waiting.length
    const allowed = this.#history.allowed(now)
    const { due, next } = this.#due(signaling, peers, Math.min(free, allowed), now)
    const found = due.length
    back.push(...this.#makePlace(due, now))
    // More peers may be due already: they wait for a slot, or for the rate limit.
    const slots = found >= free || due.length < found ? waiting : []
    const pace = found >= allowed ? now + this.#history.pause : Number.POSITIVE_INFINITY
    const expiry = outstanding.earliest(sent => (sent.to === undefined ? undefined : expiryOf(sent)))
    return { peers: due, back, rest: Math.max(0, Math.min(next, pace, expiry, ...slots) - now) }
  }

  /** The unanswered offer to this peer, which may be sent again. */
  offerTo(to: Id): DirectedOffer | undefined {
    const { id, sdp } = this.#context.outstanding.to(to) ?? {}
    return id === undefined || sdp === undefined ? undefined : { id, sdp }
  }

  /** Whether this peer is still to be dialled, by whichever signalling is first. */
  mayDial(signaling: string, to: Id): boolean {
    return this.#context.gater.wants(to, signaling) && (this.#history.dueAt(to) ?? 0) <= this.#now
  }

  /** A directed offer left; without `directed` it was the same offer again. */
  dialed(signaling: string, to: Id, directed?: DirectedOffer & { offer: Offer }): void {
    const now = this.#now
    this.#history.dialed(to, now)
    if (directed === undefined) return
    const { id, offer, sdp } = directed
    this.#context.outstanding.add(id, { offer, signaling, at: now, to, sdp })
  }

  answered(to: Id): void {
    this.#history.answered(to, this.#now)
  }

  /** Whether this offer was directed to this peer and is unanswered. */
  awaits(id: Id, from: Id): boolean {
    return this.#context.outstanding.get(id)?.to === from
  }

  /** A refusal arrived: the offer is free again. An answer is accepted while it is unused: any member of an open bus can forge refusals. */
  refused(id: Id, from: Id): Offer | undefined {
    const { outstanding, policy } = this.#context
    const sent = outstanding.get(id)
    if (sent?.to !== from) return undefined
    outstanding.reclaim(other => other === sent)
    this.#history.refused(from, this.#now, sent.signaling !== EXCHANGE)
    policy.refused()
    return sent.offer
  }

  get #now(): number {
    return this.#context.runtime.env.now()
  }

  /**
   * At most `most` peers, those first that were not dialled yet, and when the next of the others is due. The list may be long and all of its
   * names invented, so it is read no further than needed: the newest name, and then from a random one on, because a crowd would dial the same
   * few peers.
   */
  #due(signaling: string, peers: readonly Id[], most: number, now: number): { due: Id[]; next: number } {
    const fresh: Id[] = []
    const again: Id[] = []
    let next = Number.POSITIVE_INFINITY
    const [newest, ...others] = peers
    const start = others.length > most ? Math.floor(this.#context.runtime.env.random() * others.length) : 0
    for (let i = 0; i < peers.length && fresh.length < most; i++) {
      const id = (i === 0 ? newest : others[(start + i) % others.length]) ?? ''
      const dueAt = this.#history.dueAt(id)
      if (dueAt === Number.POSITIVE_INFINITY || !this.#context.gater.wants(id, signaling)) continue
      if (dueAt === undefined) fresh.push(id)
      else if (dueAt <= now) again.push(id)
      else next = Math.min(next, dueAt)
    }
    return { due: [...fresh, ...again].slice(0, Math.max(0, most)), next }
  }

  /** Takes back directed offers that no peer answered, to make place for these; removes from `due` the peers that find no place. */
  #makePlace(due: Id[], now: number): Offer[] {
    const { outstanding } = this.#context
    const dialed = outstanding.members()
    let over = dialed.size + due.filter(id => !dialed.has(id)).length - MAX_DIRECTED
    if (over <= 0) return []
    const back = outstanding.reclaim(
      ({ to, at }) => to !== undefined && !due.includes(to) && at + this.#history.answerTimeout <= now && over-- > 0,
    )
    if (over > 0) due.splice(Math.max(0, due.length - over))
    return back
  }
}
