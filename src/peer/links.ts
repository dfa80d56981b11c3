/**
 * Who of ours is connected or being connected to in the whole client, whatever topic it is for: one connection a remote. Pure
 * bookkeeping.
 */
import type { Id } from '../core/id.js'
import type { Claim } from './registry.js'

/** Remotes for which somebody waits to hear that nothing came of their connection: names may be invented. */
const MAX_AWAITED = 1_024

export class Links {
  readonly #claims = new Map<Id, Set<Claim>>()
  readonly #waiting = new Map<Id, Set<() => void>>()

  /** Under any topic. */
  claims(remote: Id): Iterable<Claim> {
    return this.#claims.get(remote) ?? []
  }

  add(claim: Claim): void {
    const claims = this.#claims.get(claim.remote) ?? new Set()
    this.#claims.set(claim.remote, claims.add(claim))
  }

  /** The connection stands: whoever waited for it is served by what both sides show each other on it. */
  opened({ remote }: Claim): void {
    this.#waiting.delete(remote)
  }

  delete(claim: Claim): void {
    const claims = this.#claims.get(claim.remote)
    if (claims?.delete(claim) !== true || claims.size > 0) return
    this.#claims.delete(claim.remote)
    const waiting = this.#waiting.get(claim.remote)
    this.#waiting.delete(claim.remote)
    for (const failed of waiting ?? []) failed()
  }

  /** This remote was turned away because another topic is being connected to it: calls back if nothing comes of that. */
  await(remote: Id, failed: () => void): void {
    const waiting = this.#waiting.get(remote) ?? new Set()
    if (waiting.size === 0 && this.#waiting.size >= MAX_AWAITED) return
    this.#waiting.set(remote, waiting.add(failed))
  }
}
