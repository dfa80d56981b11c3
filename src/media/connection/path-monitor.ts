/**
 * Tells whether the path of a connection works. Between swarmlink ends both send a beat over the control channel, because WebRTC itself takes 5 s
 * to miss a path, and 15 s or for ever to miss a process. Knows nothing of what is done about it.
 */
import type { Env, Timer } from '../../core/env.js'
import type { Arrivals, Transport } from './transport.js'

/** Milliseconds between two beats. A page in the background has one timer per second. */
const BEAT = 500
/** Milliseconds between two looks at what arrives, while no beat does. */
const LOOK = 200
/** A path without beats is looked at after 1.5 times the longest of the last gaps, and lost after this time more: 1.75 s, in the background 2.5 s. */
const SILENCE = 1_000
const GAPS = 4
/**
 * A path that carried anything counts as working for this time: a data channel sends again what was lost only after a time that doubles, up to 3 s
 * after an outage of 3 s.
 */
const PROOF = 3_000
/** WebRTC says `disconnected` for a path that works again within a second, as after a change of network. */
const DISCONNECTED = 2_000
/** What the other end said while there was no path arrives within this time of its return. */
const SETTLING = 1_000

export class PathMonitor {
  readonly #env: Env
  readonly #transport: Transport
  readonly #changed: () => void
  readonly #beat: () => void
  #timer: Timer | undefined
  #beatAt: number
  #isUp = false
  /** When the path came back. */
  #upAt = Number.NEGATIVE_INFINITY
  #isStopped = false
  /** When the control channel carried a message, or opened. */
  #heardAt: number | undefined
  #gaps: number[] = []
  #disconnectedAt: number | undefined
  /** What had arrived at the last look; only known while the control channel is silent. */
  #arrivals: Arrivals | undefined
  /** When a look saw that more had arrived than at the look before. */
  #provenAt = Number.NEGATIVE_INFINITY
  /** The other end said that nothing arrives there, and nothing has gone there and back since. */
  #isLost = false

  /** `changed` is called when {@link isUp} changes; `beat` sends a beat. */
  constructor(env: Env, transport: Transport, { changed, beat }: { changed: () => void; beat: () => void }) {
    this.#env = env
    this.#transport = transport
    this.#changed = changed
    this.#beat = beat
    this.#beatAt = env.now() + BEAT
    this.#tick()
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** The control channel opened or carried a message. */
  heard(): void {
    const now = this.#env.now()
    if (this.#heardAt !== undefined) this.#gaps = [...this.#gaps.slice(1 - GAPS), Math.min(now - this.#heardAt, DISCONNECTED)]
    this.#heardAt = now
    this.#isLost = false
    this.#provenAt = Number.NEGATIVE_INFINITY
    this.#arrivals = undefined
    this.look()
  }

  /** The other end says that nothing arrives there. */
  lose(): void {
    if (this.#env.now() - this.#upAt < SETTLING) return
    this.#isLost = true
    this.#timer?.cancel()
    this.#tick() // begins to watch
  }

  /** Compares the state of the connection with the last look. */
  look(): void {
    const isUp = this.#works()
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    if (isUp) this.#upAt = this.#env.now()
    this.#changed()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #tick(): void {
    const now = this.#env.now()
    const isBeatDue = now >= this.#beatAt
    if (isBeatDue) this.#beatAt = now + BEAT
    const isQuiet = now >= this.#quietAt || this.#isLost
    const silentAt = this.#quietAt + SILENCE
    const next = Math.min(this.#beatAt, isQuiet ? now + LOOK : this.#quietAt, now < silentAt ? silentAt : this.#beatAt)
    this.#timer = this.#env.timer(next - now, () => this.#tick())
    // After the timer is set, because what follows may stop this monitor.
    if (isBeatDue && this.#transport.isControlled) this.#beat()
    this.look()
    if (isQuiet && !this.#isStopped) void this.#watch()
  }

  /** Media and the checks of ICE are back as soon as the path is. */
  async #watch(): Promise<void> {
    const before = this.#arrivals
    const heardAt = this.#heardAt
    const arrivals = await this.#transport.arrivals()
    if (arrivals === undefined || this.#isStopped || this.#heardAt !== heardAt) return
    this.#arrivals = arrivals
    if (before === undefined) return
    for (const [pair, { bytes, checks }] of arrivals) {
      const last = before.get(pair)
      // ICE asks for consent every 2.5 s; a path that works again shows in several answers at once, a new one in the first.
      if (checks > (last?.checks ?? 0)) this.#isLost = false
      const known = last === undefined || last.checks === 0 ? 0 : last.checks + 1
      if (bytes > (last?.bytes ?? 0) || checks > known) this.#provenAt = this.#env.now()
    }
    this.look()
  }

  /** When the next beat is overdue; never as long as there is no control channel. */
  get #quietAt(): number {
    return (this.#heardAt ?? Number.POSITIVE_INFINITY) + 1.5 * Math.max(BEAT, ...this.#gaps)
  }

  #works(): boolean {
    const now = this.#env.now()
    const { state, isAbandoned } = this.#transport
    if (state !== 'disconnected') this.#disconnectedAt = undefined
    if (isAbandoned || this.#isLost) return false
    if (now >= this.#quietAt + SILENCE && now - this.#provenAt >= PROOF) return false
    if (state !== 'disconnected') return state === 'connected'
    this.#disconnectedAt ??= now
    // Only a path that worked may be disconnected for a moment.
    return this.#isUp && now - this.#disconnectedAt < DISCONNECTED
  }
}
