/** Bytes and the texts that stand for them: hex for ids, latin-1 "binary strings" on trackers, base64url for keys. */
import { sha1 as nobleSha1 } from '@noble/hashes/legacy.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

export const utf8 = new TextEncoder()
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Undefined when the text is not hex. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))
}

/** An id in hex as the string of 20 latin-1 characters that trackers use. */
export function hexToBinary(hex: string): string {
  return String.fromCharCode(...(fromHex(hex) ?? []))
}

/** Undefined when a character does not fit a byte. */
export function binaryToHex(binary: string): string | undefined {
  let text = ''
  for (let i = 0; i < binary.length; i++) {
    const hex = HEX[binary.charCodeAt(i)]
    if (hex === undefined) return undefined
    text += hex
  }
  return text
}

export function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte) // as arguments, a long array would overflow the stack
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Undefined when the text is not canonical base64url without padding. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(binary, character => character.charCodeAt(0))
  return toBase64Url(bytes) === text ? bytes : undefined
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export function sha1(bytes: Uint8Array): Uint8Array {
  return nobleSha1(bytes)
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes)
}
