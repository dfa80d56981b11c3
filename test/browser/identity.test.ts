import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileCredentials } from '#file-store'
import { fromHex, toBase64Url, toHex } from '../../src/core/bytes.js'
import { systemEnv } from '../../src/core/env.js'
import { randomId } from '../../src/core/id.js'
import { parseSdp } from '../../src/core/sdp.js'
import { SeenFilter } from '../../src/core/seen-filter.js'
import { createIdentity, verifySignature } from '../../src/identity/key-pair.js'
import { localCredentials } from '../../src/identity/local-store.js'
import { signDescription, verifyProof } from '../../src/identity/proof.js'
import { resolveCredentials } from '../../src/identity/resolve-credentials.js'

const env = systemEnv

beforeEach(() => localStorage.clear())
afterEach(() => localStorage.clear())

describe('credentials in a page [D7]', () => {
  it('make the same peer as in Node (RFC 8032, 7.1, test 1)', async () => {
    const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
    const { key } = await createIdentity({ env: { ...env, randomBytes: () => seed ?? new Uint8Array() } })
    if (key === undefined) throw new Error('no key')
    expect(toHex(key.publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    expect(key.credentials.secret).toBe(toBase64Url(seed ?? new Uint8Array()))
    const signature = await key.sign(new Uint8Array())
    expect(toHex(signature)).toMatch(/^e5564300c360ac72/)
    expect(await verifySignature(key.publicKey, signature, new Uint8Array())).toBe(true)
    expect(await verifySignature(key.publicKey, signature, new Uint8Array(1))).toBe(false)
    expect(await verifySignature(new Uint8Array(32).fill(0xff), signature, new Uint8Array())).toBe(false)
  })

  it('are stored in localStorage, so that the page is the same peer after a reload', async () => {
    const first = await resolveCredentials(localCredentials(), env)
    expect(JSON.parse(localStorage.getItem('swarmlink') ?? '')).toEqual(first.key?.credentials)
    const back = await resolveCredentials(localCredentials(), env)
    expect(back.peerId).toBe(first.peerId)
  })

  it('are one identity for several clients at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => resolveCredentials(localCredentials('me'), env)))
    expect(new Set(all.map(identity => identity.peerId)).size).toBe(1)
  })

  it('are refused if damaged, and not changed', async () => {
    localStorage.setItem('swarmlink', '{"peerId":')
    await expect(resolveCredentials(localCredentials(), env)).rejects.toMatchObject({ reason: 'damaged' })
    expect(localStorage.getItem('swarmlink')).toBe('{"peerId":')
  })

  it('cannot be stored in files', () => {
    expect(() => fileCredentials('peer.json')).toThrow(/localCredentials/)
  })
})

describe('proofs in a page [X3]', () => {
  it('bind an offer of this browser to its sender', async () => {
    const identity = await createIdentity({ env })
    const [topic, announceId] = [randomId(env), randomId(env)]
    const pc = new RTCPeerConnection()
    const other = new RTCPeerConnection()
    try {
      pc.createDataChannel('wire')
      other.createDataChannel('wire')
      const [offer, swapped] = await Promise.all([pc.createOffer(), other.createOffer()])
      const signed = await signDescription(offer.sdp ?? '', { identity, role: 'offer', topic, announceId })
      const context = { role: 'offer', topic, from: announceId } as const
      expect(await verifyProof(parseSdp(signed), context)).toEqual({
        peerId: identity.peerId,
        announceId,
        verified: true,
        bound: false,
      })
      await other.setRemoteDescription({ type: 'offer', sdp: signed }) // the engine accepts the line

      const line = /a=swarmlink:.*\r\n/.exec(signed)?.[0] ?? ''
      const forged = (swapped.sdp ?? '').replace('t=0 0\r\n', `t=0 0\r\n${line}`)
      await expect(verifyProof(parseSdp(forged), context)).rejects.toMatchObject({ code: 'ERR_IDENTITY' })
    } finally {
      pc.close()
      other.close()
    }
  })
})

describe('SeenFilter in a page [D5]', () => {
  it('remembers the added ids and no others', () => {
    const seen = new SeenFilter(env, { capacity: 100, errorRate: 1e-6, rotateAfter: 60_000 })
    const [met, stranger] = [randomId(env), randomId(env)]
    seen.add(met)
    expect(seen.has(met)).toBe(true)
    expect(seen.has(stranger)).toBe(false)
  })
})
