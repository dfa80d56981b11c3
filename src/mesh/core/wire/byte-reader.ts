/** Reads numbers, ids and bytes from a message. Total: a read past the end sets `failed` and returns zeros. */
import { toHex } from '../../../core/bytes.js'
import { ID_BYTES, type Id } from '../../../core/id.js'

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** A varint of a number below 2^53. */
const MAX_VARINT = 8

export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0
  failed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  fail(): void {
    this.failed = true
  }

  u8(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) this.failed = true
    return byte ?? 0
  }

  /** A big-endian number of that many bytes, at most 6. */
  fixed(length: number): number {
    let value = 0
    for (let i = 0; i < length; i++) value = value * 256 + this.u8()
    return value
  }

  /** Seven bits a byte, the low ones first; the only encoding of a number is the shortest one. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < MAX_VARINT; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && i > 0) this.failed = true
        if (!Number.isSafeInteger(value)) this.failed = true
        return this.failed ? 0 : value
      }
      scale *= 128
    }
    this.failed = true
    return 0
  }

  /** A varint of at most `max`. */
  count(max: number): number {
    const value = this.varint()
    if (value <= max) return value
    this.failed = true
    return 0
  }

  bytes(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) {
      this.failed = true
      return new Uint8Array()
    }
    this.#at += length
    return this.#bytes.slice(this.#at - length, this.#at) // a copy, because the message may be a view of a large buffer
  }

  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at)
  }

  id(): Id {
    return toHex(this.bytes(ID_BYTES))
  }

  ids(max: number): Id[] {
    return this.list(max, () => this.id())
  }

  list<T>(max: number, read: () => T): T[] {
    const length = this.count(max)
    const items: T[] = []
    for (let i = 0; i < length && !this.failed; i++) items.push(read())
    return items
  }

  text(maxBytes: number): string {
    try {
      return text.decode(this.bytes(this.count(maxBytes)))
    } catch {
      this.failed = true
      return ''
    }
  }
}
