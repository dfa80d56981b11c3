/**
 * Posts that neighbours announced and that have not arrived. If the tree does not bring a post within a delay that follows what was measured,
 * it is grafted: asked for from a neighbour that announced it, which sends the posts of the feed from then on.
 */
import type { MeshContext } from '../mesh-context.js'
import type { Feed } from './feed.js'
import type { Neighbour } from '../neighbour.js'

/** Missing posts that one neighbour was the first to announce. Beyond it announcements are not remembered: vectors find the rest. */
const MAX_MISSING = 1_024
/** Neighbours that are remembered for one post. */
const MAX_SOURCES = 8
/** Of the delay before a graft, in ms. */
const SHORTEST_DELAY = 15
const LONGEST_DELAY = 500
/** Between two grafts of a post, however slowly the neighbour answers. In ms. */
const LONGEST_WAIT = 1_000
/** Each source is asked this many times. */
const MAX_ROUNDS = 2

interface Source {
  neighbour: Neighbour
  alias: number
}

export interface MissingPost {
  readonly feed: Feed
  readonly sequence: number
  readonly sources: Source[]
  /** The neighbour that announced it first. */
  readonly by: Neighbour
  readonly since: number
  dueAt: number
  /** How often it was asked for. */
  asked: number
  /** The neighbour that was asked last and did not send it. */
  unkept: Neighbour | undefined
}

export class MissingPosts {
  readonly #context: MeshContext
  readonly #ask: (source: Source, missing: MissingPost) => void
  readonly #missing = new Map<Feed, Map<number, MissingPost>>()
  size = 0
  /** When the next one is due. */
  dueAt = Number.POSITIVE_INFINITY
  /** Posts come later by the island's tree than by the tree of their sender. */
  readonly #own = new Lateness()
  readonly #shared = new Lateness()

  constructor(context: MeshContext, ask: (source: Source, missing: MissingPost) => void) {
    this.#context = context
    this.#ask = ask
  }

  /** The lowest missing sequence of the feed; infinite when there is none. */
  lowest(feed: Feed): number {
    return Math.min(...(this.#missing.get(feed)?.keys() ?? []))
  }

  /** The missing posts of the feed. */
  of(feed: Feed): MissingPost[] {
    return [...(this.#missing.get(feed)?.values() ?? [])]
  }

  /** Returns false when no more is remembered of this neighbour. */
  announced(neighbour: Neighbour, alias: number, feed: Feed, sequence: number): boolean {
    let posts = this.#missing.get(feed)
    const known = posts?.get(sequence)
    if (known !== undefined) {
      if (known.sources.length < MAX_SOURCES && !known.sources.some(source => source.neighbour === neighbour))
        known.sources.push({ neighbour, alias })
      return true
    }
    if (neighbour.missing >= MAX_MISSING) return false
    const { now } = this.#context
    const dueAt = now + (feed.eager === undefined ? this.#shared : this.#own).delay
    const sources = [{ neighbour, alias }]
    if (posts === undefined) this.#missing.set(feed, (posts = new Map<number, MissingPost>()))
    posts.set(sequence, { feed, sequence, sources, by: neighbour, since: now, dueAt, asked: 0, unkept: undefined })
    neighbour.missing++
    this.size++
    if (dueAt < this.dueAt) this.dueAt = dueAt
    return true
  }

  /** The post arrived. Returns what was known of it. */
  arrived(feed: Feed, sequence: number, ownTree: boolean): MissingPost | undefined {
    const missing = this.#missing.get(feed)?.get(sequence)
    if (missing === undefined) {
      if (ownTree) this.#own.learn(0)
      return undefined
    }
    this.#remove(missing)
    // A post that was asked for may only have been late: the next delay is longer.
    ;(ownTree ? this.#own : this.#shared).learn(this.#context.now - missing.since)
    return missing
  }

  /** The neighbour sent the post, and it is not taken yet, or not at all: the neighbour broke no promise. */
  sent(feed: Feed, sequence: number, by: Neighbour): void {
    const missing = this.#missing.get(feed)?.get(sequence)
    if (missing?.unkept === by) missing.unkept = undefined
  }

  #remove({ feed, sequence, by }: MissingPost): void {
    const posts = this.#missing.get(feed)
    posts?.delete(sequence)
    if (posts?.size === 0) this.#missing.delete(feed)
    by.missing--
    this.size--
  }

  /** Sends the grafts that are due. */
  wake(): void {
    const { now } = this.#context
    this.dueAt = Number.POSITIVE_INFINITY
    for (const posts of this.#missing.values())
      for (const missing of posts.values()) {
        if (missing.dueAt <= now && !this.#askNext(missing)) this.#remove(missing)
        else if (missing.dueAt < this.dueAt) this.dueAt = missing.dueAt
      }
  }

  forget(neighbour: Neighbour): void {
    for (const posts of this.#missing.values())
      for (const { sources } of posts.values()) {
        const at = sources.findIndex(source => source.neighbour === neighbour)
        if (at >= 0) sources.splice(at, 1)
      }
  }

  /** False when no source is left to ask. */
  #askNext(missing: MissingPost): boolean {
    const { sources, feed } = missing
    if (feed.state === 'refused' || feed.has(missing.sequence) || missing.asked >= MAX_ROUNDS * Math.max(1, sources.length))
      return false
    for (let tried = 0; tried < sources.length; tried++) {
      const source = sources[(missing.asked + tried) % sources.length]
      if (source === undefined || !source.neighbour.isLive) continue
      missing.asked += tried + 1
      missing.dueAt = this.#context.now + Math.min(LONGEST_WAIT, 2 * source.neighbour.rtt + 50)
      this.#ask(source, missing)
      missing.unkept = source.neighbour
      return true
    }
    return false
  }
}

/** How long after its first announcement a post comes by a tree: mean and mean deviation. */
class Lateness {
  #mean = 20
  #deviation = 10

  learn(lateness: number): void {
    this.#deviation += (Math.abs(lateness - this.#mean) - this.#deviation) / 8
    this.#mean += (lateness - this.#mean) / 8
  }

  /** After this time the post will hardly come by the tree. */
  get delay(): number {
    return Math.min(LONGEST_DELAY, Math.max(SHORTEST_DELAY, this.#mean + 4 * this.#deviation))
  }
}
