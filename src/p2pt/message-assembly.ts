/** Assembles the chunks that one peer with the published `p2pt` sends. Knows no channel; the caller passes the time. */
import {
  LEAST_CHUNK_LENGTH,
  MAX_OPEN,
  MAX_TEXT_LENGTH,
  messageOf,
  P2PTFrameError,
  type StockFrame,
  type StockMessage,
} from './stock-codec.js'

interface Unfinished {
  readonly parts: string[]
  length: number
  /** When its latest chunk arrived. */
  at: number
}

/** The channel is ordered and reliable, so a chunk that is not the next one makes its message unrecoverable. */
export class MessageAssembly {
  /** In the order of their latest chunks. */
  readonly #unfinished = new Map<string, Unfinished>()
  readonly #jsonLimit: number
  #length = 0

  /** `jsonLimit`: the longest JSON text of a message that this side takes, in characters. */
  constructor(jsonLimit: number) {
    this.#jsonLimit = jsonLimit
  }

  /** Number of unfinished messages. */
  get size(): number {
    return this.#unfinished.size
  }

  /** Characters of unfinished messages. A chunk counts as at least 256, so that empty chunks are bounded, too. */
  get length(): number {
    return this.#length
  }

  /** Returns the message, if this was its last chunk. Throws only a {@link P2PTFrameError}. */
  add({ id, text, chunk, last, isJson }: StockFrame, now: number): StockMessage | undefined {
    const key = String(id) // the package takes 1 and '1' for the same id, too
    const known = this.#take(key)
    if (chunk !== (known?.parts.length ?? 0)) throw new P2PTFrameError('out-of-order')
    const length = (known?.length ?? 0) + Math.max(text.length, LEAST_CHUNK_LENGTH)
    if (this.#length + length > MAX_TEXT_LENGTH) throw new P2PTFrameError('too-large')
    if (isJson && length > this.#jsonLimit) throw new P2PTFrameError('too-much-json')
    if (last) return { id, message: messageOf(known === undefined ? text : known.parts.join('') + text, isJson) }
    if (this.#unfinished.size >= MAX_OPEN) throw new P2PTFrameError('too-many')
    const unfinished = known ?? { parts: [], length: 0, at: now }
    unfinished.parts.push(text)
    unfinished.length = length
    unfinished.at = now
    this.#unfinished.set(key, unfinished)
    this.#length += unfinished.length
    return undefined
  }

  /** Drops messages without a chunk since then; returns their number. */
  expire(since: number): number {
    let expired = 0
    for (const [key, { at }] of this.#unfinished) {
      if (at > since) break
      this.#take(key)
      expired++
    }
    return expired
  }

  clear(): void {
    this.#unfinished.clear()
    this.#length = 0
  }

  #take(key: string): Unfinished | undefined {
    const unfinished = this.#unfinished.get(key)
    if (unfinished === undefined) return undefined
    this.#unfinished.delete(key)
    this.#length -= unfinished.length
    return unfinished
  }
}
