/** Whom we ask for others of one topic, and when: some with each announcement, and everybody who comes. */
import { jittered } from '../../core/backoff.js'
import type { Env, Timer } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import type { Announcement } from '../signaling.js'
import { makeFilter, SALT_BYTES } from './filter.js'
import type { Neighbour } from './neighbour.js'
import { MAX_NAMED } from './wire.js'

/** Neighbours that one announcement asks: each knows nearly all of a small swarm, and others of a large one. */
const ASKED_AT_ONCE = 2
/** Neighbours that come together are asked together, when those that they would name may be known already; up to twice as long. */
const LOOK_DELAY = 50
/** A neighbour that could not be asked is asked after this, and one that had nothing to say is asked again. */
const LOOK_AGAIN = 1_000
/** Questions to everybody who comes: for the first it may be too early, because the other side hears a moment later that we are there. */
const LOOKS = 2

export interface AskingParts {
  env: Env
  topic: Id
  /** In the order in which they are asked. */
  neighbours: Map<Id, Neighbour>
  /** Whom nobody has to name. */
  known: () => Id[]
  /** Calls into what belongs to others, whose mistakes are their own affair. */
  tell: (call: () => void) => void
}

export class Asking {
  readonly #parts: AskingParts
  /** Neighbours that did not reply since they came, with how often they were asked. */
  readonly #fresh = new Map<Neighbour, number>()
  #look: Timer | undefined
  /** Who we are here, and how many others are welcome, as we announced it last. */
  #self: Id | undefined
  #want = 0

  constructor(parts: AskingParts) {
    this.#parts = parts
  }

  isSelf(id: Id): boolean {
    return id === this.#self
  }

  joined(neighbour: Neighbour): void {
    this.#fresh.set(neighbour, 0)
    this.#lookAfter(LOOK_DELAY)
  }

  /** It replied, or is gone. */
  settled(neighbour: Neighbour): void {
    this.#fresh.delete(neighbour)
    if (this.#fresh.size === 0) this.stop()
  }

  /** False when a question could not leave now. Where there is nobody to ask, or nothing, all is said. */
  announce({ from, event, numwant }: Announcement): boolean {
    const { env, neighbours } = this.#parts
    this.#self = from
    this.#want = event === 'stopped' ? 0 : numwant
    if (this.#want === 0) return true
    const now = env.now()
    const trusted = [...neighbours.values()].filter(neighbour => neighbour.credit(now) > 0).slice(0, ASKED_AT_ONCE)
    return trusted.length === 0 || this.#ask(trusted).length > 0
  }

  stop(): void {
    this.#look?.cancel()
    this.#look = undefined
  }

  #lookAfter(ms: number): void {
    const { env, tell } = this.#parts
    this.#look ??= env.timer(jittered(ms, 1, env.random()), () => {
      this.#look = undefined
      // Also before the first announcement: nobody has said who we are, and that one will ask.
      if (this.#want === 0) this.#fresh.clear()
      tell(() => {
        for (const neighbour of this.#ask([...this.#fresh.keys()])) {
          const looks = (this.#fresh.get(neighbour) ?? 0) + 1
          if (looks < LOOKS) this.#fresh.set(neighbour, looks)
          else this.#fresh.delete(neighbour)
        }
      })
      if (this.#fresh.size > 0) this.#lookAfter(LOOK_AGAIN)
    })
  }

  /** One question for all of them. Gives those that it left for. */
  #ask(askable: readonly Neighbour[]): Neighbour[] {
    const { env, topic, neighbours, known } = this.#parts
    const now = env.now()
    const ready = askable.filter(({ asking }) => asking.left(now) >= 1)
    if (ready.length === 0 || this.#self === undefined) return []
    const filter = makeFilter([this.#self, ...known()], env.randomBytes(SALT_BYTES))
    const asked = ready.filter(neighbour => neighbour.send({ type: 'ask', topic, want: Math.min(this.#want, MAX_NAMED), filter }))
    for (const neighbour of asked) {
      neighbour.asking.take(1, now)
      neighbour.asked.add(topic)
      neighbours.delete(neighbour.port.remote) // and again, as the last
      neighbours.set(neighbour.port.remote, neighbour)
    }
    return asked
  }
}
