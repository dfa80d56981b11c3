/**
 * Chunks that arrive while the signature of their table is verified: a neighbour sends both at once, and without them the node would ask for each
 * first chunk again, a second later.
 */
import type { Feed } from '../posts/feed.js'
import type { Chunk } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { VERDICT_TIMEOUT } from '../posts/verdicts.js'

/** Of one neighbour, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024
/** About the memory that a chunk takes besides its data. In bytes. */
const CHUNK_COST = 300

interface EarlyChunk {
  feed: Feed
  chunk: Chunk
  at: number
}

export class EarlyChunks {
  readonly #chunks = new Map<Neighbour, EarlyChunk[]>()
  /** What the chunks of each neighbour take. */
  readonly #bytes = new Map<Neighbour, number>()

  keep(from: Neighbour, feed: Feed, chunk: Chunk, now: number): void {
    let kept = this.#chunks.get(from) ?? []
    if (now - (kept[0]?.at ?? now) >= VERDICT_TIMEOUT) {
      kept = kept.filter(({ at }) => now - at < VERDICT_TIMEOUT)
      this.#keepOnly(from, kept)
    }
    const bytes = (this.#bytes.get(from) ?? 0) + costOf(chunk)
    if (bytes > MAX_BYTES) return
    kept.push({ feed, chunk, at: now })
    this.#chunks.set(from, kept)
    this.#bytes.set(from, bytes)
  }

  /** Returns and forgets the chunks of a post. */
  take(feed: Feed, sequence: number): Array<{ from: Neighbour; chunk: Chunk }> {
    const taken: Array<{ from: Neighbour; chunk: Chunk }> = []
    for (const [from, chunks] of this.#chunks) {
      const others = chunks.filter(early => early.feed !== feed || early.chunk.sequence !== sequence)
      for (const { feed: of, chunk } of chunks) if (of === feed && chunk.sequence === sequence) taken.push({ from, chunk })
      if (others.length < chunks.length) this.#keepOnly(from, others)
    }
    return taken
  }

  forget(neighbour: Neighbour): void {
    this.#keepOnly(neighbour, [])
  }

  #keepOnly(from: Neighbour, chunks: EarlyChunk[]): void {
    this.#chunks.delete(from)
    this.#bytes.delete(from)
    if (chunks.length === 0) return
    this.#chunks.set(from, chunks)
    this.#bytes.set(
      from,
      chunks.reduce((sum, { chunk }) => sum + costOf(chunk), 0),
    )
  }
}

function costOf({ data }: Chunk): number {
  return CHUNK_COST + data.length
}
