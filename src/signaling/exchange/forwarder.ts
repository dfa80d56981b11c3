/** The relay's side of one topic: answers queries with member ids and forwards payloads. Never reads a payload's body. */
import type { Env } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import { holds } from './id-filter.js'
import type { RelayPeer } from './relay-peer.js'
import type { ExchangeFrame } from './codec.js'

/** Payloads of one topic that are forwarded, from all senders together: fifty newcomers at once, and no more than this client can spare. */
const FORWARDS = { burst: 1_500, rate: 200 }

/** Why a payload was not forwarded. */
export type ForwardFault = 'too-fast' | 'absent'

export class Forwarder {
  readonly #env: Env
  readonly #forwards = new TokenBucket(FORWARDS)
  /** Connected peers that joined this topic, by announce id; the one that was queried last stands last. */
  readonly relays = new Map<Id, RelayPeer>()

  constructor(env: Env) {
    this.#env = env
  }

  /** In random order: in a fixed order every peer that needs few members would always get the same few. */
  shuffled(): RelayPeer[] {
    return [...this.relays.values()]
      .map(relay => ({ relay, order: this.#env.random() }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ relay }) => relay)
  }

  /** Names members that are connected here and take part in peer exchange. Undefined when the query was within its rate limit. */
  answerQuery(asker: RelayPeer, { topic, want, filter }: Extract<ExchangeFrame, { type: 'query' }>): ForwardFault | undefined {
    if (!asker.queriesIn.take(1, this.#env.now())) return 'too-fast'
    const members = this.shuffled()
      .filter(relay => relay !== asker && relay.port.exchanges === true && !holds(filter, relay.port.remote))
      .slice(0, want)
      .map(({ port }) => port.remote)
    if (members.length > 0) asker.send({ type: 'members', topic, members })
    return undefined
  }

  /** Forwards a payload under its sender's announce id. Undefined when it left. */
  forward(
    sender: RelayPeer,
    { topic, peer, payload }: Extract<ExchangeFrame, { type: 'forward' | 'forwarded' }>,
  ): ForwardFault | undefined {
    const now = this.#env.now()
    const allowed = payload.kind === 'repair' ? sender.repairs : sender.forwards
    if (allowed.left(now) < 1) return 'too-fast'
    const receiver = peer === sender.port.remote ? undefined : this.relays.get(peer)
    if (receiver !== undefined) {
      const bytes = 'body' in payload ? payload.body.length : 0
      if (this.#forwards.left(now) < 1 || !receiver.admits(sender, bytes, now)) return 'too-fast'
    }
    allowed.take(1, now) // last, so that a payload that one receiver's share refuses costs the sender nothing elsewhere
    if (receiver?.send({ type: 'forwarded', topic, peer: sender.port.remote, payload }) === true) {
      this.#forwards.take(1, now) // a payload to an absent peer counts for its sender alone
      return undefined
    }
    // Without this frame the sender would wait for an answer, and keep an offer for it.
    if (payload.kind === 'offer') sender.send({ type: 'unreachable', topic, peer, offerId: payload.offerId })
    return 'absent'
  }
}
