import { describe, expect, test, vi } from 'vitest'
import { newAnnounceId } from '../../../src/identity/announce-id.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import type { MeshCrypto } from '../../../src/mesh/mesh-options.js'
import { PostSigner, type SignedPost } from '../../../src/mesh/post-signer.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const MESH = '11'.repeat(20)

async function member(seed: number, crypto?: ConstructorParameters<typeof PostSigner>[0]['crypto']) {
  const env = new VirtualEnv({ seed })
  const identity = await createIdentity({ env })
  const key = identity.key!.publicKey
  const signer = new PostSigner({ env, mesh: MESH, identity, crypto })
  return { env, identity, key, id: newAnnounceId(identity, env), signer }
}

const post = (sender: string): SignedPost => ({
  sender,
  epoch: 1_700_000_000_000,
  topic: 'chat',
  sequence: 3,
  payload: Uint8Array.of(1, 2, 3),
  large: false,
})

describe('the signer of posts', () => {
  test('verifies what a member signed, and nothing that was changed [C7]', async () => {
    const [alice, bob] = await Promise.all([member(1), member(2)])
    const signed = post(alice.id)
    const signature = await alice.signer.sign(signed)
    const changes: Array<Partial<SignedPost>> = [
      { sequence: 4 },
      { epoch: 1_700_000_000_001 },
      { topic: 'chats' },
      { payload: Uint8Array.of(1, 2, 4) },
      { large: true },
      { sender: bob.id },
    ]
    expect(await bob.signer.verify(signed, alice.key, signature)).toBe(true)
    for (const change of changes)
      expect(await bob.signer.verify({ ...signed, ...change }, alice.key, signature), JSON.stringify(change)).toBe(false)
    expect(await bob.signer.verify(signed, bob.key, signature)).toBe(false)
    expect(await bob.signer.verify(signed, alice.key, new Uint8Array())).toBe(false)
  })

  test('takes no post of one mesh in another, and no beacon as a post [C7]', async () => {
    const alice = await member(1)
    const other = new PostSigner({ env: alice.env, mesh: '22'.repeat(20), identity: alice.identity, crypto: undefined })
    const signed = post(alice.id)
    expect(await other.verify(signed, alice.key, await alice.signer.sign(signed))).toBe(false)
    const beacon = await alice.signer.signBeacon(alice.id, 3)
    expect(await alice.signer.verifyBeacon(alice.id, 3, alice.key, beacon)).toBe(true)
    expect(await alice.signer.verifyBeacon(alice.id, 4, alice.key, beacon)).toBe(false)
    expect(await alice.signer.verify(signed, alice.key, beacon)).toBe(false)
  })

  test('gives the peer id of a sender only for the key that its id was made for [C7]', async () => {
    const [alice, bob] = await Promise.all([member(1), member(2)])
    expect(bob.signer.peerIdOf(alice.id, alice.key)).toBe(alice.identity.peerId)
    expect(bob.signer.peerIdOf(alice.id, bob.key)).toBeUndefined()
  })

  test("uses the application's functions, and takes their failure for a wrong signature [C7]", async () => {
    const verify = vi.fn<MeshCrypto['verify']>((_data, signature) => signature[0] === 7)
    const alice = await member(1, { sign: () => Uint8Array.of(7), verify })
    const signed = post(alice.id)
    expect(await alice.signer.sign(signed)).toEqual(Uint8Array.of(7))
    expect(await alice.signer.verify(signed, alice.key, Uint8Array.of(7))).toBe(true)
    expect(await alice.signer.verify(signed, alice.key, Uint8Array.of(8))).toBe(false)
    expect(verify.mock.lastCall?.[2]).toBe(alice.identity.peerId)
    verify.mockImplementation(() => {
      throw new Error('of the application')
    })
    expect(await alice.signer.verify(signed, alice.key, Uint8Array.of(7))).toBe(false)
  })

  test.each([
    ['throws', () => Promise.reject(new Error('no key today')), 'ERR_CREDENTIALS', /crypto\.sign failed: no key today/],
    [
      'gives a text',
      () => 'signature',
      'ERR_INVALID_ARGUMENT',
      /the result of crypto\.sign must be a Uint8Array of 1 to 255 bytes/,
    ],
    ['gives no byte', () => new Uint8Array(), 'ERR_INVALID_ARGUMENT', /1 to 255 bytes/],
    ['gives 256 bytes', () => new Uint8Array(256), 'ERR_INVALID_ARGUMENT', /1 to 255 bytes/],
  ])("rejects with a code when the application's function %s [C7] [Law 7]", async (_what, sign, code, message) => {
    const alice = await member(1, { sign: sign as () => Uint8Array, verify: () => true }) // what the types forbid, too
    const failed = alice.signer.sign(post(alice.id))
    await expect(failed).rejects.toMatchObject({ name: 'SwarmlinkError', code, message: expect.stringMatching(message) })
  })

  test('rejects when `crypto.sign` has not answered for 30 s [C7]', async () => {
    const { env, id, signer } = await member(1, { sign: () => new Promise(() => {}), verify: () => true })
    const signed = signer.sign(post(id))
    await Promise.all([expect(signed).rejects.toMatchObject({ code: 'ERR_CREDENTIALS' }), env.advance(30_000)])
  })
})
