/** A queue of bytes for a reader. Joins small pieces, so that they cost little more memory than their bytes. Knows no channel and no time. */

/** Pieces below this size (bytes) are copied into one buffer. Larger ones are not copied, because copying every block costs throughput. */
export const JOINED_BELOW = 4 * 1024
/** Longest joined chunk, in bytes. */
const MAX_JOINED = 64 * 1024
/** First size of the buffer for joined pieces, in bytes; it doubles as more pieces arrive. */
const FIRST_JOINED = 512
/** Overhead of a `Uint8Array` with its own `ArrayBuffer` in V8: 200 to 250 bytes in Node 20 to 24. */
const CHUNK_OVERHEAD = 256
const NOTHING = new Uint8Array(0)

/** The memory that a chunk retains: its whole buffer, even if the chunk is a small view of it. */
export function chunkCost(chunk: Uint8Array): number {
  return chunk.buffer.byteLength + CHUNK_OVERHEAD
}

export class ChunkQueue {
  /** Finished chunks, oldest first. */
  readonly #whole: Uint8Array[] = []
  /** The buffer that small pieces are joined in; its first `#joined` bytes are used. */
  #joining = NOTHING
  #joined = 0
  #wholeCost = 0

  /** The memory that the queue retains, in bytes. */
  get cost(): number {
    return this.#wholeCost + (this.#joined > 0 ? chunkCost(this.#joining) : 0)
  }

  /** `whole`: the next chunk is finished. `partial`: further small pieces would be joined to it. */
  get next(): 'whole' | 'partial' | 'none' {
    if (this.#whole.length > 0) return 'whole'
    return this.#joined > 0 ? 'partial' : 'none'
  }

  push(piece: Uint8Array): void {
    if (piece.byteLength === 0) return
    if (piece.byteLength < JOINED_BELOW) return this.#join(piece)
    this.#seal()
    this.#add(piece)
  }

  take(): Uint8Array | undefined {
    if (this.#whole.length === 0) this.#seal()
    const chunk = this.#whole.shift()
    if (chunk !== undefined) this.#wholeCost -= chunkCost(chunk)
    return chunk
  }

  clear(): void {
    this.#whole.length = this.#wholeCost = this.#joined = 0
    this.#joining = NOTHING
  }

  #join(piece: Uint8Array): void {
    if (this.#joined + piece.byteLength > MAX_JOINED) this.#seal()
    const needed = this.#joined + piece.byteLength
    if (needed > this.#joining.byteLength) {
      const larger = new Uint8Array(Math.min(MAX_JOINED, Math.max(FIRST_JOINED, needed, 2 * this.#joining.byteLength)))
      larger.set(this.#joining.subarray(0, this.#joined))
      this.#joining = larger
    }
    this.#joining.set(piece, this.#joined)
    this.#joined = needed
    if (needed === MAX_JOINED) this.#seal()
  }

  /** Finishes the joined chunk. */
  #seal(): void {
    if (this.#joined === 0) return
    this.#add(this.#joining.subarray(0, this.#joined))
    this.#joining = NOTHING
    this.#joined = 0
  }

  #add(chunk: Uint8Array): void {
    this.#whole.push(chunk)
    this.#wholeCost += chunkCost(chunk)
  }
}
