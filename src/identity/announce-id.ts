/**
 * Announce ids that are bound to a key: 8 random bytes, and 12 bytes of a hash over them and the public key. Otherwise a tracker or peer that
 * forwards descriptions could sign with its own key under another peer's announce id, and take the slot of that peer.
 */
import { concatBytes, sha256, toHex, utf8 } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import { ID_BYTES, type Id, idBytes, randomId } from '../core/id.js'
import type { Identity } from './identity.js'

const DOMAIN = utf8.encode('swarmlink announce id')
/** Random for every process or page. An attacker would have to find a key that matches the other 12 bytes. */
const RANDOM_BYTES = 8

/** A new announce id; all bytes are random if there is no key. */
export function newAnnounceId({ key }: Identity, env: Env): Id {
  if (key === undefined) return randomId(env)
  const random = env.randomBytes(RANDOM_BYTES)
  return toHex(concatBytes(random, tagOf(key.publicKey, random)))
}

/** Whether this announce id was made for this key. */
export function belongsTo(announceId: Id, publicKey: Uint8Array): boolean {
  const bytes = idBytes(announceId)
  return toHex(tagOf(publicKey, bytes.subarray(0, RANDOM_BYTES))) === toHex(bytes.subarray(RANDOM_BYTES))
}

function tagOf(publicKey: Uint8Array, random: Uint8Array): Uint8Array {
  return sha256(concatBytes(DOMAIN, random, publicKey)).subarray(0, ID_BYTES - RANDOM_BYTES)
}
