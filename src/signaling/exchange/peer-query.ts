/** Which relays are queried for members of one topic, and when: two per announcement, and each relay that joins. */
import { jittered } from '../../core/backoff.js'
import type { Env, Timer } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import type { Announcement } from '../signaling.js'
import { makeFilter, SALT_BYTES } from './id-filter.js'
import type { RelayPeer } from './relay-peer.js'
import { MAX_NAMED } from './codec.js'

/** Relays queried per announcement: each knows nearly all of a small swarm, and different members of a large one. */
const RELAYS_PER_ANNOUNCE = 2
/**
 * How long after a relay joined, or did not reply, it is queried; jitter makes it up to twice as long. Relays that join together are queried together,
 * with one filter of known ids. The first query may come too early, because the relay learns a moment later that this client joined.
 */
const QUERY_DELAYS = [10, 50, 1_000] as const
/** After this a relay that could not be queried is tried again. */
const RETRY_DELAY = 1_000

export interface PeerQueryDeps {
  env: Env
  topic: Id
  /** In the order in which they are queried. */
  relays: Map<Id, RelayPeer>
  /** Ids that no relay has to name. */
  known: () => Id[]
  /** Runs code that calls the listener, and catches what it throws. */
  notify: (call: () => void) => void
}

export class PeerQuery {
  readonly #deps: PeerQueryDeps
  /** Relays that have not replied since they joined, with the queries sent to each and the earliest time of the next one. */
  readonly #unanswered = new Map<RelayPeer, { queries: number; nextAt: number }>()
  #timer: Timer | undefined
  #timerAt = 0
  #self: Id | undefined
  /** `numwant` of the last announcement, and how many ids were known then. */
  #want = 0
  #knownThen = 0

  constructor(deps: PeerQueryDeps) {
    this.#deps = deps
  }

  /** Our announce id in the last announcement. */
  get self(): Id | undefined {
    return this.#self
  }

  /** How many more members are wanted: the announced number, less the peers that became known since. */
  slots(known = this.#deps.known()): number {
    return this.#want - Math.max(0, known.length - this.#knownThen)
  }

  joined(relay: RelayPeer): void {
    this.#unanswered.set(relay, { queries: 0, nextAt: 0 })
    this.#queryAfter(QUERY_DELAYS[0])
  }

  /** The relay replied, or left. */
  settled(relay: RelayPeer): void {
    this.#unanswered.delete(relay)
    if (this.#unanswered.size === 0) this.stop()
  }

  /** False when no query could leave now. True also when no member is wanted or no relay has credit: a retry would not help. */
  announce({ from, event, numwant }: Announcement): boolean {
    const { env, relays } = this.#deps
    const known = this.#deps.known()
    this.#self = from
    this.#knownThen = known.length
    this.#want = event === 'stopped' ? 0 : numwant
    if (this.#want === 0) return true
    const now = env.now()
    const trusted = [...relays.values()].filter(relay => relay.credit(now) > 0).slice(0, RELAYS_PER_ANNOUNCE)
    return trusted.length === 0 || this.#query(trusted, known).length > 0
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #queryAfter(ms: number): void {
    const { env } = this.#deps
    const wait = jittered(ms, 1, env.random())
    const at = env.now() + wait
    if (this.#timer !== undefined && this.#timerAt <= at) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = env.timer(wait, () => {
      this.#timer = undefined
      this.#deps.notify(() => this.#queryDue())
      const next = Math.min(...[...this.#unanswered.values()].map(({ nextAt }) => nextAt))
      if (this.#unanswered.size > 0) this.#queryAfter(next - env.now())
    })
  }

  /** Queries the relays that joined and were not queried yet, or did not reply in time. */
  #queryDue(): void {
    const now = this.#deps.env.now()
    const due = [...this.#unanswered].filter(([, { nextAt }]) => nextAt <= now)
    for (const [, entry] of due) entry.nextAt = now + RETRY_DELAY // also when the listener throws below
    const known = this.#deps.known()
    // Also before the first announcement, which sets our id and sends queries itself.
    if (this.slots(known) <= 0) return this.#unanswered.clear()
    const candidates = due.map(([relay]) => relay)
    this.#query(candidates, known)
  }

  /** Sends the same query to each relay that is within its rate limit. Returns the relays that it left for. */
  #query(candidates: readonly RelayPeer[], known: Id[]): RelayPeer[] {
    const { env, topic, relays } = this.#deps
    const now = env.now()
    const ready = candidates.filter(({ queriesOut }) => queriesOut.left(now) >= 1)
    if (ready.length === 0 || this.#self === undefined) return []
    const filter = makeFilter([this.#self, ...known], env.randomBytes(SALT_BYTES))
    const want = Math.min(this.slots(known), MAX_NAMED)
    const queried = ready.filter(relay => relay.send({ type: 'query', topic, want, filter }))
    for (const relay of queried) {
      relay.queriesOut.take(1, now)
      // A relay without members does not reply: its unanswered queries must not add up to a right to send many replies later.
      relay.repliesDue.set(topic, Math.min((relay.repliesDue.get(topic) ?? 0) + 1, QUERY_DELAYS.length))
      this.#queried(relay, now)
      relays.delete(relay.port.remote) // moves the relay to the end of the order
      relays.set(relay.port.remote, relay)
    }
    return queried
  }

  /** A query left: the next one waits for the reply. */
  #queried(relay: RelayPeer, now: number): void {
    const entry = this.#unanswered.get(relay)
    if (entry === undefined) return
    const delay = QUERY_DELAYS[++entry.queries]
    if (delay === undefined) this.#unanswered.delete(relay)
    else entry.nextAt = now + delay
  }
}
