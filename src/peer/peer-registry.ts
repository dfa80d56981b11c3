/** The connections and attempts of one topic: one connection per remote, and which one stays when there are two. Pure bookkeeping. */
import type { Id } from '../core/id.js'
import type { ConnectionIndex } from './connection-index.js'
import { ConnectionEntry, type EntryOptions, type EntryState } from './connection-entry.js'
import { offererWins, type Role } from './negotiation.js'
import type { TopicPeer } from './topic-peer.js'

/**
 * An attempt that is not open after this time blocks no other one: its remote may have lost our answer, or the offer was of a swarm that the
 * remote left and joined again. Trackers carry no refusal. An attempt over a TURN relay takes less than a second.
 */
export const OVERDUE = 1_000
/** Concurrent attempts per remote. A second one is answered once the first is overdue, because a third party can replay old offers. */
const MAX_ATTEMPTS = 4

export type RegistryVerdict =
  /** Go ahead; the connections in `replaces` lose against this one. */
  | { go: true; replaces: ConnectionEntry[] }
  /** `glare`: both sides dialled at once, and the other connection stays. */
  | { go: false; reason: 'connected' | 'connecting' | 'glare' }

export class PeerRegistry {
  readonly #self: Id
  readonly #index: ConnectionIndex | undefined
  readonly #entries = new Map<Id, ConnectionEntry[]>()
  #shares = true
  /** Connections that are open or connecting. */
  size = 0
  /** Connections that are open. */
  open = 0
  /** Overdue attempts. */
  overdue = 0

  /** `index`: the connections of other topics, where connections are shared with them. */
  constructor(self: Id, index?: ConnectionIndex) {
    this.#self = self
    this.#index = index
  }

  /** Whether new connections of this topic may serve other topics, and theirs this one. */
  set shares(shares: boolean) {
    this.#shares = shares
    // The connections stay, but they will serve no other topic: other topics must not wait for them.
    if (!shares) for (const entry of this.entries()) this.#index?.delete(entry)
  }

  get shares(): boolean {
    return this.#shares && this.#index !== undefined
  }

  /** At most one peer is connected. One does not count: an engine may notice its loss half a minute later. */
  get isAlone(): boolean {
    return this.open < 2
  }

