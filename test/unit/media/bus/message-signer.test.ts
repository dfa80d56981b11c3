import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { toBase64Url } from '../../../../src/core/bytes.js'
import { newAnnounceId } from '../../../../src/identity/announce-id.js'
import { createIdentity } from '../../../../src/identity/key-pair.js'
import { signMessage, verifyMessage } from '../../../../src/media/bus/message-signer.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const env = new VirtualEnv()
const namespace = ['sender', 'room', 'a'.repeat(40)]

async function end() {
  const identity = await createIdentity({ env })
  return { identity, id: newAnnounceId(identity, env) }
}

/** As a bus delivers it. */
const over = (message: object) => JSON.parse(JSON.stringify(message)) as Record<string, unknown>

describe('a signed message', () => {
  test('proves the identity of its sender over JSON and over a structured clone, and keeps its fields [X14]', async () => {
    const { identity, id } = await end()
    const message = {
      type: 'invoke',
      id,
      swarmlink: 1,
      credentials: { '2': 'b', '1': 'a', when: new Date(0), not: undefined, list: [undefined, Number.NaN] },
    }
    const signed = await signMessage(identity, namespace, message)
    expect(signed).toMatchObject(message)
    expect(await verifyMessage(namespace, over(signed))).toEqual({ peerId: identity.peerId })
    expect(await verifyMessage(namespace, structuredClone(signed))).toEqual({ peerId: identity.peerId })
    expect(await verifyMessage(namespace, signed)).toEqual({ peerId: identity.peerId })
  })

  test('is wrong under any other namespace [X14]', async () => {
    const { identity, id } = await end()
    const signed = over(await signMessage(identity, namespace, { type: 'invoke', id }))
    for (const other of [
      ['sender', 'room'],
      ['receiver', ...namespace.slice(1)],
      ['sender', 'other', namespace[2]!],
      [...namespace, ''],
      ['sender,room', namespace[2]!],
      [],
    ])
      expect(await verifyMessage(other, signed)).toBe(false)
  })

  test('is wrong when a field is changed, added, removed or moved [X14]', async () => {
    const { identity, id } = await end()
    const signed = over(await signMessage(identity, namespace, { type: 'dispose', id, reason: 'left', session: '0'.repeat(16) }))
    const { reason: _, ...without } = signed
    for (const changed of [
      { ...signed, type: 'sync' },
      { ...signed, reason: 'lost' },
      { ...signed, added: 1 },
      without,
      { reason: 'left', ...signed },
    ])
      expect(await verifyMessage(namespace, changed)).toBe(false)
  })

  test('is wrong with another key, with an id of another key, and with an id that is bound to no key [X14]', async () => {
    const [own, other] = [await end(), await end()]
    const signed = over(await signMessage(own.identity, namespace, { type: 'invoke', id: own.id }))
    const foreign = over(await signMessage(other.identity, namespace, { type: 'invoke', id: own.id }))
    expect(await verifyMessage(namespace, foreign)).toBe(false)
    expect(await verifyMessage(namespace, { ...signed, key: foreign['key'] })).toBe(false)
    expect(await verifyMessage(namespace, { ...signed, signature: foreign['signature'] })).toBe(false)
    for (const id of ['stock id', 'f'.repeat(40), '', own.id.toUpperCase()])
      expect(await verifyMessage(namespace, over(await signMessage(own.identity, namespace, { type: 'invoke', id })))).toBe(false)
  })

  test('is wrong with a key of small order, for which signatures of all messages exist [X14]', async () => {
    const { id } = await end()
    const key = toBase64Url(new Uint8Array(32))
    const signature = toBase64Url(new Uint8Array(64))
    expect(await verifyMessage(namespace, { type: 'invoke', id, key, signature })).toBe(false)
  })

  test('is unsigned, not wrong, without a key or on a platform without Ed25519 [X14]', async () => {
    const { identity, id } = await end()
    const message = { type: 'invoke', id: 'x' }
    expect(await signMessage({ peerId: identity.peerId }, namespace, message)).toBe(message)
    expect(await verifyMessage(namespace, message)).toBeUndefined()
    const signed = over(await signMessage(identity, namespace, { type: 'invoke', id }))
    const { key: _, ...withoutKey } = signed
    expect(await verifyMessage(namespace, withoutKey)).toBeUndefined()
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new DOMException('unknown algorithm', 'NotSupportedError'))
    try {
      expect(await verifyMessage(namespace, signed)).toBeUndefined()
    } finally {
      vi.restoreAllMocks()
    }
  })

  test('is wrong, and never throws, whatever stands in its key, signature and other fields [Law 1]', async () => {
    const { identity, id } = await end()
    const signed = over(await signMessage(identity, namespace, { type: 'invoke', id }))
    const value = fc.oneof(
      fc.anything(),
      fc.string({ minLength: 43, maxLength: 43 }),
      fc.string({ minLength: 86, maxLength: 86 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('key', 'signature', 'id', 'type', 'more'), value, async (name, other) => {
        fc.pre(JSON.stringify(other) !== undefined && JSON.stringify(other) !== JSON.stringify(signed[name]))
        expect(await verifyMessage(namespace, { ...signed, [name]: other })).toBe(false)
      }),
    )
  })
})
