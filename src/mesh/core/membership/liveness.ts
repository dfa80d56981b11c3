/**
 * Finds neighbours that fell silent, long before WebRTC does (13 to 28 s), and tells both ends what the other has. A silent neighbour keeps its
 * edge, because a frozen page comes back; it gets pings only.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Ping } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'

/** A neighbour that was not heard for this time gets a ping. In ms. */
const PING_AFTER = 5_000
/** A neighbour says hello in this time, or its edge is closed: a stranger that says nothing must not hold a slot. In ms. */
const HELLO_TIMEOUT = 5_000

/** What else of the core depends on it. */
export interface LivenessHost {
  digest(): number
  /** Edges to the root of the island. */
  depth(): number
  /** The neighbour fell silent, or answered again. */
  silent(neighbour: Neighbour): void
  /** It never said hello. */
  mute(neighbour: Neighbour): void
  recovered(neighbour: Neighbour, digest: number): void
  heard(neighbour: Neighbour, ping: Ping): void
}

export class Liveness {
  readonly #context: MeshContext
  readonly #host: LivenessHost
  /** When the next answer is late. */
  dueAt = Number.POSITIVE_INFINITY

  constructor(context: MeshContext, host: LivenessHost) {
    this.#context = context
    this.#host = host
  }

  /** Any message arrived from the neighbour. */
  heard(neighbour: Neighbour): void {
    neighbour.heardAt = this.#context.now
    if (neighbour.isLive) neighbour.pingedAt = undefined
  }

  /** Pings at once, because the neighbour did not do what it promised. */
  suspect(neighbour: Neighbour): void {
    if (neighbour.pingedAt === undefined && this.#context.options.mechanisms.pings) this.#ping(neighbour)
  }

  ping(from: Neighbour, message: Ping): void {
    if (message.type === 'ping') this.#context.send(from, this.#message('pong'))
    else if (from.pingsInFlight > 0 && --from.pingsInFlight === 0) {
      // Earlier pings are answered before: this is the answer to the last one.
      from.measured(this.#context.now - from.lastPing)
      from.answeredPing = from.lastPing
    }
    from.isCaughtUp = message.caughtUp
    if (from.state === 'suspect') {
      from.state = 'open'
      from.pingedAt = undefined
      this.#host.recovered(from, message.digest)
    }
    this.#host.heard(from, message)
  }

  tick(): void {
    const { now, options } = this.#context
    if (!options.mechanisms.pings) return
    for (const neighbour of this.#context.neighbours.values()) {
      if (neighbour.state === 'opening') {
        if (now - neighbour.openedAt >= HELLO_TIMEOUT) this.#host.mute(neighbour)
        continue
      }
      if (now - Math.max(neighbour.heardAt, neighbour.pingedAt ?? 0) >= PING_AFTER) this.#ping(neighbour)
    }
  }

  /** Neighbours whose answer is late are silent. */
  wake(): void {
    const { now } = this.#context
    this.dueAt = Number.POSITIVE_INFINITY
    for (const neighbour of this.#context.neighbours.values()) {
      if (neighbour.pingedAt === undefined || neighbour.state !== 'open') continue
      const lateAt = neighbour.pingedAt + neighbour.patience
      if (lateAt > now) this.dueAt = Math.min(this.dueAt, lateAt)
      else {
        neighbour.state = 'suspect'
        this.#host.silent(neighbour)
      }
    }
  }

  #ping(neighbour: Neighbour): void {
    neighbour.pingedAt = this.#context.now
    neighbour.lastPing = this.#context.now
    neighbour.pingsInFlight++
    this.dueAt = Math.min(this.dueAt, this.#context.now + neighbour.patience)
    this.#context.send(neighbour, this.#message('ping'))
  }

  #message(type: Ping['type']): Ping {
    const { island, isCaughtUp: caughtUp } = this.#context
    return { type, digest: this.#host.digest(), beacon: island.beacon & 0xffff, depth: this.#host.depth(), caughtUp }
  }
}
