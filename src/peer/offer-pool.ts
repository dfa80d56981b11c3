/** Gathered offers, ahead of their use, and used again when nobody answered. Knows nothing of who will get them. */
import { backoff, type Backoff } from '../core/backoff.js'
import type { Env, Timer } from '../core/env.js'
import { asCause, reasonOf, SwarmlinkError } from '../core/errors.js'
import { randomId } from '../core/id.js'
import { logger } from '../core/log.js'
import { parseSdp } from '../core/sdp.js'
import type { Engine, EngineChannel, EngineConnection } from '../engine/engine.js'
import type { ConnectionBudget, Slot } from './budget.js'

const log = logger('pool')

/** Connections that gather at the same time: gathering is cheap, but a burst of hundreds exhausts one of the engines. */
const MAX_GATHERING = 8
/** Offers kept for later use; more than one announcement carries are of no use. */
const MAX_IDLE = 20
/** Candidates grow stale when a NAT forgets the port; engines refresh it, but not for ever. */
const MAX_AGE = 10 * 60_000
/** Answers mostly come within a second: an offer that is out for longer may give its connection to a remote that calls. */
const ANSWERS_TAKE = 1_000
/** After failed gatherings, so that a broken engine is not asked in a tight loop; whoever asks anew waits for the first gap at most. */
const RETRY: Backoff = { first: 1_000, factor: 2, max: 30_000 }

/** An offer that waits for an answer, with the connection behind it. */
export interface LocalOffer {
  readonly connection: EngineConnection
  readonly channel: EngineChannel
  readonly sdp: string
  readonly fingerprint: string
  readonly born: number
  readonly slot: Slot
}

export interface OfferPoolParts {
  env: Env
  engine: Engine
  rtcConfig: RTCConfiguration
  gatherTimeout: number
  budget: ConnectionBudget
  /** Called when an offer could not be made, once for each reason on end. */
  warn: (error: SwarmlinkError) => void
}

interface Taker {
  least: number
  most: number
  /** Takes what is there and is gone. */
  settle: () => void
}

export class OfferPool {
  readonly #parts: OfferPoolParts
  readonly #idle: LocalOffer[] = []
  /** Offers that went out and came back. */
  readonly #returned = new WeakSet<LocalOffer>()
  /** Offers that were taken and are neither back nor answered, the oldest first, and since when. */
  readonly #out = new Map<LocalOffer, number>()
  readonly #gathering = new Set<EngineConnection>()
  readonly #takers: Taker[] = []
  readonly #stopWatching: () => void
  #ahead = 0
  /** Nobody needs offers: those that still come are thrown away. */
  #drained = false
  #closed = false
  /** Set while a broken engine is left alone. */
  #retry: Timer | undefined
  #trimming: Timer | undefined
  /** Gaps since an offer was made, and when the last one began. */
  #failures = 0
  #failedAt = 0
  /** Why no offer could be made, as it was told. */
  #told: string | undefined

  constructor(parts: OfferPoolParts) {
    this.#parts = parts
    this.#stopWatching = parts.budget.onFree(() => this.#gather())
  }

  /** Offers that were ever made; a full swarm must not move it. */
  made = 0

  /** Offers that nobody answered and that went out again. */
  reused = 0

  get idle(): number {
    return this.#idle.length
  }

  /** Gathers this many in the background, so that whoever announces next does not wait. */
  prepare(count: number): void {
    this.#drained = false
    this.#ahead = Math.min(count, MAX_IDLE)
    this.#hurry()
    this.#gather()
  }

