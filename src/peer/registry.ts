/**
 * Who is connected or being connected to under one topic: one connection a remote, and which one when there are two. Pure
 * bookkeeping.
 */
import type { Id } from '../core/id.js'
import type { Links } from './links.js'
import { callerWins, type Role } from './negotiation.js'
import type { TopicPeer } from './topic-peer.js'

/** A place in the registry, claimed before the work begins and filled as it proceeds. */
export interface Claim {
  readonly remote: Id
  readonly role: Role
  readonly ours: boolean
  /** Its id is its own, as far as it was looked at, or nobody here could tell. Others may pose as somebody whose id they heard. */
  proven: boolean
  /** It counts as a peer. Some do not before they are open. */
  admitted: boolean
  open: boolean
  /** Since when it is open. */
  since: number
  /**
   * It counts no more, keeps no other connection to its remote away, and yet may open: an attempt that takes too long, whose remote may
   * never have had our answer, or an open connection whose path seems to be lost.
   */
  lapsed: boolean
  /** A person carries our answer: whoever comes another way meanwhile is not kept waiting. */
  readonly slow: boolean
  /** The connection will serve no other topic, so other topics do not wait for it. */
  secluded: boolean
  /** Its remote said that it has no peer, or only one. */
  readonly alone: boolean
  peer?: TopicPeer
  /** Gives the place back; what was claimed for it has to go. */
  readonly release: () => void
}

export interface ClaimOptions {
  /** It takes no place before it is open. @default false */
  waits?: boolean
  /** @default false */
  slow?: boolean
  /** @default true */
  proven?: boolean
  /** @default false */
  secluded?: boolean
  /** @default false */
  alone?: boolean
}

/**
 * An attempt that did not open in this time keeps no other away: its remote may have lost our answer, or its offer was of a swarm that the
 * remote has left and joined again. Trackers carry no refusal. An attempt over a relay takes below a second.
 */
export const OVERDUE = 1_000
/** Concurrent attempts per remote. A second one is answered once the first is overdue, because a third party can replay old offers. */
const MAX_ATTEMPTS = 4

export type Verdict =
  /** Go ahead; the connections in `replaces` lose against this one. */
  | { go: true; replaces: Claim[] }
  /** `held`: connected already. `dialling`: being connected. `glare`: both called at once and the other call stays. */
  | { go: false; reason: 'held' | 'dialling' | 'glare' }

export class PeerRegistry {
  readonly #self: Id
  readonly #links: Links | undefined
  readonly #claims = new Map<Id, Claim[]>()
  #shares = true
  #size = 0
  #open = 0
  #overdue = 0

  /** `links`: what other topics of the client hold, where connections are shared with them. */
  constructor(self: Id, links?: Links) {
    this.#self = self
    this.#links = links
  }

  /** Whether new connections of this topic may serve other topics, and theirs this one. */
  set shares(shares: boolean) {
    this.#shares = shares
    // Its connections stay, but other topics must not wait for what is no more offered on them.
    if (!shares) for (const claim of this.claims()) this.#links?.delete(claim)
  }

  get shares(): boolean {
    return this.#shares && this.#links !== undefined
  }

  /** Connections that are open. */
  get open(): number {
    return this.#open
  }

  /** At most one peer is connected. One does not count: its loss may show half a minute later. */
  get isAlone(): boolean {
    return this.#open < 2
  }

  /** Connections that are open or on their way. */
  get size(): number {
    return this.#size
  }

  /** Attempts that take too long. */
  get overdue(): number {
    return this.#overdue
  }

