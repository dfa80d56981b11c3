/** The table of a large payload, which is posted in its place: its size, and the first 16 bytes of the hash of each chunk. Pure functions. */
import { MAX_PAYLOAD } from '../wire/wire-format.js'

export const CHUNK_BYTES = MAX_PAYLOAD
/** In bytes: 4 MiB of a message and the byte of its form. Larger ones belong into a torrent, of which the post names the info hash. */
export const MAX_LARGE = 4 * 1024 * 1024 + 1
const HASH_BYTES = 16
const SIZE_BYTES = 4

export function chunkTable(payload: Uint8Array, hash: (data: Uint8Array) => Uint8Array): Uint8Array {
  const count = Math.ceil(payload.length / CHUNK_BYTES)
  const table = new Uint8Array(SIZE_BYTES + HASH_BYTES * count)
  new DataView(table.buffer).setUint32(0, payload.length)
  for (let index = 0; index < count; index++)
    table.set(hash(chunkOf(payload, index)).subarray(0, HASH_BYTES), SIZE_BYTES + HASH_BYTES * index)
  return table
}

export function chunkOf(payload: Uint8Array, index: number): Uint8Array {
  return payload.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
}

/** The size of the payload and the number of its chunks; `undefined` when the table is none. */
export function readTable(table: Uint8Array): { size: number; count: number } | undefined {
  if (table.length < SIZE_BYTES) return undefined
  const size = new DataView(table.buffer, table.byteOffset).getUint32(0)
  const count = Math.ceil(size / CHUNK_BYTES)
  return size > 0 && size <= MAX_LARGE && table.length === SIZE_BYTES + HASH_BYTES * count ? { size, count } : undefined
}

/** Whether the chunk is the one of that index. */
export function matches(table: Uint8Array, index: number, hash: Uint8Array): boolean {
  const at = SIZE_BYTES + HASH_BYTES * index
  for (let i = 0; i < HASH_BYTES; i++) if (table[at + i] !== hash[i]) return false
  return true
}
