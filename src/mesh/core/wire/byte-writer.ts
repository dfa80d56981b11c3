/** Writes numbers, ids and bytes into a buffer that grows. Knows nothing of messages. */
import { utf8 } from '../../../core/bytes.js'
import { ID_BYTES, type Id } from '../../../core/id.js'

export class ByteWriter {
  #bytes = new Uint8Array(256)
  #length = 0

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** A big-endian number of that many bytes, at most 6. */
  fixed(value: number, length: number): void {
    for (let i = length - 1; i >= 0; i--) this.u8(Math.floor(value / 256 ** i) % 256)
  }

  varint(value: number): void {
    let left = value
    for (; left >= 0x80; left = Math.floor(left / 128)) this.u8((left % 128) | 0x80)
    this.u8(left)
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  id(id: Id): void {
    for (let i = 0; i < ID_BYTES; i++) this.u8(Number.parseInt(id.slice(2 * i, 2 * i + 2), 16))
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.varint(items.length)
    for (const item of items) write(item)
  }

  ids(ids: readonly Id[]): void {
    this.list(ids, id => this.id(id))
  }

  text(text: string): void {
    const bytes = utf8.encode(text)
    this.varint(bytes.length)
    this.bytes(bytes)
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}
