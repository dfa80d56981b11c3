/** Carries requests for edges over at most two relays, and their answers back. A request without a target walks at random. */
import type { Id } from '../../../core/id.js'
import type { Admission } from './admission.js'
import type { MeshContext } from '../mesh-context.js'
import { MAX_RELAYS, type Knock, type KnockAnswer } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'

export class KnockRelay {
  readonly #context: MeshContext
  readonly #admission: Admission
  readonly #answered: (answer: KnockAnswer) => void

  constructor(context: MeshContext, admission: Admission, answered: (answer: KnockAnswer) => void) {
    this.#context = context
    this.#admission = admission
    this.#answered = answered
  }

  knock(from: Neighbour, knock: Knock): void {
    const { id } = this.#context
    const sender = knock.trail.at(-1) ?? knock.origin
    if (sender !== from.id || knock.origin === id || knock.trail.includes(id)) return this.#context.penalise(from, 'malformed')
    if (knock.target === undefined) return this.#walk(from, knock)
    if (knock.target === id) return this.#decide(from, knock)
    const [next, ...route] = [...knock.route, knock.target]
    this.#pass(from, next, { ...knock, route: route.slice(0, -1) })
  }

  /** Sends the knock one relay further, or answers that it cannot. */
  #pass(from: Neighbour, next: Id | undefined, knock: Knock): void {
    // One that the knock has passed would take it for a mistake of this relay.
    const isBack = next === knock.origin || (next !== undefined && knock.trail.includes(next))
    const relay = next === undefined || isBack ? undefined : this.#context.neighbours.get(next)
    const trail = [...knock.trail, this.#context.id]
    if (relay?.isLive === true && trail.length <= MAX_RELAYS) this.#context.send(relay, { ...knock, trail })
    else this.#answer(from, knock, knock.target ?? this.#context.id, { accepted: false })
  }

  #walk(from: Neighbour, knock: Knock): void {
    const mayGoOn = knock.trail.length < MAX_RELAYS
    const others = this.#context.live(from).filter(({ id }) => id !== knock.origin && !knock.trail.includes(id))
    if (mayGoOn && knock.steps > 0) {
      const next = this.#context.pick(others)
      if (next !== undefined) return this.#pass(from, next.id, { ...knock, steps: knock.steps - 1 })
    }
    const isTaken = this.#context.neighbours.has(knock.origin)
    if (!isTaken && this.#admission.room > 0) return this.#decide(from, knock)
    const roomy = others.find(other => other.room > 0 && !other.knows(knock.origin))
    if (mayGoOn && roomy !== undefined) return this.#pass(from, roomy.id, { ...knock, target: roomy.id, route: [] })
    const other = mayGoOn && isTaken ? this.#context.pick(others.filter(one => !one.knows(knock.origin))) : undefined
    if (other !== undefined) return this.#pass(from, other.id, { ...knock, target: other.id, route: [] })
    this.#decide(from, knock)
  }

  #decide(from: Neighbour, knock: Knock): void {
    this.#answer(from, knock, this.#context.id, this.#admission.decide(knock, from))
  }

  #answer(to: Neighbour, { origin, trail, purpose }: Knock, target: Id, verdict: { accepted: boolean; splice?: Id }): void {
    const { accepted, splice } = verdict
    this.#context.send(to, { type: 'knock-answer', origin, target, trail, accepted, purpose, splice })
  }

  /** The answer passes the relays of its trail backwards. */
  answer(from: Neighbour, answer: KnockAnswer): void {
    const { origin, trail } = answer
    if (origin === this.#context.id) return this.#answered(answer)
    const at = trail.indexOf(this.#context.id)
    if (at < 0) return this.#context.penalise(from, 'malformed')
    const before = this.#context.neighbours.get(trail[at - 1] ?? origin)
    if (before !== undefined) this.#context.send(before, answer)
  }
}
