import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { anyCharacter } from '../../support/any-character.js'
import { concatBytes, fromBase64Url, sha256, toBase64Url, toHex, utf8 } from '../../../src/core/bytes.js'
import { systemEnv } from '../../../src/core/env.js'
import { ProtocolError } from '../../../src/core/errors.js'
import { randomId } from '../../../src/core/id.js'
import { parseSdp, type Sdp } from '../../../src/core/sdp.js'
import type { Identity } from '../../../src/identity/identity.js'
import { createIdentity, peerIdOf } from '../../../src/identity/key-pair.js'
import { type ProofContext, readProof, signDescription, verifyProof } from '../../../src/identity/proof.js'
import { makeSdp } from './sdp.js'

const env = systemEnv
const topic = randomId(env)
const offerSdp = makeSdp('actpass', env.randomBytes(32))
const answerSdp = makeSdp('active', env.randomBytes(32))
const offerFingerprint = parseSdp(offerSdp).fingerprint
const announceId = randomId(env)
const REFUSED = { name: 'ProtocolError', code: 'ERR_IDENTITY' }

let identity: Identity
let stranger: Identity
beforeAll(async () => {
  identity = await createIdentity({ env })
  stranger = await createIdentity({ env })
})
afterEach(() => vi.unstubAllGlobals())

const offerOf = (who: Identity, sdp = offerSdp) => signDescription(sdp, { identity: who, role: 'offer', topic, announceId })
const answerOf = (who: Identity, sdp = answerSdp) =>
  signDescription(sdp, { identity: who, role: 'answer', topic, announceId, offerFingerprint })
const verify = async (sdp: string, context: Partial<ProofContext & { from: string }> = {}) =>
  verifyProof(parseSdp(sdp), { role: 'offer', topic, from: announceId, ...context })

/** The description with its identity line rewritten. */
const rewritten = (sdp: string, change: (parts: string[]) => string[]) =>
  sdp.replace(/a=swarmlink:(.*)\r\n/, (_line, parts: string) => `a=swarmlink:${change(parts.split(' ')).join(' ')}\r\n`)

describe('an honest sender [X3]', () => {
  it('is verified by its offer', async () => {
    expect(await verify(await offerOf(identity))).toEqual({ peerId: identity.peerId, announceId, verified: true, bound: false })
  })

  it('is verified by its answer to an offer of this client', async () => {
    const proof = await verify(await answerOf(identity), { role: 'answer', offerFingerprint })
    expect(proof).toEqual({ peerId: identity.peerId, announceId, verified: true, bound: false })
  })

  it('writes the line behind the timing line, in the documented form', async () => {
    const lines = (await offerOf(identity)).split('\r\n')
    const line = lines[lines.indexOf('t=0 0') + 1]
    expect(line).toMatch(/^a=swarmlink:1 [0-9a-f]{40} [0-9a-f]{40} [\w-]{43} [\w-]{86}$/)
  })

  it('leaves the rest of the description as it was', async () => {
    expect((await offerOf(identity)).replace(/a=swarmlink:.*\r\n/, '')).toBe(offerSdp)
  })

  it('is verified also if the case of the fingerprint or the candidates changed', async () => {
    const signed = (await offerOf(identity))
      .replace(/(?<=a=fingerprint:sha-256 ).*/, hex => hex.toLowerCase())
      .replace(/a=candidate:.*\r\n/, '')
    expect(await verify(signed)).toMatchObject({ verified: true, bound: false })
  })

  it('is an unverified swarmlink peer without WebCrypto', async () => {
    const unproven = await offerOf({ peerId: identity.peerId })
    expect(unproven).toMatch(/^a=swarmlink:1 [0-9a-f]{40} [0-9a-f]{40}\r$/m)
    expect(await verify(unproven)).toEqual({ peerId: identity.peerId, announceId, verified: false, bound: false })
  })

  it('is unverified in a page without WebCrypto', async () => {
    const signed = await offerOf(identity)
    vi.stubGlobal('crypto', {})
    expect(await verify(signed)).toEqual({ peerId: identity.peerId, announceId, verified: false, bound: false })
  })

  it('is a stock peer if it has no line, or one of a later version', async () => {
    expect(await verify(offerSdp)).toBeUndefined()
    const signed = await offerOf(identity)
    expect(await verify(rewritten(signed, ([, ...rest]) => ['2', ...rest]))).toBeUndefined()
    expect(await verify(rewritten(signed, () => ['7', 'x'.repeat(5000)]))).toBeUndefined()
    expect(await verify(rewritten(signed, () => ['2']))).toBeUndefined()
  })
})

