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

interface Gathered {
  text: string
  type: string
  /** Of the ICE credentials that it belongs to, if the engine says so. */
  ufrag: string | undefined
  at: number
}

export class Gathering {
  readonly #config: EngineConfig
  readonly #expected: readonly string[]
  /** Since the last beginning. After a restart some may still be of the credentials before it. */
  #gathered: Gathered[] = []
  #isComplete = false
  /** Called when something has changed, while a description waits. */
  #look = () => {}
  #stop = () => {}

  constructor(config: EngineConfig) {
    this.#config = config
    this.#expected = expectedTypes(config.rtcConfig)
  }

  /** What was gathered so far. */
  get candidates(): string[] {
    return this.#gathered.map(({ text }) => text)
  }

  /** Called for each connection and for each restart. Ends the wait for the gathering before it. */
  begin(): void {
    this.#stop()
    this.#gathered = []
    this.#isComplete = false
  }

  add({ candidate: text, usernameFragment }: Pick<RTCIceCandidate, 'candidate' | 'usernameFragment'>): void {
    const type = / typ (\w+)/.exec(text)?.[1] ?? ''
    const ufrag = usernameFragment ?? / ufrag (\S+)/.exec(text)?.[1]
    this.#gathered.push({ text, type, ufrag, at: this.#config.env.now() })
    this.#look()
  }

  /** The engine says that gathering is complete. */
  end(): void {
    this.#isComplete = true
    this.#look()
  }

  /**
   * Resolves when gathering is complete, or once there is one candidate of each expected type and no host candidate came for {@link GRACE}, or after
   * `gatherTimeout`. Rejects when the calls are aborted. A server's answer mostly comes later than that and needs no timer, which would take
   * up to a second in a hidden page. `isOver`: whether the end that the engine tells is the end of this gathering.
   */
  async enough(calls: CallDeadlines, ufrag: string | undefined, isOver: () => boolean): Promise<void> {
    const { env, gatherTimeout } = this.#config
    const timers: Timer[] = []
    let look = () => {}
    const done = new Promise<void>(resolve => {
      this.#stop = resolve
      timers[0] = env.timer(gatherTimeout, resolve)
      look = () => {
        timers[1]?.cancel()
        if (this.#isComplete && isOver()) return resolve()
        const own = this.#gathered.filter(one => one.ufrag === undefined || one.ufrag === ufrag)
        if (own.length === 0 || !this.#expected.every(type => own.some(one => one.type === type))) return
        const hosts = own.filter(one => one.type === 'host')
        const left = Math.max(...hosts.map(({ at }) => at)) + GRACE - env.now()
        if (left > 0) timers[1] = env.timer(left, resolve)
        else resolve()
      }
    })
    this.#look = look
    look()
    try {
      await calls.orAbort(done)
    } finally {
      if (this.#look === look) this.#look = () => {}
      for (const timer of timers) timer.cancel()
    }
  }
}

/** The types of candidates that this configuration leads to: one of each is worth waiting for. */
function expectedTypes(config: RTCConfiguration): string[] {
  const relayed = usesTurn(config) ? ['relay'] : []
  if (config.iceTransportPolicy === 'relay') return relayed
  return ['host', ...(usesStun(config) ? ['srflx'] : []), ...relayed]
}
