/** Who is connected or being connected to: one connection a remote, and which one when there are two. Pure bookkeeping. */
import type { Id } from '../core/id.js'
import { callerWins, type Role } from './negotiation.js'
import type { RemotePeer } from './remote-peer.js'

/** A place in the registry, claimed before the work begins and filled as it proceeds. */
export interface Claim {
  readonly remote: Id
  readonly role: Role
  readonly ours: boolean
  /** It counts as a peer; one that still waits for its turn does not. */
  admitted: boolean
  open: boolean
  peer?: RemotePeer
}

export type Verdict =
  /** Go ahead; the connections in `replaces` lose against this one. */
  | { go: true; replaces: Claim[] }
  /** `held`: connected already. `dialling`: being connected. `glare`: both called at once and the other call stays. */
  | { go: false; reason: 'held' | 'dialling' | 'glare' }

export class PeerRegistry {
  readonly #self: Id
  readonly #claims = new Map<Id, Claim[]>()
  #size = 0
  #open = 0

  constructor(self: Id) {
    this.#self = self
  }

  /** Connections that are open. */
  get open(): number {
    return this.#open
  }

  /** Connections that are open or on their way; those that wait for their turn are none yet. */
  get size(): number {
    return this.#size
  }

  claims(): Claim[] {
    return [...this.#claims.values()].flat()
  }

  /** What to do with an offer from this remote (we would be the callee) or with its answer (we are the caller). */
  judge(remote: Id, role: Role, ours: boolean): Verdict {
    const claims = this.#claims.get(remote) ?? []
    if (claims.length === 0) return { go: true, replaces: [] }
    if (claims.some(claim => claim.open)) return { go: false, reason: 'held' }
    if (role === 'callee' || claims.some(claim => claim.role === 'caller')) return { go: false, reason: 'dialling' }
    // Both called, both answered: our offer's answer is here while we are answering theirs.
    if (!ours) return { go: true, replaces: [] } // a stock peer knows no tie-break; the first to open stays
    return callerWins(this.#self, remote) ? { go: true, replaces: claims } : { go: false, reason: 'glare' }
  }

  claim(remote: Id, role: Role, ours: boolean, { waits = false }: { waits?: boolean } = {}): Claim {
    const claim: Claim = { remote, role, ours, admitted: false, open: false }
    this.#claims.set(remote, [...(this.#claims.get(remote) ?? []), claim])
    if (!waits) this.admit(claim)
    return claim
  }

  /** Its turn has come. */
  admit(claim: Claim): void {
    if (claim.admitted || !this.has(claim)) return
    claim.admitted = true
    this.#size++
  }

  /** Marks a connection as open and names the others to the same remote, which have to go. */
  opened(claim: Claim): Claim[] {
    if (!claim.open) this.#open++
    claim.open = true
    return (this.#claims.get(claim.remote) ?? []).filter(other => other !== claim)
  }

  /** False once the claim was released, for instance because a better call replaced it. */
  has(claim: Claim): boolean {
    return this.#claims.get(claim.remote)?.includes(claim) === true
  }

  release(claim: Claim): void {
    const claims = this.#claims.get(claim.remote) ?? []
    const left = claims.filter(other => other !== claim)
    if (left.length === claims.length) return
    if (left.length > 0) this.#claims.set(claim.remote, left)
    else this.#claims.delete(claim.remote)
    if (claim.admitted) this.#size--
    if (claim.open) this.#open--
  }
}
