/** Makes offers, a bounded number at a time, and backs off while the engine fails. Knows nothing of what becomes of them. */
import { backoff, type Backoff } from '../core/backoff.js'
import type { Env, Timer } from '../core/env.js'
import { asCause, reasonOf, SwarmlinkError } from '../core/errors.js'
import { randomId } from '../core/id.js'
import { logger } from '../core/log.js'
import { parseSdp } from '../core/sdp.js'
import type { EngineChannel, EngineConnection } from '../engine/engine.js'
import type { ConnectionBudget, Slot } from './connection-budget.js'

const log = logger('pool')

/** Connections that gather at the same time: gathering is cheap, but a burst of hundreds exhausts one of the engines. */
const MAX_GATHERING = 8
/** Back-off after failed gatherings, so that a broken engine is not asked in a tight loop. A new request waits for the first gap at most. */
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

export interface OfferGathererDeps {
  env: Env
  createConnection: () => EngineConnection
  budget: ConnectionBudget
  /** An offer is ready. */
  made: (offer: LocalOffer) => void
  /** A gathering ended, or may begin again. */
  idle: () => void
  /** Called when an offer could not be made, once for each reason in a row. */
  warn: (error: SwarmlinkError) => void
}

export class OfferGatherer {
  readonly #deps: OfferGathererDeps
  readonly #gathering = new Set<EngineConnection>()
  #closed = false
  /** Set during the back-off after a failure. */
  #retry: Timer | undefined
  /** Failures in a row, and the time of the last one. */
  #failures = 0
  #failedAt = 0
  /** The reason of the last warning. */
  #told: string | undefined
  /** Offers that were ever begun; a full swarm must not move it. */
  made = 0

  constructor(deps: OfferGathererDeps) {
    this.#deps = deps
  }

  /** Offers that are being gathered. */
  get size(): number {
    return this.#gathering.size
  }

  /** Gathers until there are this many, as far as the limits and the budget allow. */
  gather(wanted: number): void {
    while (!this.#closed && this.size < Math.min(wanted, MAX_GATHERING) && this.#retry === undefined) {
      // Unanswered offers must not use up the slots for incoming peers.
      const slot = this.#deps.budget.spare ? this.#deps.budget.acquire() : undefined
      if (slot === undefined) return
      void this.#make(slot)
    }
  }

  /** A new request: the fault may be over, so the back-off starts over. */
  hurry(): void {
    if (this.#retry !== undefined) this.#wait(Math.max(0, this.#failedAt + RETRY.first - this.#deps.env.now()))
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    for (const connection of this.#gathering) connection.close()
  }

  async #make(slot: Slot): Promise<void> {
    const { env, createConnection, made } = this.#deps
    let connection: EngineConnection | undefined
    try {
      connection = createConnection()
      this.#gathering.add(connection)
      this.made++
      const channel = connection.createChannel(randomId(env)) // a random label, as simple-peer has it
      const sdp = await connection.createOffer()
      const { fingerprint } = parseSdp(sdp)
      this.#gathering.delete(connection)
      this.#failures = 0
      const offer = { connection, channel, sdp, fingerprint, born: env.now(), slot }
      if (this.#closed) discard(offer)
      else made(offer)
    } catch (error) {
      if (connection !== undefined) this.#gathering.delete(connection)
      connection?.close()
      this.#failed(error, slot)
    }
    this.#deps.idle()
  }

  #failed(error: unknown, slot: Slot): void {
    const { env, warn } = this.#deps
    // A fault that returns after a pause is a new one.
    if (this.#failures === 0 && env.now() - this.#failedAt > RETRY.max) this.#told = undefined
    // Before the slot is released, which would start gathering at once.
    if (!this.#closed) this.#backOff()
    slot.release()
    if (this.#closed) return
    log('an offer could not be made: %o', error)
    const reason = reasonOf(error)
    if (reason === this.#told) return
    this.#told = reason
    const message = `the WebRTC engine could not make an offer: ${reason}; trying again`
    warn(new SwarmlinkError('ERR_ENGINE', message, { cause: asCause(error) }))
  }

  /** Longer with each failure in a row. */
  #backOff(): void {
    if (this.#retry !== undefined) return
    this.#failedAt = this.#deps.env.now()
    this.#wait(backoff(RETRY, this.#failures++))
  }

  #wait(ms: number): void {
    this.#retry?.cancel()
    this.#retry = this.#deps.env.timer(ms, () => {
      this.#retry = undefined
      this.#deps.idle()
    })
  }
}

/** Closes an offer and gives its slot back. */
export function discard(offer: LocalOffer): void {
  offer.connection.close()
  offer.slot.release()
}
