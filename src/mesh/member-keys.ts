/** The keys of members: checks once that an id was made for a key, and imports the key once for all signatures of its owner. */
import { BoundedMap } from '../core/bounded-map.js'
import type { Id } from '../core/id.js'
import { belongsTo } from '../identity/announce-id.js'
import { importPublicKey, peerIdOf } from '../identity/key-pair.js'

/** Members whose key is remembered. */
const MAX_MEMBERS = 4_096

export interface MemberKey {
  readonly peerId: Id
  /** `undefined` when it cannot verify anything. */
  readonly imported: Promise<CryptoKey | undefined>
}

export class MemberKeys {
  readonly #known = new BoundedMap<Id, { bytes: Uint8Array; key: MemberKey | undefined }>(MAX_MEMBERS)

  /** `undefined` when the member's id was not made for this key. */
  of(member: Id, bytes: Uint8Array): MemberKey | undefined {
    const known = this.#known.get(member)
    if (known !== undefined && areEqual(known.bytes, bytes)) return known.key
    const key = belongsTo(member, bytes) ? new LazyKey(bytes) : undefined
    this.#known.set(member, { bytes, key })
    return key
  }
}

class LazyKey implements MemberKey {
  readonly peerId: Id
  readonly #bytes: Uint8Array
  #imported: Promise<CryptoKey | undefined> | undefined

  constructor(bytes: Uint8Array) {
    this.peerId = peerIdOf(bytes)
    this.#bytes = bytes
  }

  get imported(): Promise<CryptoKey | undefined> {
    return (this.#imported ??= importPublicKey(new Uint8Array(this.#bytes)))
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]))
}
