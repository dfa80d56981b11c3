/**
 * Who of ours is connected or being connected to in the whole client, whatever topic it is for: one connection a remote. Pure
 * bookkeeping.
 */
import type { Id } from '../core/id.js'
import type { Claim } from './registry.js'
import type { RemotePeer } from './remote-peer.js'

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

  /** Nothing may come of this one: a topic that waits for it waits no longer, unless there is another attempt. */
  lapsed({ remote }: Claim): void {
    if ([...this.claims(remote)].every(({ lapsed }) => lapsed)) this.#fail(remote)
  }

  delete(claim: Claim): void {
    const claims = this.#claims.get(claim.remote)
    if (claims?.delete(claim) !== true || claims.size > 0) return
    this.#claims.delete(claim.remote)
    this.#fail(claim.remote)
  }

  /** This connection serves no further topic: other topics need not wait for it any more. */
  seclude(connection: RemotePeer): void {
    for (const claim of this.claims(connection.remote.announceId)) if (claim.peer?.connection === connection) this.delete(claim)
  }

  /**
   * A topic turned this remote away because another topic has a connection to it, or builds one. Calls back when that connection ends, or
   * serves no further topic.
   */
  await(remote: Id, failed: () => void): void {
    if (!this.#claims.has(remote)) return // names may be invented
    this.#waiting.set(remote, (this.#waiting.get(remote) ?? new Set()).add(failed))
  }

  /** The topic of this callback was left: the connections that it waited for may last for days. */
  forget(failed: () => void): void {
    for (const waiting of this.#waiting.values()) waiting.delete(failed)
  }

  #fail(remote: Id): void {
    const waiting = this.#waiting.get(remote)
    this.#waiting.delete(remote)
    for (const failed of waiting ?? []) failed()
  }
}