  entries(): ConnectionEntry[] {
    return [...this.#entries.values()].flat()
  }

  /** The peers that are connected. */
  peers(): TopicPeer[] {
    return this.entries().flatMap(({ open, peer }) => (open && peer !== undefined ? peer : []))
  }

  /** The remotes that are connected or connecting and proved their ids. */
  remotes(): Id[] {
    return [...this.#entries].flatMap(([remote, claims]) => (claims.some(({ proven }) => proven) ? remote : []))
  }

  /**
   * What to do with an offer from this remote (we would be the answerer) or with its answer (we are the offerer). `proven`: it shows
   * that its id is its own, so an impostor does not keep it out. `isolated`: the remote says that this connection will serve no other topic, so
   * that no connection of another topic will serve this one.
   */
  judge(remote: Id, role: Role, isSwarmlink: boolean, proven = true, isolated = false): RegistryVerdict {
    const rivals = this.#all(remote, isolated).filter(entry => !entry.lapsed && (entry.open || !entry.slow))
    const claims = proven ? rivals.filter(entry => entry.proven) : rivals
    const attempts = role === 'answerer' ? this.#attempts(remote, proven) : []
    if (attempts.length >= MAX_ATTEMPTS && !claims.some(entry => entry.open)) return { go: false, reason: 'connecting' }
    if (claims.length === 0) return { go: true, replaces: rivals }
    if (claims.some(entry => entry.open)) return { go: false, reason: 'connected' }
    if (!proven && claims.some(entry => entry.proven)) return { go: false, reason: 'connecting' }
    if (attempts.some(({ lapsed }) => lapsed)) return { go: true, replaces: [] } // the first to open stays
    if (role === 'answerer' || claims.some(entry => entry.role === 'offerer')) return { go: false, reason: 'connecting' }
    // Both sides dialled: the answer to our offer is here while we are answering their offer.
    if (!isSwarmlink) return { go: true, replaces: [] } // a stock peer knows no tie-break; the first to open stays
    return offererWins(this.#self, remote) ? { go: true, replaces: rivals } : { go: false, reason: 'glare' }
  }

  /** Whether the remote has an entry under this topic, and not only under others. */
  knows(remote: Id): boolean {
    return this.#entries.has(remote)
  }

  claim(remote: Id, role: Role, isSwarmlink: boolean, options: EntryOptions = {}): ConnectionEntry {
    const entry = new ConnectionEntry(remote, role, isSwarmlink, options, released => this.#release(released))
    this.#entries.set(remote, [...(this.#entries.get(remote) ?? []), entry])
    if (isSwarmlink && this.#shares && !entry.isolated) this.#index?.add(entry)
    if (options.waits !== true) this.#move(entry, { name: 'connecting' })
    return entry
  }

  /** `share` excludes the remote: the connection serves one topic, and other topics do not wait for it. */
  isolate(entry: ConnectionEntry): void {
    entry.isolated = true
    this.#index?.delete(entry)
  }

  /** The proof was verified. False when another connection to this remote is proven already: one is enough. */
  prove(entry: ConnectionEntry): boolean {
    const { go } = this.judge(entry.remote, 'answerer', entry.isSwarmlink, true, entry.isolated)
    entry.proven = go
    return go
  }

  /**
   * Marks a connection as open and returns those to the same remote that have to end, all on other connections. An unproven connection ends
   * no proven one, and ends itself if a proven one is open.
   */
  opened(entry: ConnectionEntry, now: number): ConnectionEntry[] {
    if (this.has(entry)) this.#move(entry, { name: 'open', since: Math.min(entry.since, now) })
    const connection = entry.peer?.connection
    const others = this.#all(entry.remote, entry.isolated).filter(
      other => other !== entry && (connection === undefined || other.peer?.connection !== connection),
    )
    if (entry.proven) return others
    const impostors = others.filter(({ proven }) => !proven)
    return others.some(({ proven, open }) => proven && open) ? [...impostors, entry] : impostors
  }

  /** The attempt takes too long, or the path of the open connection is lost: it counts no more. */
  lapse(entry: ConnectionEntry): void {
    const { state } = entry
    if (state.name === 'open') this.#move(entry, { name: 'unreachable', since: state.since })
    else if (state.name === 'waiting' || state.name === 'connecting') this.#move(entry, { name: 'overdue', was: state.name })
    else return
    this.#index?.lapsed(entry)
  }

  /** The path is back: the connection, or the attempt, counts again. */
  recover(entry: ConnectionEntry): void {
    const { state } = entry
    if (state.name === 'unreachable') this.#move(entry, { name: 'open', since: state.since })
    else if (state.name === 'overdue') this.#move(entry, { name: state.was })
  }

  /** The oldest attempt of a remote that dialled us and takes a slot. */
  get calledBy(): ConnectionEntry | undefined {
    return this.size === this.open
      ? undefined
      : this.entries().find(({ role, state }) => role === 'answerer' && state.name === 'connecting')
  }

  /** Takes the slot of this attempt away; it gets one when it opens. */
  dismiss(entry: ConnectionEntry): void {
    if (entry.state.name === 'connecting') this.#move(entry, { name: 'waiting' })
  }

  /** False once the entry was released, for instance because a better connection replaced it. */
  has(entry: ConnectionEntry): boolean {
    return entry.state.name !== 'released'
  }

  /** Attempts in which this remote is the offerer. Unproven attempts do not count against a proven offer. */
  #attempts(remote: Id, proven: boolean): ConnectionEntry[] {
    const claims = this.#entries.get(remote) ?? []
    return claims.filter(
      entry => entry.role === 'answerer' && !entry.open && entry.peer !== undefined && (entry.proven || !proven),
    )
  }

  #all(remote: Id, isolated: boolean): ConnectionEntry[] {
    const own = this.#entries.get(remote) ?? []
    return this.shares && !isolated ? [...new Set([...own, ...(this.#index?.entries(remote) ?? [])])] : own
  }

  #release(entry: ConnectionEntry): void {
    if (!this.has(entry)) return
    this.#move(entry, { name: 'released' })
    const left = this.#entries.get(entry.remote)?.filter(other => other !== entry) ?? []
    if (left.length > 0) this.#entries.set(entry.remote, left)
    else this.#entries.delete(entry.remote)
    this.#index?.delete(entry)
  }

  #move(entry: ConnectionEntry, state: EntryState): void {
    this.#count(entry.state, -1)
    entry.state = state
    this.#count(state, 1)
  }

  #count({ name }: EntryState, change: number): void {
    if (name === 'open' || name === 'connecting') this.size += change
    if (name === 'open') this.open += change
    if (name === 'overdue') this.overdue += change
  }
}