describe('a tracker or peer that forwards a description [X3]', () => {
  it('cannot replace the description below the line', async () => {
    const line = /a=swarmlink:.*\r\n/.exec(await offerOf(identity))?.[0] ?? ''
    const swapped = makeSdp('actpass', env.randomBytes(32)).replace('t=0 0\r\n', `t=0 0\r\n${line}`)
    await expect(verify(swapped)).rejects.toMatchObject(REFUSED)
  })

  it('cannot replace an answer, nor use it for another offer', async () => {
    const answer = await answerOf(identity)
    const line = /a=swarmlink:.*\r\n/.exec(answer)?.[0] ?? ''
    const swapped = makeSdp('active', env.randomBytes(32)).replace('t=0 0\r\n', `t=0 0\r\n${line}`)
    await expect(verify(swapped, { role: 'answer', offerFingerprint })).rejects.toMatchObject(REFUSED)
    const otherOffer = parseSdp(makeSdp('actpass', env.randomBytes(32))).fingerprint
    await expect(verify(answer, { role: 'answer', offerFingerprint: otherOffer })).rejects.toMatchObject(REFUSED)
  })

  it('cannot replay a description in another topic', async () => {
    await expect(verify(await offerOf(identity), { topic: randomId(env) })).rejects.toMatchObject(REFUSED)
  })

  it('cannot replay a directed offer to another member, nor an undirected one as directed [X2]', async () => {
    const [to, other] = [randomId(env), randomId(env)]
    const named = await signDescription(offerSdp, { identity, role: 'offer', topic, to, announceId })
    expect(await verify(named, { to })).toMatchObject({ verified: true })
    for (const receiver of [other, undefined]) await expect(verify(named, { to: receiver })).rejects.toMatchObject(REFUSED)
    await expect(verify(await offerOf(identity), { to })).rejects.toMatchObject(REFUSED)
  })

  it('cannot replay a description in the other role', async () => {
    const offer = await offerOf(identity)
    const answer = await answerOf(identity)
    await expect(verify(offer, { role: 'answer', offerFingerprint })).rejects.toMatchObject(REFUSED)
    await expect(verify(answer, { role: 'offer' })).rejects.toMatchObject(REFUSED)
  })

  it('cannot replay an answer as an offer, even if the fingerprint of the answered offer was all zeros', async () => {
    const zeros = parseSdp(makeSdp('actpass', new Uint8Array(32))).fingerprint
    const context = { identity, role: 'answer', topic, announceId, offerFingerprint: zeros } as const
    await expect(verify(await signDescription(answerSdp, context))).rejects.toMatchObject(REFUSED)
  })

  it('cannot forward a description under another announce id', async () => {
    const other = randomId(env)
    const offer = await offerOf(identity)
    await expect(verify(offer, { from: other })).rejects.toMatchObject(REFUSED)
    const renamed = rewritten(offer, ([version, peerId, , ...rest]) => [version ?? '', peerId ?? '', other, ...rest])
    await expect(verify(renamed, { from: other })).rejects.toMatchObject(REFUSED)
  })

  it('cannot use the peer id of another peer, with its own key or with the key of that peer', async () => {
    const own = await offerOf(stranger)
    const borrowed = rewritten(own, ([version, , ...rest]) => [version ?? '', identity.peerId, ...rest])
    await expect(verify(borrowed)).rejects.toMatchObject(REFUSED)
    const key = toBase64Url(identity.key?.publicKey ?? new Uint8Array())
    const withKey = rewritten(own, parts => [parts[0] ?? '', identity.peerId, announceId, key, parts[4] ?? ''])
    await expect(verify(withKey)).rejects.toMatchObject(REFUSED)
  })

  it('makes the sender unverified if it removes the signature', async () => {
    expect(await verify(rewritten(await offerOf(identity), parts => parts.slice(0, 3)))).toMatchObject({
      verified: false,
      bound: false,
    })
  })

  it.each([1, 0xec])('cannot make one signature for all descriptions with a key of small order (%i) [X3]', async first => {
    const publicKey = first === 1 ? Uint8Array.of(1, ...new Uint8Array(31)) : Uint8Array.of(first, ...Array(30).fill(0xff), 0x7f)
    const chance = new Uint8Array(8)
    const tag = sha256(concatBytes(utf8.encode('swarmlink announce id'), chance, publicKey)).subarray(0, 12)
    const from = toHex(concatBytes(chance, tag)) // derived from the key, so that the proof would be bound too
    const signature = Uint8Array.of(1, ...new Uint8Array(63)) // the neutral point, and zero
    const line = `a=swarmlink:1 ${peerIdOf(publicKey)} ${from} ${toBase64Url(publicKey)} ${toBase64Url(signature)}\r\n`
    for (let i = 0; i < 20; i++) {
      const sdp = makeSdp('actpass', env.randomBytes(32)).replace('t=0 0\r\n', `t=0 0\r\n${line}`)
      await expect(verify(sdp, { from, topic: randomId(env) })).rejects.toMatchObject(REFUSED)
    }
  })

  it('cannot change one bit of the signature', async () => {
    const signed = await offerOf(identity)
    const flip = (text: string, bit: number) => {
      const bytes = fromBase64Url(text) ?? new Uint8Array()
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      return toBase64Url(bytes)
    }
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 511 }), async bit => {
        const changed = rewritten(signed, parts => [...parts.slice(0, 4), flip(parts[4] ?? '', bit)])
        await expect(verify(changed)).rejects.toMatchObject(REFUSED)
      }),
      { numRuns: 50 },
    )
  })
})

