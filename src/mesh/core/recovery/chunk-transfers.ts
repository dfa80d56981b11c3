/**
 * Large payloads: the table is posted, and the chunks follow on the same tree. A node checks each chunk against the signed table and forwards it
 * at once, before it has the others. When they stop coming it asks other neighbours for the rest.
 */
import { chunkOf, CHUNK_BYTES, matches, readTable } from './chunk-table.js'
import { EarlyChunks } from './early-chunks.js'
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from '../posts/feed.js'
import type { FeedTable } from '../posts/feed-table.js'
import type { Chunk, Post } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { postKey } from '../posts/post-key.js'
import type { Receipts } from './receipts.js'
import { leastWorthy, MAX_BYTES, MAX_TRANSFERS, STALLED, type TransferUse } from './transfer-room.js'

/** After this many requests without a new chunk no neighbour has the rest: the feed goes on without the post. */
const MAX_REQUESTS = 30

interface Transfer {
  key: number
  feed: Feed
  post: Post
  payload: Uint8Array
  has: boolean[]
  missing: number
  /** Neighbours that get each chunk. */
  children: Set<Neighbour>
  changedAt: number
  /** When the last chunk came, and requests since then. */
  movedAt: number
  requests: number
}

export class ChunkTransfers {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #receipts: Receipts
  readonly #completed: (feed: Feed) => void
  readonly #transfers = new Map<number, Transfer>()
  readonly #early = new EarlyChunks()
  #bytes = 0
  dueAt = Number.POSITIVE_INFINITY

  constructor(context: MeshContext, feeds: FeedTable, receipts: Receipts, completed: (feed: Feed) => void) {
    this.#context = context
    this.#feeds = feeds
    this.#receipts = receipts
    this.#completed = completed
  }

