/** The ids that a querying peer knows already, as a salted bloom filter that its query carries. Pure. */
import { concatBytes, sha256, viewOf } from '../../core/bytes.js'
import { idBytes, type Id } from '../../core/id.js'
import { MAX_FILTER } from './codec.js'

/** Random per query: an id that is a false positive in one query is none in the next, and no peer can choose an id that always is. */
export const SALT_BYTES = 4
/** Gives 1 % false positives. */
const BITS_PER_ID = 10
const HASHES = 7

/** The encoded filter: the salt, then the bits. */
export function makeFilter(ids: readonly Id[], salt: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = Math.min(Math.ceil((ids.length * BITS_PER_ID) / 8), MAX_FILTER - SALT_BYTES)
  const filter = concatBytes(salt, new Uint8Array(size))
  for (const id of ids) for (const { at, mask } of bitsOf(filter, id)) filter[at] = (filter[at] ?? 0) | mask
  return filter
}

/** Whether this id is likely to be in the filter. A remote may have made the filter: one without bits holds no id. */
export function holds(filter: Uint8Array, id: Id): boolean {
  return bitsOf(filter, id).every(({ at, mask }) => ((filter[at] ?? 0) & mask) !== 0)
}

function bitsOf(filter: Uint8Array, id: Id): Array<{ at: number; mask: number }> {
  const bits = (filter.length - SALT_BYTES) * 8
  const numbers = viewOf(sha256(concatBytes(filter.subarray(0, SALT_BYTES), idBytes(id))))
  return Array.from({ length: HASHES }, (_, i) => {
    const bit = numbers.getUint32(4 * i) % bits
    return { at: SALT_BYTES + (bit >> 3), mask: 1 << (bit & 7) }
  })
}
