/** Decides whether a peer may connect under one topic: pure bookkeeping, asked before anything is built for the peer. */
import { BoundedMap } from '../../core/bounded-map.js'
import type { Id } from '../../core/id.js'
import { LazySeenFilter } from '../../core/lazy-seen-filter.js'
import type { Role } from '../../peer/negotiation.js'
import type { RegistryVerdict } from '../../peer/peer-registry.js'
import { EXCHANGE } from '../dialing/dial-policy.js'
import type { SwarmContext } from '../swarm-context.js'
import type { RefusalReason } from './refusal.js'

/** What a remote says of itself. */
export interface Standing {
  /** It has at most one peer. @default false */
  alone?: boolean | undefined
  /** It shows that its id is its own. @default true */
  proven?: boolean
  /** Its connection will serve no other topic. @default false */
  isolated?: boolean | undefined
}

/** Peers that could not be reached or were turned away: not tried again for 30 to 60 s. Costs 2.4 kB. */
const SEEN = { capacity: 1_000, errorRate: 0.01, rotateAfter: 30_000 }
/**
 * Failures after which a peer counts as unreachable. libdatachannel starts to check the remote's certificate before it has stored the
 * answer's fingerprint, and on a busy machine every other attempt fails for that reason.
 */
const MAX_FAILURES = 8
/**
 * What a connection timeout counts for: it costs ten seconds. The peer is tried once more, because a stock client drops one of two
 * connections without a word when both sides dialled at once, and the other one may fail.
 */
const TIMEOUT_FAILURES = MAX_FAILURES / 2
/** Peers whose failures are remembered. */
const MAX_PEERS = 256
/** Behind the name of a peer and a signalling: only the peer's offers are refused. */
const OFFERS = ' offers'

export class ConnectionGater {
  /** While paused no peer may connect. */
  paused = false
  readonly #context: SwarmContext<unknown>
  readonly #seen: LazySeenFilter
  readonly #failures = new BoundedMap<string, number>(MAX_PEERS)

  constructor(context: SwarmContext<unknown>) {
    this.#context = context
    this.#seen = new LazySeenFilter(context.runtime.env, SEEN)
  }

  /** Whether to answer an offer; the reason if not. */
  judgeOffer(from: Id, signaling = '', { alone = false, proven = true, isolated }: Standing = {}): RefusalReason | undefined {
    const { registry, policy } = this.#context
    if (this.#isOwn(from)) return 'self'
    if (this.paused) return 'paused'
    const verdict = registry.judge(from, 'answerer', false, proven, isolated)
    if (!verdict.go) {
      if (alone && verdict.reason === 'connected' && !registry.knows(from)) policy.invite(from)
      return verdict.reason
    }
    if (this.#hasSeen(from, proven, signaling) || this.#hasSeen(from, proven, signaling + OFFERS)) return 'seen'
    if (policy.acceptsOffer(from, alone)) return undefined
    policy.refused()
    return 'full'
  }

  /** Whether to use an answer, and which connections it replaces. */
  judgeAnswer(
    from: Id,
    isSwarmlink: boolean,
    signaling?: string,
    { alone = false, proven = true, isolated }: Standing = {},
  ): RegistryVerdict | { go: false; reason: RefusalReason } {
    const { registry, policy } = this.#context
    if (this.#isOwn(from)) return { go: false, reason: 'self' }
    if (this.paused) return { go: false, reason: 'paused' }
    if (this.#hasSeen(from, proven, signaling)) return { go: false, reason: 'seen' }
    const verdict = registry.judge(from, 'offerer', isSwarmlink, proven, isolated)
    // A replaced connection that takes a slot makes room.
    const makesRoom = verdict.go && verdict.replaces.some(({ admitted }) => admitted)
    if (!verdict.go || makesRoom || policy.acceptsAnswer(from, alone)) return verdict
    policy.refused()
    return { go: false, reason: 'full' }
  }

  /** Whether a peer that is connected for another topic may join this one. */
  welcomes(id: Id, proven = true): boolean {
    const { registry, policy } = this.#context
    const hasRoom = !policy.full || policy.invites(id)
    return !this.#isOwn(id) && !this.paused && !this.#hasSeen(id, proven) && hasRoom && !registry.knows(id)
  }

  /** Whether to dial a peer that this signalling named. Peers that were named by other peers have to prove their ids. */
  wants(id: Id, signaling: string, alone?: boolean): boolean {
    const isFine = this.judgeOffer(id, signaling, { alone, proven: signaling === EXCHANGE }) === undefined
    return isFine && this.#context.policy.dials(id)
  }

  /** Whether this peer is connected, for this topic or for another one. */
  isConnected(id: Id): boolean {
    const verdict = this.#context.registry.judge(id, 'answerer', true)
    return !verdict.go && verdict.reason === 'connected'
  }

  /**
   * Refuses this peer for 30 to 60 s: by this signalling, or by every one. An unproven peer is remembered under a separate key, so that an
   * impostor cannot block the owner of the id.
   */
  avoid(remote: Id, signaling = '', proven = true): void {
    this.#seen.add(keyOf(remote, proven) + signaling)
  }

  /**
   * Counts a connection that failed before it was open, or did not open in time. Enough of them avoid the peer by this signalling, which may
   * repeat old descriptions; other signallings may still bring the peer.
   *
   * A peer that dialled us may have refused the answer, and trackers carry no refusal. So its offers are avoided, but not its answers:
   * otherwise two peers that refuse each other's answers would avoid each other for ever.
   */
  missed(
    remote: Id,
    how: 'failed' | 'timeout',
    signaling: string,
    { proven = true, role = 'offerer' }: { proven?: boolean; role?: Role } = {},
  ): void {
    const by = role === 'answerer' ? signaling + OFFERS : signaling
    const key = keyOf(remote, proven) + by
    const failures = (this.#failures.get(key) ?? 0) + (how === 'failed' ? 1 : TIMEOUT_FAILURES)
    if (failures < MAX_FAILURES) return void this.#failures.set(key, failures)
    this.#failures.delete(key)
    this.avoid(remote, by, proven)
  }

  #isOwn(id: Id): boolean {
    const { runtime, options } = this.#context
    return id === runtime.announceId || id === options.alias
  }

  /** What is remembered of the owner of an id applies to every remote that uses the id without a proof. */
  #hasSeen(id: Id, proven: boolean, signaling = ''): boolean {
    const keys = proven ? [id] : [id, keyOf(id, false)]
    return keys.some(key => this.#seen.has(key) || this.#seen.has(key + signaling))
  }
}

function keyOf(remote: Id, proven: boolean): string {
  return proven ? remote : `?${remote}`
}
