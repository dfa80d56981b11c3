/**
 * Chunks that arrive while the signature of their table is verified: a neighbour sends both at once, and without them the node would ask for each
 * first chunk again, a second later.
 */
import type { Feed } from './feed.js'
import type { Chunk } from './messages.js'
import type { Neighbour } from './neighbour.js'
import { VERDICT_TIMEOUT } from './verdicts.js'

/** Of one neighbour, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024

interface EarlyChunk {
  feed: Feed
  chunk: Chunk
  at: number
}

export class EarlyChunks {
  readonly #chunks = new Map<Neighbour, EarlyChunk[]>()

  keep(from: Neighbour, feed: Feed, chunk: Chunk, now: number): void {
    const kept = (this.#chunks.get(from) ?? []).filter(({ at }) => now - at < VERDICT_TIMEOUT)
    this.#chunks.set(from, kept)
    const bytes = kept.reduce((sum, { chunk: { data } }) => sum + data.length, chunk.data.length)
    if (bytes <= MAX_BYTES) kept.push({ feed, chunk, at: now })
  }

  /** Returns and forgets the chunks of a post. */
  take(feed: Feed, sequence: number): Array<{ from: Neighbour; chunk: Chunk }> {
    const taken: Array<{ from: Neighbour; chunk: Chunk }> = []
    for (const [from, chunks] of this.#chunks) {
      const others = chunks.filter(early => early.feed !== feed || early.chunk.sequence !== sequence)
      for (const { feed: of, chunk } of chunks) if (of === feed && chunk.sequence === sequence) taken.push({ from, chunk })
      if (others.length > 0) this.#chunks.set(from, others)
      else this.#chunks.delete(from)
    }
    return taken
  }

  forget(neighbour: Neighbour): void {
    this.#chunks.delete(neighbour)
  }
}
