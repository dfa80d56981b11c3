/** Namespaces as NATS subjects: whatever a token holds, it is one token there and no wildcard. Pure. */
import { sha256, toHex, utf8 } from '../../core/bytes.js'
import { keyOf } from './namespace.js'

/** What an account has to permit: `swarmlink.>`. */
const ROOT = 'swarmlink'
/** Characters of an encoded token. Eight of them stay far below the 4 KiB that a NATS server takes in one line. */
const MAX_ENCODED = 200
/** Marks an escaped character, a hash, and, alone, the empty token. */
const MARK = '='

export function subjectOf(namespace: readonly string[]): string {
  return [ROOT, ...namespace.map(encodeToken)].join('.')
}

/** Letters, digits, `-` and `_` stay, so that a subject can be read; anything else is escaped, and what is long is hashed. */
function encodeToken(token: string): string {
  if (token === '') return MARK
  const encoded = token.replaceAll(/[^\w-]/g, unit => MARK + unit.charCodeAt(0).toString(16).padStart(4, '0'))
  if (encoded.length <= MAX_ENCODED) return encoded
  // No hexadecimal digit, so no escape looks like it. Of its JSON, in which halves of characters differ from each other.
  return `${MARK}h${toHex(sha256(utf8.encode(keyOf([token]))))}`
}
