import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeRelayed, encodeRelayed, type Relayed } from '../../../src/mesh/relayed-handshake.js'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(bytes => Buffer.from(bytes).toString('hex'))
const relayed: fc.Arbitrary<Relayed> = fc.record({
  kind: fc.constantFrom('offer', 'answer', 'candidate', 'refusal'),
  from: id,
  to: id,
  passed: fc.array(id, { maxLength: 2 }),
  route: fc.array(id, { maxLength: 2 }),
  offerId: id,
  body: fc.uint8Array({ maxLength: 50 }),
})

describe('a relayed handshake message', () => {
  test('survives its encoding [C5]', () => {
    fc.assert(
      fc.property(relayed, message => {
        expect(decodeRelayed(encodeRelayed(message))).toEqual(message)
      }),
    )
  })

  test('is refused when it is cut, has a third relay or an unknown kind, and any other bytes never throw [X3]', () => {
    const message: Relayed = {
      kind: 'offer',
      from: '01'.repeat(20),
      to: '02'.repeat(20),
      passed: ['03'.repeat(20)],
      route: ['04'.repeat(20)],
      offerId: '05'.repeat(20),
      body: new Uint8Array(),
    }
    const bytes = encodeRelayed(message)
    for (let length = 0; length < bytes.length; length++) expect(decodeRelayed(bytes.subarray(0, length))).toBeUndefined()
    const longer = { ...message, passed: ['06', '07', '08'].map(byte => byte.repeat(20)) }
    expect(decodeRelayed(encodeRelayed(longer))).toBeUndefined()
    expect(decodeRelayed(Uint8Array.of(64, 9, ...bytes.subarray(2)))).toBeUndefined()
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), any => void decodeRelayed(any)))
  })
})
