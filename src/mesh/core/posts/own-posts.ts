/** Numbers and sends the posts of this node. Decides whether its feed deserves a tree of its own. */
import { chunkTable } from '../recovery/chunk-table.js'
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from './feed.js'
import type { FeedTable } from './feed-table.js'
import type { Post, Redundancy } from '../wire/messages.js'
import { MAX_PAYLOAD } from '../wire/wire-format.js'

export interface PublishOptions {
  redundancy?: Redundancy
  /** The sender hears how many members got it. */
  confirm?: boolean
}

/** While more feeds than this have posts within {@link ACTIVE}, a sender with less than one post in {@link RARE} uses the island's tree. */
const MAX_TREES = 64
/** In ms. */
const ACTIVE = 60_000
const RARE = 1_000

/** A post before it is signed. `payload` is what the signature covers: of a large payload the table of its chunks. */
export type UnsignedPost = Pick<Post, 'sequence' | 'payload' | 'large'> & Pick<Feed, 'epoch' | 'topic'>

export class OwnPosts {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #send: (feed: Feed, post: Post) => void
  /** Large payloads by their table. */
  readonly #payloads = new WeakMap<Uint8Array, Uint8Array>()

  constructor(context: MeshContext, feeds: FeedTable, send: (feed: Feed, post: Post) => void) {
    this.#context = context
    this.#feeds = feeds
    this.#send = send
  }

  /** The next post of this topic. It has to be published, or dropped, before the next one is prepared. */
  prepare(topic: string, payload: Uint8Array): UnsignedPost {
    const { epoch, next: sequence = 0 } = this.#feeds.own(topic)
    const large = payload.length > MAX_PAYLOAD
    if (!large) return { topic, epoch, sequence, payload, large }
    const table = chunkTable(payload, data => this.#context.effects.hash(data))
    this.#payloads.set(table, payload)
    return { topic, epoch, sequence, payload: table, large }
  }

  publish(
    { topic, sequence, payload, large }: UnsignedPost,
    signature: Uint8Array,
    { redundancy = 'tree', confirm = false }: PublishOptions,
  ): void {
    const feed = this.#feeds.own(topic)
    const ownTree = this.#deservesTree(feed)
    this.#feeds.advance(feed, sequence + 1)
    feed.activeAt = this.#context.now
    this.#send(feed, { sequence, payload, large, redundancy, confirm, ownTree, signature })
  }

  /** The payload of an own large post. */
  payloadOf({ payload }: Post): Uint8Array | undefined {
    return this.#payloads.get(payload)
  }

  #deservesTree(feed: Feed): boolean {
    const { options, now } = this.#context
    if (!options.mechanisms.ownTrees) return false
    if (now - feed.activeAt < RARE && (feed.next ?? 0) > 0) return true
    let active = 0
    for (const other of this.#feeds.all) if (now - other.activeAt < ACTIVE) active++
    return active <= MAX_TREES
  }
}