  claims(): Claim[] {
    const all: Claim[] = []
    for (const claims of this.#claims.values()) all.push(...claims)
    return all
  }

  /** The peers that are connected. */
  peers(): TopicPeer[] {
    const peers: TopicPeer[] = []
    for (const { open, peer } of this.claims()) if (open && peer !== undefined) peers.push(peer)
    return peers
  }

  /** Everybody who is connected or being connected to, and whose id is its own. */
  remotes(): Id[] {
    return [...this.#claims].flatMap(([remote, claims]) => (claims.some(({ proven }) => proven) ? remote : []))
  }

  /**
   * What to do with an offer from this remote (we would be the callee) or with its answer (we are the caller). `proven`: it shows
   * that its id is its own, so an impostor does not keep it out. `secluded`: the remote says that this connection will serve no other topic, so
   * that no connection of another topic will serve this one.
   */
  judge(remote: Id, role: Role, ours: boolean, proven = true, secluded = false): Verdict {
    const rivals = this.#all(remote, secluded).filter(claim => !claim.lapsed && (claim.open || !claim.slow))
    const claims = proven ? rivals.filter(claim => claim.proven) : rivals
    const attempts = role === 'callee' ? this.#attempts(remote, proven) : []
    if (attempts.length >= MAX_ATTEMPTS && !claims.some(claim => claim.open)) return { go: false, reason: 'dialling' }
    if (claims.length === 0) return { go: true, replaces: rivals }
    if (claims.some(claim => claim.open)) return { go: false, reason: 'held' }
    if (!proven && claims.some(claim => claim.proven)) return { go: false, reason: 'dialling' }
    if (attempts.some(({ lapsed }) => lapsed)) return { go: true, replaces: [] } // the first to open stays
    if (role === 'callee' || claims.some(claim => claim.role === 'caller')) return { go: false, reason: 'dialling' }
    // Both called, both answered: our offer's answer is here while we are answering theirs.
    if (!ours) return { go: true, replaces: [] } // a stock peer knows no tie-break; the first to open stays
    return callerWins(this.#self, remote) ? { go: true, replaces: rivals } : { go: false, reason: 'glare' }
  }

  /** Whether it is under this topic, and not only under others. */
  knows(remote: Id): boolean {
    return this.#claims.has(remote)
  }

  claim(
    remote: Id,
    role: Role,
    ours: boolean,
    { waits = false, slow = false, proven = true, secluded = false, alone = false }: ClaimOptions = {},
  ): Claim {
    const claim: Claim = {
      remote,
      role,
      ours,
      proven,
      slow,
      secluded,
      alone,
      admitted: false,
      open: false,
      since: Number.POSITIVE_INFINITY,
      lapsed: false,
      release: () => this.#release(claim),
    }
    this.#claims.set(remote, [...(this.#claims.get(remote) ?? []), claim])
    if (ours && this.#shares && !secluded) this.#links?.add(claim)
    if (!waits) this.#admit(claim)
    return claim
  }

  /** `share` excludes the remote: the connection serves one topic, and other topics do not wait for it. */
  seclude(claim: Claim): void {
    claim.secluded = true
    this.#links?.delete(claim)
  }

  /** Its id is its own, as it turned out. False when another connection to this remote is proven already: one is enough. */
  prove(claim: Claim): boolean {
    const { go } = this.judge(claim.remote, 'callee', claim.ours, true, claim.secluded)
    claim.proven = go
    return go
  }

  /**
   * Marks a connection as open and names those to the same remote that have to go: all on another connection. Who shows no proof drives
   * nobody out who does, and goes itself if that one is here.
   */
  opened(claim: Claim): Claim[] {
    this.lapse(claim, false)
    this.#admit(claim)
    if (!claim.open) this.#open++
    claim.open = true
    const connection = claim.peer?.connection
    const others = this.#all(claim.remote, claim.secluded).filter(
      other => other !== claim && (connection === undefined || other.peer?.connection !== connection),
    )
    if (claim.proven) return others
    const posers = others.filter(({ proven }) => !proven)
    return others.some(({ proven, open }) => proven && open) ? [...posers, claim] : posers
  }

  /** Counts an attempt that takes too long, or a connection whose path is lost, no more; or counts it again. */
  lapse(claim: Claim, lapsed: boolean): void {
    if (claim.lapsed === lapsed || !this.has(claim)) return
    claim.lapsed = lapsed
    const change = lapsed ? -1 : 1
    if (claim.admitted) this.#size += change
    if (claim.open) this.#open += change
    else this.#overdue -= change
    if (lapsed) this.#links?.lapsed(claim)
  }

  /** The oldest attempt of a remote that calls us and counts as a peer. */
  get calledBy(): Claim | undefined {
    return this.#size === this.#open
      ? undefined
      : this.claims().find(({ role, admitted, open, lapsed }) => role === 'callee' && admitted && !open && !lapsed)
  }

  /** This attempt counts as no peer before it is open. */
  dismiss(claim: Claim): void {
    if (!claim.admitted || claim.open || claim.lapsed || !this.has(claim)) return
    claim.admitted = false
    this.#size--
  }

  /** False once the claim was released, for instance because a better call replaced it. */
  has(claim: Claim): boolean {
    return this.#claims.get(claim.remote)?.includes(claim) === true
  }

  /** Attempts in which this remote is the caller. Unproven attempts do not count against a proven offer. */
  #attempts(remote: Id, proven: boolean): Claim[] {
    const claims = this.#claims.get(remote) ?? []
    return claims.filter(claim => claim.role === 'callee' && !claim.open && claim.peer !== undefined && (claim.proven || !proven))
  }

  #admit(claim: Claim): void {
    if (claim.admitted || !this.has(claim)) return
    claim.admitted = true
    this.#size++
  }

  #all(remote: Id, secluded: boolean): Claim[] {
    const own = this.#claims.get(remote) ?? []
    return this.shares && !secluded ? [...new Set([...own, ...(this.#links?.claims(remote) ?? [])])] : own
  }

  #release(claim: Claim): void {
    const claims = this.#claims.get(claim.remote) ?? []
    const left = claims.filter(other => other !== claim)
    if (left.length === claims.length) return
    if (left.length > 0) this.#claims.set(claim.remote, left)
    else this.#claims.delete(claim.remote)
    if (claim.admitted && !claim.lapsed) this.#size--
    if (claim.open && !claim.lapsed) this.#open--
    if (!claim.open && claim.lapsed) this.#overdue--
    this.#links?.delete(claim)
  }
}