  /**
   * As many offers as are ready, `most` of them at the most, as soon as there are `least`. Fewer when the signal aborts, the
   * budget is used up, or the pool closes.
   */
  async take({ least, most }: { least: number; most: number }, signal: AbortSignal): Promise<LocalOffer[]> {
    this.#dropStale()
    if (this.#closed || most <= 0 || signal.aborted) return []
    this.#drained = false
    return await new Promise(resolve => {
      const settle = () => {
        const at = this.#takers.indexOf(taker)
        if (at < 0) return
        this.#takers.splice(at, 1)
        signal.removeEventListener('abort', settle)
        const offers = this.#closed ? [] : this.#idle.splice(0, most)
        for (const offer of offers) {
          this.#out.set(offer, this.#parts.env.now())
          if (this.#returned.has(offer)) this.reused++
        }
        // Whoever got less than it wanted comes again soon.
        this.#gather(offers.length < most ? most : 0)
        resolve(offers)
      }
      const taker: Taker = { least, most, settle }
      signal.addEventListener('abort', settle)
      this.#takers.push(taker)
      this.#hurry()
      this.#gather()
      this.#serve()
    })
  }

  /** An offer that nobody answered comes back; it is used again as long as its connection is alive. */
  giveBack(offer: LocalOffer): void {
    if (this.#out.delete(offer)) this.putBack(offer) // or it was answered under an id that it was out under before
  }

  /** The same of one that was kept. */
  putBack(offer: LocalOffer): void {
    if (!this.#closed && !this.#drained && this.#fresh(offer) && (this.#takers.length > 0 || this.#idle.length < MAX_IDLE)) {
      this.#returned.add(offer)
      this.#offer(offer)
    } else discard(offer)
  }

  /** A person carries this offer that was taken: however long that takes, its connection goes to no other remote. False when it did before. */
  reserve(offer: LocalOffer): boolean {
    if (!this.#out.has(offer)) return false
    this.#out.set(offer, Number.POSITIVE_INFINITY)
    return true
  }

  /** An offer that was taken is answered: its connection goes to no other remote from now on. False when it did before. */
  keep(offer: LocalOffer): boolean {
    return this.#out.delete(offer)
  }

  /** An offer that came back is answered after all, though it may be out again. False when its connection went to another remote. */
  retake(offer: LocalOffer): boolean {
    const at = this.#idle.indexOf(offer)
    if (at >= 0) this.#idle.splice(at, 1)
    return at >= 0 || this.#out.delete(offer)
  }

  /**
   * The place of an idle offer, or of one that was not answered so far, for a connection to a remote that calls. `all`: also of
   * one whose answer may be under way.
   */
  yield(all: boolean): Slot | undefined {
    const before = this.#parts.env.now() - (all ? 0 : ANSWERS_TAKE)
    const [oldest] = [...this.#out].find(([, since]) => since <= before) ?? []
    const offer = this.#idle.shift() ?? oldest
    if (offer === undefined) return undefined
    this.#out.delete(offer)
    const slot = offer.slot.handOver()
    offer.connection.close()
    return slot
  }

  /** Few are likely to be wanted soon: no more are kept than were to be gathered ahead. Those that just came back may still be answered. */
  trim(): void {
    this.#trimming ??= this.#parts.env.timer(ANSWERS_TAKE, () => {
      this.#trimming = undefined
      if (this.#takers.length === 0) for (const offer of this.#idle.splice(this.#ahead)) discard(offer)
    })
  }

  /** Closes what is idle: nobody will announce for a while. */
  drain(): void {
    this.#ahead = 0
    this.#drained = this.#takers.length === 0
    for (const offer of this.#idle.splice(0)) discard(offer)
  }

  close(): void {
    this.#closed = true
    this.#stopWatching()
    this.#retry?.cancel()
    this.#trimming?.cancel()
    this.drain()
    for (const connection of this.#gathering) connection.close()
    for (const taker of [...this.#takers]) taker.settle()
  }

  #fresh({ connection, channel, born }: LocalOffer): boolean {
    // An engine may call a connection that only gathered `connecting`; what counts is that nobody is on it.
    const unused = (connection.state === 'new' || connection.state === 'connecting') && channel.state === 'connecting'
    return unused && this.#parts.env.now() - born < MAX_AGE
  }

  #dropStale(): void {
    for (const offer of this.#idle.splice(0)) {
      if (this.#fresh(offer)) this.#idle.push(offer)
      else discard(offer)
    }
  }

  #offer(offer: LocalOffer): void {
    this.#idle.push(offer)
    this.#serve()
  }

  /** First come, first served. */
  #serve(): void {
    const taker = this.#takers[0]
    if (taker !== undefined && this.#idle.length >= taker.least) taker.settle()
  }

  #gather(more = 0): void {
    const wanted = Math.max(
      more,
      this.#ahead,
      this.#takers.reduce((sum, taker) => sum + taker.most, 0),
    )
    while (
      !this.#closed &&
      this.#idle.length + this.#gathering.size < wanted &&
      this.#gathering.size < MAX_GATHERING &&
      this.#retry === undefined
    ) {
      // Offers that nobody answers must not keep us from answering others.
      const slot = this.#parts.budget.spare ? this.#parts.budget.acquire() : undefined
      if (slot === undefined) break
      void this.#make(slot)
    }
    // Nothing is on its way and nothing can be: whoever waits goes on without.
    if (this.#gathering.size === 0 && (this.#closed || !this.#parts.budget.spare))
      for (const taker of [...this.#takers]) taker.settle()
  }

  async #make(slot: Slot): Promise<void> {
    const { env, engine, rtcConfig, gatherTimeout, warn } = this.#parts
    let connection: EngineConnection | undefined
    try {
      connection = engine.createConnection({ rtcConfig, gatherTimeout, env })
      this.#gathering.add(connection)
      this.made++
      const channel = connection.createChannel(randomId(env)) // a random label, as simple-peer has it
      const sdp = await connection.createOffer()
      const { fingerprint } = parseSdp(sdp)
      this.#gathering.delete(connection)
      this.#failures = 0
      const offer = { connection, channel, sdp, fingerprint, born: env.now(), slot }
      if (this.#closed || this.#drained) discard(offer)
      else this.#offer(offer)
    } catch (error) {
      if (connection !== undefined) this.#gathering.delete(connection)
      connection?.close()
      const reason = reasonOf(error)
      // A fault that comes back after a while without is a new one.
      if (this.#failures === 0 && env.now() - this.#failedAt > RETRY.max) this.#told = undefined
      // Before the place is free again, which would have us gather at once.
      if (!this.#closed) this.#rest()
      slot.release()
      if (this.#closed) return
      log('an offer could not be made: %o', error)
      if (reason !== this.#told) {
        this.#told = reason
        const message = `the WebRTC engine could not make an offer: ${reason}; trying again`
        warn(new SwarmlinkError('ERR_ENGINE', message, { cause: asCause(error) }))
      }
    }
    this.#gather()
  }

  /** The more gatherings failed on end, the longer. */
  #rest(): void {
    if (this.#retry !== undefined) return
    this.#failedAt = this.#parts.env.now()
    this.#wait(backoff(RETRY, this.#failures++))
  }

  /** Somebody asks anew: what was wrong may be over. */
  #hurry(): void {
    if (this.#retry !== undefined) this.#wait(Math.max(0, this.#failedAt + RETRY.first - this.#parts.env.now()))
  }

  #wait(ms: number): void {
    this.#retry?.cancel()
    this.#retry = this.#parts.env.timer(ms, () => {
      this.#retry = undefined
      this.#gather()
    })
  }
}

function discard(offer: LocalOffer): void {
  offer.connection.close()
  offer.slot.release()
}
