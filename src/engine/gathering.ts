/**
 * Decides when a description holds the candidates that matter. The engine itself says that gathering is complete when the slowest server has
 * answered or is given up: Chromium after 12 s, and after 0.1 s even if no server is asked.
 */
import type { Timer } from '../core/env.js'
import type { CallDeadlines } from './call-deadlines.js'
import type { EngineConfig } from './engine.js'
import { usesStun, usesTurn } from './ice-servers.js'

/** Milliseconds in which an engine reports all its host candidates, counted from the latest one. */
export const GRACE = 20

export class Gathering {
  readonly #config: EngineConfig
  readonly #expected: readonly string[]
  readonly #types = new Set<string>()
  /** What was gathered so far, since the last beginning. */
  candidates: string[] = []
  /** When the latest host candidate came. */
  #latestHost = Number.NEGATIVE_INFINITY
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
    this.#latestHost = Number.NEGATIVE_INFINITY
  }

  add(candidate: string): void {
    this.candidates.push(candidate)
    const type = / typ (\w+)/.exec(candidate)?.[1] ?? ''
    this.#types.add(type)
    if (type === 'host') this.#latestHost = this.#config.env.now()
    this.#added()
  }

  end(): void {
    this.#end()
  }

  /**
   * Resolves when gathering has ended, or once there is one candidate of each expected type and no host candidate came for {@link GRACE}, or after
   * `gatherTimeout`. Rejects when the calls are aborted. A server's answer mostly comes later than that and needs no timer, which would take
   * up to a second in a hidden page.
   */
  async enough(calls: CallDeadlines): Promise<void> {
    const { env, gatherTimeout } = this.#config
    const timers: Timer[] = []
    const late = new Promise<void>(resolve => {
      timers[0] = env.timer(gatherTimeout, resolve)
      this.#added = () => {
        timers[1]?.cancel()
        if (!this.#hasAll) return
        const left = this.#latestHost + GRACE - env.now()
        if (left > 0) timers[1] = env.timer(left, resolve)
        else resolve()
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
