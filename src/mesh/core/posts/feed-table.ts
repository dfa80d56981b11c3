/**
 * All feeds of a node, and their digest. A feed that a neighbour only names is `claimed`: it has no place in the table, no part in the digest and
 * no influence on another feed. A post with a valid signature makes it `proven`, and takes the place of an earlier epoch of the same feed.
 *
 * Bounded: the quietest feed makes room for a new one, and a sender's own quietest one when it has many.
 */
import { BoundedMap } from '../../../core/bounded-map.js'
import { toHex } from '../../../core/bytes.js'
import type { Id } from '../../../core/id.js'
import type { MeshContext } from '../mesh-context.js'
import { Feed } from './feed.js'
import type { OpenFeed } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { feedIndexOf } from './post-key.js'

/** Also the bound of aliases, and so of the feeds that one neighbour can claim. */
export const MAX_FEEDS = 4_096
/** Feeds that lost their place, and are remembered by epoch and number so that their old posts stay refused. */
const MAX_FORMER = 32_768
/** Feeds of one sender: a key with a million topics takes a sixteenth of the table. */
export const MAX_FEEDS_OF_SENDER = 256

type FeedName = Pick<Feed, 'sender' | 'key' | 'epoch' | 'topic'>

/** What an alias means whose feed this node does not take. */
const REFUSED = new Feed({ sender: '', key: new Uint8Array(), epoch: 0, topic: '' })
REFUSED.state = 'refused'

export class FeedTable {
  readonly #context: MeshContext
  /** Proven feeds by their index. */
  readonly #feeds: Feed[] = []
  readonly #byName = new Map<string, Feed>()
  /** Feeds that at least one neighbour claims, so that all its claimants share what is known of it. */
  readonly #claimed = new Map<string, Feed>()
  readonly #former = new BoundedMap<string, { epoch: number; next: number }>(MAX_FORMER)
  /** Equal on two nodes that have the same posts of the same feeds, but for one case in 2^32. */
  digest = 0

  constructor(context: MeshContext) {
    this.#context = context
  }

  /** All proven feeds, in the order of their indexes. */
  get all(): readonly Feed[] {
    return this.#feeds
  }

  /** Feeds that are claimed and not proven. */
  get claimed(): number {
    return this.#claimed.size
  }

  at(index: number): Feed | undefined {
    return this.#feeds[index]
  }

  named(sender: Id, topic: string): Feed | undefined {
    return this.#byName.get(nameOf(sender, topic))
  }

  /** This node's own feed of a topic. */
  own(topic: string): Feed {
    const { id, key, epoch } = this.#context.options
    const known = this.named(id, topic)
    if (known !== undefined) return known
    const feed = new Feed({ sender: id, key, epoch, topic })
    this.#place(feed)
    feed.next = 0
    return feed
  }

  /** A neighbour gave a feed an alias. */
  open(from: Neighbour, message: OpenFeed): void {
    const { alias } = message
    if (alias >= MAX_FEEDS) return this.#context.penalise(from, 'malformed')
    this.#release(from.feeds[alias])
    const feed = this.#resolve(from, message)
    if (feed !== REFUSED) feed.claims++
    from.feeds[alias] = feed
  }

