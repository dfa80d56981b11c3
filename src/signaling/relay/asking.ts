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
  /** Neighbours that did not reply since they came, with how often they were asked and when they may be again. */
  readonly #fresh = new Map<Neighbour, { looks: number; nextAt: number }>()
  #look: Timer | undefined
  #lookAt = 0
  #self: Id | undefined
  /** How many others were welcome beside those whom we knew, as we announced it last. */
  #want = 0
  #knownThen = 0

  constructor(parts: AskingParts) {
    this.#parts = parts
  }

  /** Who we are here, as we announced it last. */
  get self(): Id | undefined {
    return this.#self
  }

  /** How many others are welcome, as far as that can be told from here. */
  places(known = this.#parts.known()): number {
    return this.#want - Math.max(0, known.length - this.#knownThen)
  }

  joined(neighbour: Neighbour): void {
    this.#fresh.set(neighbour, { looks: 0, nextAt: 0 })
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
    const known = this.#parts.known()
    this.#self = from
    this.#knownThen = known.length
    this.#want = event === 'stopped' ? 0 : numwant
    if (this.#want === 0) return true
    const now = env.now()
    const trusted = [...neighbours.values()].filter(neighbour => neighbour.credit(now) > 0).slice(0, ASKED_AT_ONCE)
    return trusted.length === 0 || this.#ask(trusted, known).length > 0
  }

  stop(): void {
    this.#look?.cancel()
    this.#look = undefined
  }

  #lookAfter(ms: number): void {
    const { env } = this.#parts
    const wait = jittered(ms, 1, env.random())
    const at = env.now() + wait
    if (this.#look !== undefined && this.#lookAt <= at) return
    this.#look?.cancel()
    this.#lookAt = at
    this.#look = env.timer(wait, () => {
      this.#look = undefined
      this.#parts.tell(() => this.#lookAround())
      if (this.#fresh.size > 0) this.#lookAfter(LOOK_AGAIN)
    })
  }

  /** Whoever came and was not asked, or said nothing for a while. */
  #lookAround(): void {
    const known = this.#parts.known()
    // Also before the first announcement: nobody has said who we are, and that one will ask.
    if (this.places(known) <= 0) return this.#fresh.clear()
    const now = this.#parts.env.now()
    const due = [...this.#fresh].filter(([, { nextAt }]) => nextAt <= now)
    const askable = due.map(([neighbour]) => neighbour)
    const asked = this.#ask(askable, known)
    for (const [neighbour, look] of due) {
      look.nextAt = now + LOOK_AGAIN
      if (asked.includes(neighbour) && ++look.looks >= LOOKS) this.#fresh.delete(neighbour)
    }
  }

  /** One question for all of them. Gives those that it left for. */
  #ask(askable: readonly Neighbour[], known: Id[]): Neighbour[] {
    const { env, topic, neighbours } = this.#parts
    const now = env.now()
    const ready = askable.filter(({ asking }) => asking.left(now) >= 1)
    if (ready.length === 0 || this.#self === undefined) return []
    const filter = makeFilter([this.#self, ...known], env.randomBytes(SALT_BYTES))
    const want = Math.min(this.places(known), MAX_NAMED)
    const asked = ready.filter(neighbour => neighbour.send({ type: 'ask', topic, want, filter }))
    for (const neighbour of asked) {
      neighbour.asking.take(1, now)
      // Whoever has nobody to name says nothing: such questions must not add up to a right to name many later.
      neighbour.asked.set(topic, Math.min((neighbour.asked.get(topic) ?? 0) + 1, LOOKS))
      neighbours.delete(neighbour.port.remote) // and again, as the last
      neighbours.set(neighbour.port.remote, neighbour)
    }
    return asked
  }
}
