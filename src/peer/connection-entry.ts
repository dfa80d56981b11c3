/** One connection to a remote under one topic, from its first description to its end. {@link PeerRegistry} moves it from state to state. */
import type { Id } from '../core/id.js'
import type { Role } from './negotiation.js'
import type { TopicPeer } from './topic-peer.js'

export type EntryState =
  /** An attempt that takes no slot: a flood of offers must not make this client look full. */
  | { readonly name: 'waiting' }
  /** An attempt that takes a slot. */
  | { readonly name: 'connecting' }
  /** An attempt that takes too long: our answer may be lost. It takes no slot and blocks no other attempt, but may still open. */
  | { readonly name: 'overdue'; readonly was: 'waiting' | 'connecting' }
  | { readonly name: 'open'; readonly since: number }
  /** An open connection whose path seems to be lost. It takes no slot and blocks no other attempt until the path is back. */
  | { readonly name: 'unreachable'; readonly since: number }
  | { readonly name: 'released' }

/** `waits`: the attempt takes no slot before it is open. Each is false by default, and `proven` true. */
export type EntryOptions = Partial<Pick<ConnectionEntry, 'alone' | 'isolated' | 'proven' | 'slow'>> & { waits?: boolean }

export class ConnectionEntry {
  readonly remote: Id
  readonly role: Role
  readonly isSwarmlink: boolean
  /** A person carries our answer, which may take minutes: the attempt blocks no other one. */
  readonly slow: boolean
  /** The remote said that it has at most one peer. */
  readonly alone: boolean
  /** The remote's id is its own, as far as it was verified, or this client cannot tell. An impostor may use an id that it heard. */
  proven: boolean
  /** The connection will serve no other topic, so other topics do not wait for it. */
  isolated: boolean
  peer: TopicPeer | undefined
  /** Set by the registry alone. */
  state: EntryState
  readonly #release: (entry: ConnectionEntry) => void

  constructor(remote: Id, role: Role, isSwarmlink: boolean, options: EntryOptions, release: (entry: ConnectionEntry) => void) {
    const { slow = false, proven = true, isolated = false, alone = false } = options
    this.remote = remote
    this.role = role
    this.isSwarmlink = isSwarmlink
    this.slow = slow
    this.proven = proven
    this.isolated = isolated
    this.alone = alone
    this.state = { name: 'waiting' }
    this.#release = release
  }

  /** The connection opened and did not end. Its path may be lost at the moment. */
  get open(): boolean {
    return this.state.name === 'open' || this.state.name === 'unreachable'
  }

  /** When the connection opened; infinity before. */
  get since(): number {
    return 'since' in this.state ? this.state.since : Number.POSITIVE_INFINITY
  }

  /** Overdue or unreachable: it counts as no peer and blocks no other connection to its remote. */
  get lapsed(): boolean {
    return this.state.name === 'overdue' || this.state.name === 'unreachable'
  }

  /** It takes a slot, or took one before it lapsed. */
  get admitted(): boolean {
    return this.open || this.state.name === 'connecting' || (this.state.name === 'overdue' && this.state.was === 'connecting')
  }

  /** Gives the slot back. The connection of a released entry has to be closed. */
  release(): void {
    this.#release(this)
  }

  /** Ends the connection, or the attempt that has no connection yet. */
  drop(): void {
    if (this.peer === undefined) this.release()
    else this.peer.destroy()
  }
}
