import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../../src/core/bytes.js'
import { decodeResponse, encodeRequest } from '../../../src/doctor/stun-codec.js'

const bytes = (hex: string) => fromHex(hex.replaceAll(/\s/g, '')) ?? new Uint8Array()

const TRANSACTION = 'b7e7a701bc34d686fa87dfae'
/** RFC 5769, 2.2 and 2.3. */
const IPV4 = bytes(`
  0101003c 2112a442 ${TRANSACTION} 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`)
const IPV6 = bytes(`
  01010048 2112a442 ${TRANSACTION} 8022000b 74657374 20766563 746f7220 00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
  00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c`)

/** A binding response with these attributes. */
function response(...attributes: Array<[type: number, value: Uint8Array]>): Uint8Array {
  const body = concatBytes(
    ...attributes.map(([type, value]) =>
      concatBytes(
        Uint8Array.of(type >> 8, type & 255, value.length >> 8, value.length & 255),
        value,
        new Uint8Array((4 - (value.length % 4)) % 4),
      ),
    ),
  )
  return concatBytes(Uint8Array.of(1, 1, body.length >> 8, body.length & 255), IPV4.subarray(4, 20), body)
}

const port = 0x2112 ^ 40_712
const mapped = (...address: number[]) =>
  Uint8Array.of(0, 1, port >> 8, port & 255, ...address.map((byte, index) => byte ^ ([0x21, 0x12, 0xa4, 0x42][index] ?? 0)))

describe('the STUN codec [X8]', () => {
  it('encodes a binding request without attributes', () => {
    expect(toHex(encodeRequest(bytes(TRANSACTION)))).toBe(`000100002112a442${TRANSACTION}`)
  })

  it.each([
    ['IPv4', IPV4, '192.0.2.1'],
    ['IPv6', IPV6, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('decodes the sample of RFC 5769: %s', (_family, packet, address) => {
    const answer = decodeResponse(packet)
    expect(answer?.mapped).toEqual({ address, port: 32_853 })
    expect(toHex(answer?.transaction ?? new Uint8Array())).toBe(TRANSACTION)
  })

  it('decodes any address, between any other attributes', () => {
    const other = fc.tuple(fc.integer({ min: 0x8000, max: 0xffff }), fc.uint8Array({ maxLength: 40 }))
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(other, { maxLength: 4 }), address, (others, its) => {
        const packet = response(...others, [0x0020, mapped(...its)], ...others)
        expect(decodeResponse(packet)?.mapped).toEqual({ address: its.join('.'), port: 40_712 })
      }),
    )
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['a request', encodeRequest(bytes(TRANSACTION))],
    ['an error response', Uint8Array.from(IPV4, (byte, index) => (index === 1 ? 0x11 : byte))],
    ['another magic cookie', Uint8Array.from(IPV4, (byte, index) => (index === 4 ? 0 : byte))],
    ['no address', response([0x8022, new Uint8Array(11)])],
    ['an address of no family', response([0x0020, Uint8Array.of(0, 3, 1, 2, 3, 4, 5, 6)])],
    ['an address that is cut short', response([0x0020, mapped(1, 2, 3)])],
    ['an address that is too long', response([0x0020, mapped(1, 2, 3, 4, 5)])],
    ['an attribute that is longer than the packet', response([0x0020, mapped(1, 2, 3, 4)]).fill(255, 22, 24)],
  ])('ignores %s', (_what, packet) => {
    expect(decodeResponse(packet)).toBeUndefined()
  })

  it('ignores truncated and random packets, and never throws', () => {
    for (let length = 0; length < IPV4.length; length++) expect(decodeResponse(IPV4.subarray(0, length))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (noise, headed) => {
        const answer = decodeResponse(headed ? concatBytes(IPV4.subarray(0, 20), noise) : noise)
        if (answer !== undefined) expect(answer.mapped.port).toBeLessThan(65_536)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: IPV4.length - 20, maxLength: IPV4.length - 20 }), noise => {
        const answer = decodeResponse(concatBytes(IPV4.subarray(0, 20), noise))
        if (answer !== undefined) expect(answer.mapped.address).toMatch(/^[0-9a-f.:]+$/)
      }),
    )
  })
})
