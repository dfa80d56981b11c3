/**
 * Decides when a description holds the candidates that matter. The engine itself says that gathering is complete when the slowest server has
 * answered or is given up: Chromium after 12 s, and after 0.1 s even if no server is asked.
 */
import type { Timer } from '../core/env.js'
import type { CallDeadlines } from './call-deadlines.js'
import type { EngineConfig } from './engine.js'
import { usesStun, usesTurn } from './ice-servers.js'

/**
 * Milliseconds after the latest candidate, once there is one of each type that is expected. Engines report host candidates within 5 ms, and
 * the second address family of a STUN server in about the time of the first.
 */
export const GRACE = 20

export class Gathering {
  readonly #config: EngineConfig
  readonly #expected: readonly string[]
  readonly #types = new Set<string>()
  /** What was gathered so far, since the last beginning. */
  candidates: string[] = []
  #latest = 0
  #ended: Promise<void> = Promise.resolve()
  #end = () => {}
  /** Called with each candidate while a description waits. */
  #added = () => {}

  constructor(config: EngineConfig) {
    this.#config = config
    this.#expected = expectedTypes(config.rtcConfig)
  }

  /** Called for each connection and for each restart. Ends the wait for the gathering before it. */
  begin(): void {
    this.#end()
    this.#ended = new Promise(resolve => (this.#end = resolve))
    this.candidates = []
    this.#types.clear()
  }

  add(candidate: string): void {
    this.candidates.push(candidate)
    this.#types.add(/ typ (\w+)/.exec(candidate)?.[1] ?? '')
    this.#latest = this.#config.env.now()
    this.#added()
  }

  end(): void {
    this.#end()
  }

  /**
   * Resolves when gathering has ended, or {@link GRACE} after the latest candidate once all expected types are there, or after `gatherTimeout`.
   * Rejects when the calls are aborted.
   */
  async enough(calls: CallDeadlines): Promise<void> {
    const { env, gatherTimeout } = this.#config
    const timers: Timer[] = []
    const late = new Promise<void>(resolve => {
      timers[0] = env.timer(gatherTimeout, resolve)
      this.#added = () => {
        timers[1]?.cancel()
        if (this.#hasAll) timers[1] = env.timer(Math.max(0, this.#latest + GRACE - env.now()), resolve)
      }
    })
    this.#added()
    try {
      await calls.orAbort(Promise.race([this.#ended, late]))
    } finally {
      this.#added = () => {}
      for (const timer of timers) timer.cancel()
    }
  }

  get #hasAll(): boolean {
    return this.candidates.length > 0 && this.#expected.every(type => this.#types.has(type))
  }
}

/** The types of candidates that this configuration leads to: one of each is worth waiting for. */
function expectedTypes(config: RTCConfiguration): string[] {
  const relayed = usesTurn(config) ? ['relay'] : []
  if (config.iceTransportPolicy === 'relay') return relayed
  return ['host', ...(usesStun(config) ? ['srflx'] : []), ...relayed]
}