  /** The feed of that name. A feed of an epoch before the proven one is refused, so that old posts stay refused. */
  #resolve(from: Neighbour, name: FeedName): Feed {
    const { id, now, counts } = this.#context
    const known = this.named(name.sender, name.topic)
    if (known?.epoch === name.epoch) return known
    const former = this.#former.get(nameOf(name.sender, name.topic))
    if (name.sender === id || (known ?? former ?? name).epoch > name.epoch) return REFUSED
    const claim = claimOf(name)
    const claimed = this.#claimed.get(claim)
    if (claimed !== undefined) return claimed
    if (!from.claims.take(1, now)) {
      counts.refusedFeeds++
      this.#context.penalise(from, 'overRate')
      return REFUSED
    }
    const feed = new Feed(name)
    if (former?.epoch === name.epoch) feed.past = former.next
    this.#claimed.set(claim, feed)
    return feed
  }

  /** The feed that a neighbour means by one of its aliases; `undefined` when it never opened that alias. */
  meant(from: Neighbour, alias: number): Feed | undefined {
    const feed = from.feeds[alias]
    if (feed?.state === 'claimed' && (this.named(feed.sender, feed.topic)?.epoch ?? -1) >= feed.epoch) feed.state = 'refused'
    return feed
  }

  /** Whether a post from this neighbour may prove a claimed feed. It is asked before the signature is verified. */
  mayProve(feed: Feed, from: Neighbour): boolean {
    if (feed.state === 'proven') return true
    if (from.newFeeds.left(this.#context.now) >= 1) return true
    this.#context.counts.refusedFeeds++
    return false
  }

  /** A post of the feed has a valid signature. False when the feed is refused all the same. */
  prove(feed: Feed, from: Neighbour): boolean {
    if (feed.state === 'proven') return true
    const known = this.named(feed.sender, feed.topic)
    if (known !== undefined && known.epoch >= feed.epoch) feed.state = 'refused'
    if (feed.state === 'refused') return false
    from.newFeeds.charge(1, this.#context.now)
    this.#place(feed)
    if (feed.past > 0) this.advance(feed, feed.past)
    return true
  }

  /** Gives the neighbour this node's alias of the feed, unless it has it. */
  introduce(feed: Feed, to: Neighbour): void {
    if (to.opened.has(feed.index)) return
    to.opened.add(feed.index)
    const { index: alias, sender, key, epoch, topic } = feed
    this.#context.send(to, { type: 'open-feed', alias, sender, key, epoch, topic })
  }

  /** Sets what comes next, and the digest with it. */
  advance(feed: Feed, next: number): void {
    if (feed.next !== undefined) this.digest = (this.digest ^ digestOf(feed, feed.next)) >>> 0
    feed.next = next
    this.digest = (this.digest ^ digestOf(feed, next)) >>> 0
  }

  /** Forgets the neighbour in all trees. */
  forget(neighbour: Neighbour): void {
    for (const feed of this.#feeds) feed.forget(neighbour)
  }

  /** The edge of the neighbour ended: its claims end with it. */
  closed(neighbour: Neighbour): void {
    for (const feed of neighbour.feeds) this.#release(feed)
    neighbour.feeds.length = 0
  }

  #release(feed: Feed | undefined): void {
    if (feed === undefined || feed === REFUSED) return
    feed.claims--
    if (feed.claims === 0 && feed.state !== 'proven') this.#claimed.delete(claimOf(feed))
  }

  #place(feed: Feed): void {
    const earlier = this.named(feed.sender, feed.topic)
    const displaced = earlier ?? this.#displaced(feed)
    const index = displaced?.index ?? this.#feeds.length
    if (displaced !== undefined) this.#remove(displaced, displaced === earlier ? 'refused' : 'claimed')
    this.#claimed.delete(claimOf(feed))
    this.#former.delete(nameOf(feed.sender, feed.topic))
    feed.state = 'proven'
    feed.index = index
    feed.activeAt = this.#context.now
    this.#feeds[index] = feed
    this.#byName.set(nameOf(feed.sender, feed.topic), feed)
  }

  /** The feed that makes room for a new one; `undefined` while there is room. */
  #displaced({ sender }: Feed): Feed | undefined {
    const { id } = this.#context
    const same = sender === id ? [] : this.#feeds.filter(feed => feed.sender === sender)
    const isMany = same.length >= MAX_FEEDS_OF_SENDER
    if (!isMany && this.#feeds.length < MAX_FEEDS) return undefined
    let quietest: Feed | undefined
    for (const feed of isMany ? same : this.#feeds)
      if (feed.sender !== id && feed.activeAt < (quietest?.activeAt ?? Number.POSITIVE_INFINITY)) quietest = feed
    return quietest
  }

  /** Neighbours may go on to mean the feed by their aliases. */
  #remove(feed: Feed, state: 'claimed' | 'refused'): void {
    const { sender, topic, epoch, index, next } = feed
    if (next !== undefined) this.digest = (this.digest ^ digestOf(feed, next)) >>> 0
    this.#byName.delete(nameOf(sender, topic))
    for (const neighbour of this.#context.neighbours.values()) {
      neighbour.opened.delete(index)
      neighbour.unannounced = neighbour.unannounced.filter(key => feedIndexOf(key) !== index)
    }
    feed.clear()
    feed.state = state
    if (state === 'refused') return
    if (next !== undefined) this.#former.set(nameOf(sender, topic), { epoch, next })
    feed.past = next ?? feed.past
    if (feed.claims > 0) this.#claimed.set(claimOf(feed), feed)
  }
}

function nameOf(sender: string, topic: string): string {
  return `${sender}${topic}`
}

/** With the key, which only a signature ties to the sender: a claim with a wrong key must not spoil the right one. */
function claimOf({ sender, key, epoch, topic }: FeedName): string {
  return `${sender}${toHex(key)}${epoch} ${topic}`
}

/** FNV-1a over the sender, the epoch and the number, then mixed, because a number that rises by one must change all bits. */
function digestOf(feed: Feed, next: number): number {
  if (next === 0) return 0 // a feed without posts is the same as none
  let hash = 0x811c9dc5
  for (let i = 0; i < 16; i++) hash = Math.imul(hash ^ feed.sender.charCodeAt(i), 0x01000193)
  for (let i = 0; i < feed.topic.length; i++) hash = Math.imul(hash ^ feed.topic.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (feed.epoch % 2 ** 32) ^ Math.imul(next + 1, 0x9e3779b1), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
