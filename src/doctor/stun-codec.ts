/** Codec of the STUN binding request and its response (RFC 8489). Knows no socket. */
import { concatBytes, viewOf } from '../core/bytes.js'

/** The magic cookie, which distinguishes STUN from other protocols on a port. */
const MAGIC = [0x21, 0x12, 0xa4, 0x42]
const BINDING_REQUEST = [0x00, 0x01, 0x00, 0x00]
const BINDING_RESPONSE = 0x0101
const XOR_MAPPED_ADDRESS = 0x0020
const HEADER = 20
export const TRANSACTION_BYTES = 12

/** The address of this machine as a server sees it. */
export interface Mapped {
  address: string
  port: number
}

export function encodeRequest(transaction: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.from([...BINDING_REQUEST, ...MAGIC]), transaction)
}

/** Undefined if the packet is not a binding response. The transaction identifies the request. */
export function decodeResponse(packet: Uint8Array): { transaction: Uint8Array; mapped: Mapped } | undefined {
  if (packet.length < HEADER || !MAGIC.every((byte, index) => packet[4 + index] === byte)) return undefined
  const view = viewOf(packet)
  if (view.getUint16(0) !== BINDING_RESPONSE || HEADER + view.getUint16(2) !== packet.length) return undefined
  for (let at = HEADER; at + 4 <= packet.length;) {
    const length = view.getUint16(at + 2)
    const value = packet.subarray(at + 4, at + 4 + length)
    if (view.getUint16(at) === XOR_MAPPED_ADDRESS) {
      const mapped = value.length === length ? decodeAddress(value, packet.subarray(4, HEADER)) : undefined
      return mapped && { transaction: packet.slice(8, HEADER), mapped }
    }
    at += 4 + Math.ceil(length / 4) * 4
  }
  return undefined
}

/** The address is XORed with magic cookie and transaction, because some routers rewrite each address in a packet. */
function decodeAddress(value: Uint8Array, mask: Uint8Array): Mapped | undefined {
  const [, family, ...rest] = value
  const length = { 1: 4, 2: 16 }[family ?? 0]
  if (length === undefined || rest.length !== 2 + length) return undefined
  const unmasked = (bytes: number[]) => bytes.map((byte, index) => byte ^ (mask[index] ?? 0))
  const [high = 0, low = 0] = unmasked(rest.slice(0, 2))
  const bytes = unmasked(rest.slice(2))
  return { address: length === 4 ? bytes.join('.') : ipv6(bytes), port: high * 256 + low }
}

/** The canonical form, by the URL parser. */
function ipv6(bytes: number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0)).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
