/** Whom we know already, in a few bytes that travel with a question: a bloom filter with a salt of its own. Pure. */
import { concatBytes, sha256 } from '../../core/bytes.js'
import { idBytes, type Id } from '../../core/id.js'
import { MAX_FILTER } from './wire.js'

/** Fresh for each question: whoever is taken for somebody known this time is not the next time, nor can anybody choose to be. */
export const SALT_BYTES = 4
/** One id in a hundred is taken for a known one. */
const BITS_PER_ID = 10
const HASHES = 7

/** The filter as it travels: the salt, then the bits. */
export function makeFilter(ids: readonly Id[], salt: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = Math.min(Math.ceil((ids.length * BITS_PER_ID) / 8), MAX_FILTER - SALT_BYTES)
  const filter = concatBytes(salt, new Uint8Array(size))
  for (const id of ids) for (const { at, mask } of places(filter, id)) filter[at] = (filter[at] ?? 0) | mask
  return filter
}

/** Whether this id is likely to be in it. Anybody may have made the filter: of one that is too short there is no bit to find. */
export function holds(filter: Uint8Array, id: Id): boolean {
  return places(filter, id).every(({ at, mask }) => ((filter[at] ?? 0) & mask) !== 0)
}

function places(filter: Uint8Array, id: Id): Array<{ at: number; mask: number }> {
  const bits = (filter.length - SALT_BYTES) * 8
  const hash = sha256(concatBytes(filter.subarray(0, SALT_BYTES), idBytes(id)))
  const numbers = new DataView(hash.buffer, hash.byteOffset, hash.length)
  return Array.from({ length: HASHES }, (_, i) => {
    const bit = numbers.getUint32(4 * i) % bits
    return { at: SALT_BYTES + (bit >> 3), mask: 1 << (bit & 7) }
  })
}