  /** A table was taken and forwarded to these neighbours; `payload` is there for an own post. False when the table is invalid. */
  begin(feed: Feed, post: Post, children: readonly Neighbour[], payload?: Uint8Array): void {
    const table = readTable(post.payload)
    if (table === undefined) return
    const { size, count } = table
    const key = postKey(feed.index, post.sequence)
    const former = this.#transfers.get(key) // of another feed, whose index this one has now
    if (former !== undefined) this.#drop(former)
    const transfer: Transfer = {
      key,
      feed,
      post,
      payload: payload ?? new Uint8Array(size),
      has: Array.from({ length: count }, () => payload !== undefined),
      missing: payload === undefined ? count : 0,
      children: new Set(children),
      changedAt: this.#context.now,
      movedAt: this.#context.now,
      requests: 0,
    }
    this.#transfers.set(key, transfer)
    this.#bytes += size
    if (!this.#makeRoom(transfer, payload !== undefined)) return
    if (payload === undefined) this.dueAt = Math.min(this.dueAt, this.#context.now + STALLED)
    else this.#sendAll(transfer)
    for (const { from, chunk } of this.#early.take(feed, post.sequence)) this.chunk(from, chunk)
  }

  /** False when the new transfer is the one that was dropped; an own one never is. */
  #makeRoom(added: Transfer, isOwn: boolean): boolean {
    while (this.#transfers.size > MAX_TRANSFERS || this.#bytes > MAX_BYTES) {
      const uses = [...this.#transfers.values()].filter(transfer => transfer !== added || !isOwn).map(transfer => useOf(transfer))
      const least = leastWorthy(uses, this.#context.now, this.#bytes > MAX_BYTES ? 'bytes' : 'payloads')
      if (least === undefined) return true
      this.#drop(least.transfer)
      if (least.transfer === added) return false
    }
    return true
  }

  /** The feed goes on without a payload that is not complete. */
  #drop({ key, feed, payload, missing }: Transfer): void {
    this.#transfers.delete(key)
    this.#bytes -= payload.length
    if (missing > 0 && feed.state === 'proven') this.#completed(feed)
  }

  /** The whole payload; `undefined` until it is complete. An invalid table or a dropped transfer gives an empty one. */
  payload(feed: Feed, { sequence }: Post): Uint8Array | undefined {
    const transfer = this.#transferOf(feed, sequence)
    if (transfer === undefined) return new Uint8Array()
    return transfer.missing === 0 ? transfer.payload : undefined
  }

  /** Indexes of feeds are given again. */
  #transferOf(feed: Feed, sequence: number): Transfer | undefined {
    const transfer = this.#transfers.get(postKey(feed.index, sequence))
    return transfer?.feed === feed ? transfer : undefined
  }

  chunk(from: Neighbour, chunk: Chunk): void {
    const { alias, sequence, index, data } = chunk
    const feed = this.#feeds.meant(from, alias)
    if (feed === undefined || feed.state === 'refused') return
    const transfer = this.#transferOf(feed, sequence)
    if (transfer === undefined) {
      if (!feed.has(sequence)) this.#early.keep(from, feed, chunk, this.#context.now)
      return
    }
    if (transfer.has[index] !== false) return
    const size = Math.min(CHUNK_BYTES, transfer.payload.length - index * CHUNK_BYTES)
    if (data.length !== size || !matches(transfer.post.payload, index, this.#context.effects.hash(data)))
      return this.#context.penalise(from, 'forged')
    transfer.payload.set(data, index * CHUNK_BYTES)
    transfer.has[index] = true
    transfer.missing--
    transfer.changedAt = this.#context.now
    transfer.movedAt = this.#context.now
    transfer.requests = 0
    const { earlyChunks } = this.#context.options.mechanisms
    if (earlyChunks) for (const child of transfer.children) if (child !== from) this.#send(transfer, child, index)
    if (transfer.missing > 0) return
    if (!earlyChunks) this.#sendAll(transfer)
    this.#receipts.completed(transfer.feed, transfer.post.sequence)
    this.#completed(transfer.feed)
  }

  /** The neighbour gets the chunks from this one on, and those that follow. */
  serve(feed: Feed, sequence: number, to: Neighbour, first: number): void {
    const transfer = this.#transferOf(feed, sequence)
    if (transfer === undefined) return
    transfer.children.add(to)
    this.#sendFrom(transfer, to, first)
  }

  /** The neighbour gets the posts of this feed by another edge, or its edge ended. */
  stop(to: Neighbour, feed?: Feed): void {
    if (feed === undefined) this.#early.forget(to)
    for (const transfer of this.#transfers.values())
      if (feed === undefined || transfer.feed === feed) transfer.children.delete(to)
  }

  /** Chunk by chunk, so that all children can forward at once. */
  #sendAll(transfer: Transfer): void {
    for (let index = 0; index < transfer.has.length; index++)
      for (const child of transfer.children) this.#send(transfer, child, index)
  }

  #sendFrom(transfer: Transfer, to: Neighbour, first: number): void {
    for (let index = first; index < transfer.has.length; index++) {
      if (transfer.has[index] !== true) continue
      if (!to.large.take(CHUNK_BYTES, this.#context.now)) return
      this.#send(transfer, to, index)
    }
  }

  #send({ feed, post, payload }: Transfer, to: Neighbour, index: number): void {
    if (!to.isLive) return
    const data = chunkOf(payload, index)
    this.#context.send(to, { type: 'chunk', alias: feed.index, sequence: post.sequence, index, data })
  }

  wake(): void {
    const { now } = this.#context
    this.dueAt = Number.POSITIVE_INFINITY
    for (const transfer of this.#transfers.values()) {
      if (transfer.missing === 0) continue
      const wait = this.#context.options.mechanisms.earlyChunks ? STALLED : 60 * STALLED
      if (transfer.changedAt + wait <= now && !this.#ask(transfer)) {
        this.#drop(transfer)
        continue
      }
      this.dueAt = Math.min(this.dueAt, transfer.changedAt + wait)
    }
  }

  /** False when it was asked for often enough. */
  #ask(transfer: Transfer): boolean {
    const { feed, post } = transfer
    transfer.changedAt = this.#context.now
    const knowing = this.#context.live().filter(({ feeds }) => feeds.includes(feed))
    const source = this.#context.pick(knowing)
    if (source === undefined) return true
    if (transfer.requests++ >= MAX_REQUESTS) return false
    const yourAlias = source.feeds.indexOf(feed)
    const chunk = 1 + transfer.has.indexOf(false)
    this.#context.send(source, { type: 'want', yourAlias, first: post.sequence, count: 1, chunk })
    return true
  }
}

function useOf(transfer: Transfer): TransferUse & { transfer: Transfer } {
  const { feed, post, payload, has, missing, movedAt } = transfer
  // A feed that lost its place delivers nothing more.
  const isDelivered = feed.state !== 'proven' || (missing === 0 && post.sequence < (feed.next ?? 0))
  return { transfer, sender: feed.sender, bytes: payload.length, received: has.length - missing, movedAt, isDelivered }
}
