/** Encodes namespaces as NATS subjects: any token becomes exactly one subject token without wildcards. Pure. */
import { sha256, toHex, utf8 } from '../../core/bytes.js'
import { keyOf } from './namespace.js'

/** A NATS account has to permit `swarmlink.>`. */
const ROOT = 'swarmlink'
/** Characters of an encoded token. Eight tokens stay far below 4 KiB, the longest control line of a NATS server. */
const MAX_ENCODED = 200
/** Marks an escaped character, a hash, and, alone, the empty token. */
const MARK = '='

export function subjectOf(namespace: readonly string[]): string {
  return [ROOT, ...namespace.map(encodeToken)].join('.')
}

/** Keeps letters, digits, `-` and `_`, so that subjects stay readable; escapes other characters; hashes what gets too long. */
function encodeToken(token: string): string {
  if (token === '') return MARK
  const encoded = token.replaceAll(/[^\w-]/g, unit => MARK + unit.charCodeAt(0).toString(16).padStart(4, '0'))
  if (encoded.length <= MAX_ENCODED) return encoded
  // `h` is no hexadecimal digit, so no escape looks like a hash. Hashes the JSON, because UTF-8 makes all lone surrogates equal.
  return `${MARK}h${toHex(sha256(utf8.encode(keyOf([token]))))}`
}
