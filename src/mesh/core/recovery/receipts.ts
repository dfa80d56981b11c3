/**
 * Tells the sender of a post how many members got it. Each node reports itself and what its children reported to the neighbour that the post
 * came from; several reports within a moment become one. Only posts with `confirm` cost this.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from '../posts/feed.js'
import type { FeedTable } from '../posts/feed-table.js'
import type { Post, Receipt } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { postKey } from '../posts/post-key.js'
import { MAX_MEMBERS } from '../wire/wire-format.js'

/** In ms: reports of the children that arrive within it are told together. */
const GATHER = 100
/** Posts whose reports are passed on: about as many as a member can send and confirm in a second. */
const MAX_OPEN = 4_096
/** Members by which a small mesh may have grown since it was counted. */
const MARGIN = 100

interface OpenReceipt {
  feed: Feed
  sequence: number
  /** The neighbour that the post came from; `undefined` for an own post. */
  parent: Neighbour | undefined
  /** Members that are reported to the parent, or counted at the sender. */
  told: number
  untold: number
  /** Neighbours that reported. */
  readonly children: Set<Neighbour>
}

export class Receipts {
  readonly #context: MeshContext
  readonly #feeds: FeedTable
  readonly #open = new Map<number, OpenReceipt>()
  dueAt = Number.POSITIVE_INFINITY

  constructor(context: MeshContext, feeds: FeedTable) {
    this.#context = context
    this.#feeds = feeds
  }

  /** A post is new here. A member has a large one when its payload is complete: see {@link completed}. */
  taken(feed: Feed, { sequence, confirm, large }: Post, parent: Neighbour | undefined, hasChildren: boolean): void {
    if (!confirm) return
    const key = postKey(feed.index, sequence)
    const untold = parent === undefined || large ? 0 : 1
    this.#open.set(key, { feed, sequence, parent, told: 0, untold, children: new Set() })
    if (this.#open.size > MAX_OPEN) for (const oldest of this.#open.keys()) if (oldest !== key) return this.#drop(oldest)
    this.#soon(hasChildren ? GATHER : 0)
  }

  /** The payload of a large post is complete. */
  completed(feed: Feed, sequence: number): void {
    const receipt = this.#open.get(postKey(feed.index, sequence))
    if (receipt?.parent === undefined) return
    receipt.untold++
    this.#soon(0)
  }

  #drop(key: number): void {
    const receipt = this.#open.get(key)
    if (receipt !== undefined && receipt.untold > 0) this.#tell(receipt)
    this.#open.delete(key)
  }

  receipt(from: Neighbour, { yourAlias, sequence, count }: Receipt): void {
    const receipt = this.#open.get(postKey(yourAlias, sequence))
    if (receipt === undefined || from === receipt.parent) return
    receipt.children.add(from)
    // A node can claim any number: not much more than there are members, whose count is some seconds old.
    const most = Math.min(2 * this.#context.size + MARGIN, MAX_MEMBERS)
    receipt.untold = Math.min(receipt.untold + count, most - receipt.told)
    this.#soon(receipt.parent === undefined ? 0 : GATHER)
  }

  #soon(delay: number): void {
    this.dueAt = Math.min(this.dueAt, this.#context.now + delay)
  }

  wake(): void {
    this.dueAt = Number.POSITIVE_INFINITY
    for (const receipt of this.#open.values()) if (receipt.untold > 0) this.#tell(receipt)
  }

  #tell(receipt: OpenReceipt): void {
    const { feed, sequence, untold } = receipt
    const parent = receipt.parent && this.#parentOf(receipt)
    if (receipt.parent !== undefined && parent === undefined) return // `tick` tries again
    receipt.told += untold
    receipt.untold = 0
    if (parent === undefined) this.#context.effects.reached(feed.topic, sequence, receipt.told)
    else this.#context.send(parent, { type: 'receipt', yourAlias: parent.feeds.indexOf(feed), sequence, count: untold })
  }

  /** The neighbour that the post came from or, when its edge has ended, another one that may be nearer to the sender. */
  #parentOf({ feed, parent, children }: OpenReceipt): Neighbour | undefined {
    const live = this.#context.live().filter(({ feeds }) => feeds.includes(feed))
    const near = [parent, ...feed.parents].find(each => each !== undefined && live.includes(each))
    return near ?? live.find(neighbour => !children.has(neighbour))
  }

  /** Feeds can lose their place: their receipts end. Reports that reached no neighbour are told again. */
  tick(): void {
    for (const [key, { feed, untold }] of this.#open)
      if (this.#feeds.at(feed.index) !== feed) this.#open.delete(key)
      else if (untold > 0) this.#soon(0)
  }
}