describe('the identity line [X3]', () => {
  const read = (line: string) => readProof({ text: '', fingerprint: offerFingerprint, maxMessageSize: 0, identity: line })

  it('is read strictly', async () => {
    const line = parseSdp(await offerOf(identity)).identity ?? ''
    const parts = line.split(' ')
    expect(read(line)).toMatchObject({ peerId: identity.peerId, announceId })
    const wrong = [
      '',
      ' ',
      '0 ',
      '01 x',
      '-1 x',
      '1',
      '1 ',
      'one',
      '9999999999 x',
      ` ${line}`,
      `${line} `,
      `${line} more`,
      `${line}\r`,
      line.replaceAll(' ', '  '),
      line.replaceAll(' ', '\t'),
      line.toUpperCase(),
      parts.slice(0, 2).join(' '),
      parts.slice(0, 4).join(' '),
      `${line.slice(0, -1)}_`, // not canonical: bits behind the last byte
      `${line.slice(0, -1)}=`,
    ]
    for (const each of wrong) expect(() => read(each), JSON.stringify(each)).toThrow(expect.objectContaining(REFUSED))
  })

  it('parses to a claim, to undefined, or to a ProtocolError, for any text', async () => {
    const valid = parseSdp(await offerOf(identity)).identity ?? ''
    const near = fc
      .tuple(fc.nat(valid.length), fc.nat(5), fc.string())
      .map(([at, cut, insert]) => valid.slice(0, at) + insert + valid.slice(at + cut))
    const total = (line: string) => {
      try {
        const claim = read(line)
        return claim === undefined || /^[0-9a-f]{40}$/.test(claim.peerId)
      } catch (error) {
        return error instanceof ProtocolError && error.code === 'ERR_IDENTITY'
      }
    }
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: anyCharacter }),
          near,
          near.map(text => `1 ${text}`),
        ),
        total,
      ),
      {
        numRuns: 1000,
      },
    )
  })

  it('costs no cryptography when it is malformed or names another sender', async () => {
    const signed = parseSdp(await offerOf(identity))
    const verifying = vi.spyOn(crypto.subtle, 'verify')
    const long: Sdp = { ...signed, identity: `${signed.identity}${'A'.repeat(16_000)}` }
    await expect(verifyProof(long, { role: 'offer', topic, from: announceId })).rejects.toMatchObject(REFUSED)
    await expect(verifyProof(signed, { role: 'offer', topic, from: randomId(env) })).rejects.toMatchObject(REFUSED)
    expect(verifying).not.toHaveBeenCalled()
    verifying.mockRestore()
  })
})

describe('wrong calls [X3]', () => {
  const MISTAKE = { code: 'ERR_INVALID_ARGUMENT' }

  it('throw for an answer without the fingerprint of its offer', async () => {
    await expect(signDescription(answerSdp, { identity, role: 'answer', topic, announceId })).rejects.toMatchObject(MISTAKE)
    await expect(verify(await answerOf(identity), { role: 'answer' })).rejects.toMatchObject(MISTAKE)
  })

  it('throw for a description that is signed already or has no t= line', async () => {
    await expect(offerOf(identity, await offerOf(identity))).rejects.toMatchObject(MISTAKE)
    await expect(offerOf(identity, offerSdp.replace('t=0 0\r\n', ''))).rejects.toMatchObject(MISTAKE)
  })
})
