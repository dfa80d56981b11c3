/**
 * Tells whether the path of a connection works. Between swarmlink ends both send a beat over the control channel, because WebRTC itself takes 5 s
 * to miss a path, and 15 s or for ever to miss a process. Knows nothing of what is done about it.
 */
import type { Env, Timer } from '../core/env.js'
import type { Transport } from './transport.js'

/** Milliseconds between two beats, and between two looks. A page in the background has one timer per second. */
const BEAT = 500
/** The path is lost after this silence, plus 1.5 times the longest of the last gaps: 1.75 s, in the background 2.5 s. */
const SILENCE = 1_000
const GAPS = 4
/** WebRTC says `disconnected` for a path that works again within a second, as after a change of network. */
const DISCONNECTED = 2_000

export class PathMonitor {
  readonly #env: Env
  readonly #transport: Transport
  readonly #changed: () => void
  readonly #beat: () => void
  #timer: Timer | undefined
  #isUp = false
  /** When the control channel carried a message, or opened. */
  #heardAt: number | undefined
  #gaps: number[] = []
  #disconnectedAt: number | undefined
  /** Bytes that each pair of candidates received; only known while the control channel is silent. */
  #received: Map<string, number> | undefined
  /** The last look at these bytes saw more of them. */
  #isFlowing = false

  /** `changed` is called when {@link isUp} changes; `beat` sends a beat. */
  constructor(env: Env, transport: Transport, { changed, beat }: { changed: () => void; beat: () => void }) {
    this.#env = env
    this.#transport = transport
    this.#changed = changed
    this.#beat = beat
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
    this.#isFlowing = false
    this.#received = undefined
    this.look()
  }

  /** Compares the state of the connection with the last look. */
  look(): void {
    const isUp = this.#works()
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    this.#changed()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #tick(): void {
    this.#timer = this.#env.timer(BEAT, () => this.#tick())
    if (this.#transport.isControlled) this.#beat()
    this.look()
    if (this.#isSilent()) void this.#watchBytes()
  }

  /** A data channel sends again what was lost only after a time that doubles, up to 3 s after an outage of 3 s. Media and ICE are back at once. */
  async #watchBytes(): Promise<void> {
    const before = this.#received
    const now = await this.#transport.bytesByPair()
    if (!this.#isSilent()) return
    this.#received = now
    this.#isFlowing = before !== undefined && [...now].some(([pair, bytes]) => bytes > (before.get(pair) ?? 0))
    this.look()
  }

  #isSilent(): boolean {
    return this.#heardAt !== undefined && this.#env.now() - this.#heardAt > SILENCE + 1.5 * Math.max(BEAT, ...this.#gaps)
  }

  #works(): boolean {
    const now = this.#env.now()
    const { state, isAbandoned } = this.#transport
    if (state !== 'disconnected') this.#disconnectedAt = undefined
    if (isAbandoned) return false
    if (this.#isSilent() && !this.#isFlowing) return false
    if (state !== 'disconnected') return state === 'connected'
    this.#disconnectedAt ??= now
    // Only a path that worked may be disconnected for a moment.
    return this.#isUp && now - this.#disconnectedAt < DISCONNECTED
  }
}
