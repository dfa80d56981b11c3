/** The open connections of a member: adds and removes them, waits for slow ones, and tells which of them are too slow to wait for. */
import type { DataConnection } from '../channel/messages/data-connection.js'
import type { Message } from '../channel/messages/messenger.js'
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { LossReason } from './core/wire/messages.js'
import { type EdgeHost, MeshEdge } from './mesh-edge.js'

const log = logger('mesh')

/** How often slow neighbours are looked at, while there are any. In ms. */
const LOOK = 500

export interface MeshEdgesHost {
  /** A connection opened, to a member with this id. */
  opened(edge: MeshEdge): void
  /** A connection ended, without a word of the core. */
  lost(edge: MeshEdge, reason: LossReason): void
  /** Whether this member answered the last ping of the core. */
  answers(edge: MeshEdge): boolean
  /** Every end of a connection, also one that the core asked for. */
  ended(edge: MeshEdge, reason: LossReason): void
  received(edge: MeshEdge, bytes: Uint8Array): void
  direct(edge: MeshEdge, data: Message): void
  /** The neighbour reads too slowly, or keeps up again. */
  lagging(edge: MeshEdge, isLagging: boolean): void
}

export class MeshEdges implements EdgeHost {
  readonly #env: Env
  readonly #host: MeshEdgesHost
  readonly #edges = new Map<Id, MeshEdge>()
  /** Callers that wait until the neighbours have taken what was sent. */
  #waiting: Array<() => void> = []
  /** Messages of the mesh that were sent, and their bytes. */
  readonly sent = { messages: 0, bytes: 0 }
  #look: Timer | undefined
  #isClosed = false

  constructor(env: Env, host: MeshEdgesHost) {
    this.#env = env
    this.#host = host
  }

  get size(): number {
    return this.#edges.size
  }

  get all(): MeshEdge[] {
    return [...this.#edges.values()]
  }

  /** The peer ids of the members that the application knows; one of several sessions is there once. */
  get peers(): Id[] {
    return [...new Set(this.all.flatMap(({ isInUse, peerId }) => (isInUse ? [peerId] : [])))]
  }

  get(id: Id): MeshEdge | undefined {
    return this.#edges.get(id)
  }

  /** The edges to a peer: one for each of its sessions, such as the tabs of a user. */
  to(peerId: Id): MeshEdge[] {
    return this.all.filter(edge => edge.peerId === peerId)
  }

  has(edge: MeshEdge): boolean {
    return this.#edges.get(edge.id) === edge
  }

  /** A peer of the swarm has a message channel, over which messages can be sent later. */
  meet(connection: DataConnection, peer: TopicPeer): void {
    const { announceId, isSwarmlink } = peer.remote
    connection.on('error', error => log('%s: %s', announceId.slice(0, 8), error.message))
    connection.on('connect', () => {
      if (!isSwarmlink || this.#isClosed) return peer.destroy()
      const former = this.#edges.get(announceId)
      if (former !== undefined) this.closed(former)
      const edge = new MeshEdge(connection, peer, this)
      this.#edges.set(edge.id, edge)
      this.#host.opened(edge)
    })
  }

  /** Sends bytes to a neighbour; false when it is none. */
  send(to: Id, bytes: Uint8Array): boolean {
    const edge = this.#edges.get(to)
    if (edge?.send(bytes) !== true) return false
    this.sent.messages++
    this.sent.bytes += bytes.length
    if (edge.isBusy) this.#lookSoon()
    return true
  }

  /** Resolves when the neighbours have taken what was sent; those that lag are not waited for. */
  async drain(): Promise<void> {
    while (!this.#isClosed && this.all.some(edge => edge.isBusy && !edge.lagging)) {
      this.#lookSoon()
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  /**
   * Sends a message of the application to each session of a peer. Resolves when those that stay connected took it, and rejects when none of them
   * did.
   */
  async sendDirect(peerId: Id, data: unknown): Promise<void> {
    const edges = this.to(peerId)
    if (edges.length === 0)
      throw new SwarmlinkError('ERR_CLOSED', 'there is no connection to this member: see `peers`, or use sendBroadcast()')
    const sent = await Promise.allSettled(edges.map(async edge => edge.sendDirect(data) || (await this.#taken(edge))))
    const [first] = sent
    if (first?.status === 'rejected' && sent.every(({ status }) => status === 'rejected')) throw first.reason
  }

  /** Resolves when this neighbour has taken what was sent, however slow it is. Rejects with `ERR_CLOSED` when its edge ends before. */
  async #taken(edge: MeshEdge): Promise<void> {
    while (edge.isBusy && this.has(edge) && !this.#isClosed) await new Promise<void>(resolve => this.#waiting.push(resolve))
    if (edge.isBusy) throw new SwarmlinkError('ERR_CLOSED', 'the connection to this member ended before it had the message')
  }

  /** Closes the connection once what was sent has left. */
  close(id: Id, reason: LossReason): void {
    const edge = this.#edges.get(id)
    if (edge === undefined) return
    this.#forget(edge, reason)
    void edge.close()
  }

  /** Closes all of them; resolves when they are closed. */
  async closeAll(leave: () => void): Promise<void> {
    const edges = this.all
    leave()
    this.#isClosed = true
    this.#look?.cancel()
    this.#go()
    await Promise.all(edges.map(edge => edge.close()))
  }

  now(): number {
    return this.#env.now()
  }

  received(edge: MeshEdge, bytes: Uint8Array): void {
    if (this.has(edge)) this.#host.received(edge, bytes)
  }

  direct(edge: MeshEdge, data: Message): void {
    if (this.has(edge)) this.#host.direct(edge, data)
  }

  drained(edge: MeshEdge): void {
    if (edge.lagging) this.#lags(edge, false)
    this.#go()
  }

  closed(edge: MeshEdge): void {
    edge.destroy()
    if (!this.has(edge)) return
    const reason = this.#host.answers(edge) ? 'cut' : 'silent'
    this.#forget(edge, reason)
    this.#host.lost(edge, reason)
  }

  #forget(edge: MeshEdge, reason: LossReason): void {
    this.#edges.delete(edge.id)
    this.#host.ended(edge, reason)
    this.#go()
  }

  #lags(edge: MeshEdge, isLagging: boolean): void {
    edge.lagging = isLagging
    this.#host.lagging(edge, isLagging)
  }

  /** Those who wait look again. */
  #go(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  #lookSoon(): void {
    if (this.#isClosed) return
    this.#look ??= this.#env.timer(LOOK, () => {
      this.#look = undefined
      for (const edge of this.#edges.values()) if (edge.isLate && !edge.lagging) this.#lags(edge, true)
      this.#go()
      if (this.all.some(({ isBusy }) => isBusy)) this.#lookSoon()
    })
  }
}
