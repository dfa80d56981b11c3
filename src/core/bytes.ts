/** Converts bytes to text and back: hex for ids, latin-1 "binary strings" for trackers, base64url for keys. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

export { sha1 } from '@noble/hashes/legacy.js'
export { bytesToHex as toHex, concatBytes, createView as viewOf } from '@noble/hashes/utils.js'
export { sha256 }

export const utf8 = new TextEncoder()

/** A `Uint8Array<ArrayBuffer>`, for declarations that TypeScript before 5.7 reads too: its `Uint8Array` has no type parameter. */
export type Bytes = ReturnType<Uint8Array['slice']>

/** Undefined when the text is not hex. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(text.charCodeAt(2 * i)) << 4) | digit(text.charCodeAt(2 * i + 1))
  return bytes
}

/** The value of a hex digit: the low bits of `0` to `9` are the value, those of `a` and `A` are 1. */
function digit(code: number): number {
  return (code & 0xf) + (code > 0x40 ? 9 : 0)
}

/** Converts an id from hex to the string of 20 latin-1 characters that trackers use. */
export function hexToBinary(hex: string): string {
  return String.fromCharCode(...(fromHex(hex) ?? []))
}

/** Undefined when a character does not fit a byte. */
export function binaryToHex(binary: string): string | undefined {
  const codes = Array.from(binary, character => character.charCodeAt(0))
  return codes.every(code => code < 256) ? bytesToHex(Uint8Array.from(codes)) : undefined
}

export function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte) // one by one: spreading a long array into arguments overflows the stack
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Undefined when the text is not canonical base64url without padding. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(binary, character => character.charCodeAt(0))
  return toBase64Url(bytes) === text ? bytes : undefined
}

export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmac(sha256, key, bytes)
}
