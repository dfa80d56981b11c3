/** The connections of the whole client to swarmlink peers, under whatever topic: one connection per remote. Pure bookkeeping. */
import type { Id } from '../core/id.js'
import type { ConnectionEntry } from './connection-entry.js'
import type { RemotePeer } from './remote-peer.js'

export class ConnectionIndex {
  readonly #entries = new Map<Id, Set<ConnectionEntry>>()
  readonly #waiting = new Map<Id, Set<() => void>>()

  /** The entries of a remote under all topics. */
  entries(remote: Id): Iterable<ConnectionEntry> {
    return this.#entries.get(remote) ?? []
  }

  add(entry: ConnectionEntry): void {
    const claims = this.#entries.get(entry.remote) ?? new Set()
    this.#entries.set(entry.remote, claims.add(entry))
  }

  /** The entry lapsed: topics that wait for it stop waiting, unless there is another attempt. */
  lapsed({ remote }: ConnectionEntry): void {
    if ([...this.entries(remote)].every(({ lapsed }) => lapsed)) this.#fail(remote)
  }

  delete(entry: ConnectionEntry): void {
    const claims = this.#entries.get(entry.remote)
    if (claims?.delete(entry) !== true || claims.size > 0) return
    this.#entries.delete(entry.remote)
    this.#fail(entry.remote)
  }

  /** This connection serves no further topic: other topics stop waiting for it. */
  isolate(connection: RemotePeer): void {
    for (const entry of this.entries(connection.remote.announceId)) if (entry.peer?.connection === connection) this.delete(entry)
  }

  /** A topic refused this remote for another topic's connection. Calls back when that ends, or serves no further topic. */
  await(remote: Id, failed: () => void): void {
    if (!this.#entries.has(remote)) return // a remote can invent names
    this.#waiting.set(remote, (this.#waiting.get(remote) ?? new Set()).add(failed))
  }

  /** The topic of this callback was left. The connections that it waited for may last for days. */
  forget(failed: () => void): void {
    for (const waiting of this.#waiting.values()) waiting.delete(failed)
  }

  #fail(remote: Id): void {
    const waiting = this.#waiting.get(remote)
    this.#waiting.delete(remote)
    for (const failed of waiting ?? []) failed()
  }
}
