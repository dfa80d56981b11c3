/** The one in the middle: names peers to each other and passes their letters on, within one topic. Never reads a letter. */
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { holds } from './filter.js'
import type { Neighbour } from './neighbour.js'
import type { RelayMessage } from './wire.js'

/** Letters of one topic that are passed on, whoever sends them: fifty who come at once, and no more than we can spare. */
const PASSES = { burst: 1_500, rate: 200 }

/** Why something was not passed on. */
export type PassFault = 'too-fast' | 'absent'

export class Switchboard {
  readonly #env: Env
  readonly #passes: TokenBucket
  /** Who is connected to us and said that it has this topic, the one that was asked last behind the others. */
  readonly neighbours = new Map<Id, Neighbour>()

  constructor(env: Env) {
    this.#env = env
    this.#passes = new TokenBucket(PASSES, env.now())
  }

  /** By chance, or everybody who needs few of them would always get the same few. */
  inAnyOrder(): Neighbour[] {
    return [...this.neighbours.values()]
      .map(neighbour => ({ neighbour, order: this.#env.random() }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ neighbour }) => neighbour)
  }

  /** Tells whoever asks about others that are here and take calls. Undefined when all is well. */
  name(asker: Neighbour, { topic, want, filter }: Extract<RelayMessage, { type: 'ask' }>): PassFault | undefined {
    if (!asker.asks.take(1, this.#env.now())) return 'too-fast'
    const members = this.inAnyOrder()
      .filter(neighbour => neighbour !== asker && neighbour.port.exchanges === true && !holds(filter, neighbour.port.remote))
      .slice(0, want)
      .map(({ port }) => port.remote)
    if (members.length > 0) asker.send({ type: 'members', topic, members })
    return undefined
  }

  /** Passes a letter on, and says whose it is. Undefined when it left. */
  pass(sender: Neighbour, { topic, peer, letter }: Extract<RelayMessage, { type: 'pass' | 'passed' }>): PassFault | undefined {
    const now = this.#env.now()
    const allowed = letter.kind === 'repair' ? sender.repairs : sender.passes
    if (allowed.left(now) < 1) return 'too-fast'
    const receiver = peer === sender.port.remote ? undefined : this.neighbours.get(peer)
    if (receiver !== undefined) {
      const bytes = 'body' in letter ? letter.body.length : 0
      if (this.#passes.left(now) < 1 || !receiver.admits(sender, bytes, now)) return 'too-fast'
    }
    allowed.take(1, now) // last, so that what one receiver has no room for is not missing for others
    if (receiver?.send({ type: 'passed', topic, peer: sender.port.remote, letter }) === true) {
      this.#passes.take(1, now) // letters to nobody cost their sender alone
      return undefined
    }
    // Whoever calls would wait for an answer otherwise, and keep an offer for it.
    if (letter.kind === 'offer') sender.send({ type: 'lost', topic, peer, offerId: letter.offerId })
    return 'absent'
  }
}
