/** Bytes that wait for a reader. Small pieces are joined as they arrive, so that a byte costs about a byte. Knows no channel and no time. */

/** Pieces below this size are copied into one buffer. Larger ones are kept as they are: a copy of every block would cost throughput. */
export const JOINED_BELOW = 4 * 1024
/** A joined chunk is at most this long. */
const MAX_JOINED = 64 * 1024
/** The first buffer for joined pieces; it doubles as more pieces arrive. */
const FIRST_JOINED = 512
/** What V8 spends on a `Uint8Array` with an `ArrayBuffer` of its own beside the bytes: 200 to 250 bytes on Node 20 to 24. */
const CHUNK_OVERHEAD = 256
const NOTHING = new Uint8Array(0)

/** The memory that a chunk holds on to: all of its buffer, however little of it the chunk shows. */
export function chunkCost(chunk: Uint8Array): number {
  return chunk.buffer.byteLength + CHUNK_OVERHEAD
}

export class ChunkQueue {
  /** Chunks that no piece is added to any more, oldest first. */
  readonly #whole: Uint8Array[] = []
  /** Where small pieces are joined; the first `#joined` bytes are used. */
  #joining = NOTHING
  #joined = 0
  #wholeCost = 0

  /** The memory that the queue holds on to, in bytes. */
  get cost(): number {
    return this.#wholeCost + (this.#joined > 0 ? chunkCost(this.#joining) : 0)
  }

  /** `whole`: the next chunk is a large piece or a full buffer. `partial`: further small pieces would still be joined to it. */
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

  /** The oldest chunk, or undefined when the queue is empty. */
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

  /** Ends the chunk that small pieces were joined to. */
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
