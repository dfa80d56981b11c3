/**
 * Announce ids that nobody can borrow: one half is chance, the other a hash of it and of the key that signs for it. Whoever carries
 * descriptions could sign with a key of its own in another's name otherwise, and keep that one's place.
 */
import { concatBytes, sha256, toHex, utf8 } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import { ID_BYTES, type Id, idBytes, randomId } from '../core/id.js'
import type { Identity } from './identity.js'

const DOMAIN = utf8.encode('swarmlink announce id')
/** New for every process or page. The other 12 bytes are what somebody else would have to find a key for. */
const CHANCE_BYTES = 8

/** A new one; just random where there is no key. */
export function announceIdOf({ key }: Identity, env: Env): Id {
  if (key === undefined) return randomId(env)
  const chance = env.randomBytes(CHANCE_BYTES)
  return toHex(concatBytes(chance, tagOf(key.publicKey, chance)))
}

/** Whether this announce id was made for this key. */
export function belongsTo(announceId: Id, publicKey: Uint8Array): boolean {
  const bytes = idBytes(announceId)
  return toHex(tagOf(publicKey, bytes.subarray(0, CHANCE_BYTES))) === toHex(bytes.subarray(CHANCE_BYTES))
}

function tagOf(publicKey: Uint8Array, chance: Uint8Array): Uint8Array {
  return sha256(concatBytes(DOMAIN, chance, publicKey)).subarray(0, ID_BYTES - CHANCE_BYTES)
}
