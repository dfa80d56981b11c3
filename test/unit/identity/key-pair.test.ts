import { afterEach, describe, expect, it, vi } from 'vitest'
import { fromHex, toBase64Url, toHex, utf8 } from '../../../src/core/bytes.js'
import { type Env, systemEnv } from '../../../src/core/env.js'
import { createIdentity, ownsPeerId, peerIdOf, verifySignature } from '../../../src/identity/key-pair.js'

const env = systemEnv
const message = utf8.encode('hello')

/** RFC 8032, 7.1, test 1. */
const VECTOR = {
  seed: fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60') as Uint8Array<ArrayBuffer>,
  publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  signature:
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
}

const PUBLIC_KEY = fromHex(VECTOR.publicKey) as Uint8Array<ArrayBuffer>

afterEach(() => vi.unstubAllGlobals())

describe('createIdentity [D7]', () => {
  it('makes an Ed25519 key as in RFC 8032', async () => {
    const fixed: Env = { ...env, randomBytes: () => VECTOR.seed }
    const { key } = await createIdentity({ env: fixed })
    expect(toHex(key?.publicKey ?? new Uint8Array())).toBe(VECTOR.publicKey)
    expect(toHex((await key?.sign(new Uint8Array())) ?? new Uint8Array())).toBe(VECTOR.signature)
    expect(key?.credentials.secret).toBe(toBase64Url(VECTOR.seed))
  })

  it('takes the first 20 bytes of the hash of its public key as peer id', async () => {
    const { peerId, key } = await createIdentity({ env })
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', key?.publicKey ?? new Uint8Array()))
    expect(peerId).toBe(toHex(digest.subarray(0, 20)))
    expect(peerId).toBe(peerIdOf(key?.publicKey ?? new Uint8Array()))
    expect(key?.credentials.peerId).toBe(peerId)
  })

  it('makes a new identity each time without credentials', async () => {
    const [one, other] = await Promise.all([createIdentity({ env }), createIdentity({ env })])
    expect(one.peerId).not.toBe(other.peerId)
  })

  it('makes the same identity from its credentials, also after JSON', async () => {
    const first = await createIdentity({ env })
    const again = await createIdentity({ env, credentials: JSON.parse(JSON.stringify(first.key?.credentials)) })
    expect(again.peerId).toBe(first.peerId)
    expect(again.key?.publicKey).toEqual(first.key?.publicKey)
  })

  it('refuses a secret that belongs to another peer id, and says what to do', async () => {
    const [one, other] = await Promise.all([createIdentity({ env }), createIdentity({ env })])
    const mixed = { peerId: one.peerId, secret: other.key?.credentials.secret ?? '' }
    const error = await createIdentity({ env, credentials: mixed }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'wrong-key' })
    expect(String(error)).toMatch(/secret belongs to another peerId.*[Rr]estore/)
    expect(String(error)).not.toContain(mixed.secret)
    expect(await ownsPeerId(mixed)).toBe(false)
  })
})

describe('verifySignature [D7]', () => {
  it('accepts the signature of a key for its message only', async () => {
    const { key } = await createIdentity({ env })
    if (key === undefined) throw new Error('no key')
    const signature = await key.sign(message)
    expect(await verifySignature(key.publicKey, signature, message)).toBe(true)
    expect(await verifySignature(key.publicKey, signature, utf8.encode('hullo'))).toBe(false)
    const other = await createIdentity({ env })
    expect(await verifySignature(other.key?.publicKey ?? key.publicKey, signature, message)).toBe(false)
  })

  it('refuses malformed keys and signatures', async () => {
    const { key } = await createIdentity({ env })
    if (key === undefined) throw new Error('no key')
    const signature = await key.sign(message)
    expect(await verifySignature(new Uint8Array(31), signature, message)).toBe(false)
    expect(await verifySignature(new Uint8Array(32).fill(0xff), signature, message)).toBe(false)
    expect(await verifySignature(key.publicKey, new Uint8Array(63), message)).toBe(false)
    expect(await verifySignature(key.publicKey, new Uint8Array(64), message)).toBe(false)
  })
})

/** The curve of Ed25519 in exact arithmetic, to find the points of small order without the list that is tested. */
const P = 2n ** 255n - 19n
const mod = (a: bigint) => ((a % P) + P) % P
const power = (base: bigint, exponent: bigint): bigint => {
  if (exponent === 0n) return 1n
  const half = power(mod(base * base), exponent / 2n)
  return exponent % 2n === 0n ? half : mod(half * base)
}
const invert = (a: bigint) => power(a, P - 2n)
const D = mod(-121665n * invert(121666n))
const ROOT = power(2n, (P - 1n) / 4n)
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
type Point = readonly [x: bigint, y: bigint]
const add = ([a, b]: Point, [c, d]: Point): Point => {
  const e = mod(D * a * c * b * d)
  return [mod((a * d + b * c) * invert(1n + e)), mod((b * d + a * c) * invert(mod(1n - e)))]
}
const times = (n: bigint, point: Point): Point => {
  if (n === 0n) return [0n, 1n]
  const half = times(n / 2n, add(point, point))
  return n % 2n === 0n ? half : add(half, point)
}
const xOf = (y: bigint): bigint | undefined => {
  const square = mod((y * y - 1n) * invert(mod(D * y * y + 1n)))
  const x = power(square, (P + 3n) / 8n)
  return [x, mod(x * ROOT)].find(root => mod(root * root) === square)
}

/** Every encoding of 32 bytes of a point whose order divides 8, also those that only a lenient decoder accepts. */
function smallOrderKeys(): Array<Uint8Array<ArrayBuffer>> {
  let generator: Point = [0n, 1n]
  for (let y = 2n; times(4n, generator)[1] === 1n; y++) {
    const x = xOf(y)
    if (x !== undefined) generator = times(ORDER, [x, y])
  }
  const ys = new Set([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map(n => times(n, generator)[1]))
  const encoded = [...ys, ...[...ys].map(y => y + P)].filter(y => y < 2n ** 255n)
  return encoded.flatMap(y => [0n, 1n].map(sign => bytesOf(y + (sign << 255n))))
}

function bytesOf(value: bigint): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn))
}

describe('keys of small order, for which one signature can fit every message [X3]', () => {
  const keys = smallOrderKeys()

  it('are 14 encodings of 8 points [X3]', () => {
    expect(new Set(keys.map(toHex)).size).toBe(14)
  })

  it('verify no signature, on any platform [X3]', async () => {
    const messages = Array.from({ length: 16 }, (_, index) => utf8.encode(`message ${index}`))
    const expectRefused = async () => {
      for (const key of keys)
        for (const start of keys) {
          const signature = new Uint8Array(64)
          signature.set(start)
          for (const text of messages) expect(await verifySignature(key, signature, text)).toBe(false)
        }
    }
    await expectRefused() // Node 20 accepts some of them
    vi.stubGlobal('crypto', {})
    await expectRefused()
    vi.stubGlobal('crypto', { subtle: { importKey: async () => ({}), verify: async () => true } })
    await expectRefused()
    expect(await verifySignature(PUBLIC_KEY, new Uint8Array(64), message)).toBe(true) // the stub accepts everything else
  })
})

describe('createIdentity in a page that is not a secure context [D7]', () => {
  const insecure = () => vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) })

  it('makes a random peer id and no key', async () => {
    insecure()
    const [one, other] = await Promise.all([createIdentity({ env }), createIdentity({ env })])
    expect(one.peerId).toMatch(/^[0-9a-f]{40}$/)
    expect(one.peerId).not.toBe(other.peerId)
    expect(one.key).toBeUndefined()
  })

  it('takes the peer id of its credentials unchecked', async () => {
    const { key } = await createIdentity({ env })
    insecure()
    const identity = await createIdentity({ env, ...(key && { credentials: key.credentials }) })
    expect(identity).toEqual({ peerId: key?.credentials.peerId })
  })

  it('still refuses damaged credentials', async () => {
    insecure()
    const damaged = { peerId: 'me', secret: 'mine' }
    await expect(createIdentity({ env, credentials: damaged })).rejects.toMatchObject({ reason: 'damaged' })
  })

  it('verifies nothing: the result is undefined', async () => {
    insecure()
    expect(await verifySignature(PUBLIC_KEY, new Uint8Array(64), message)).toBeUndefined()
  })

  it('behaves the same in an old browser without Ed25519', async () => {
    const unsupported = () => Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto), subtle: { importKey: unsupported } })
    expect((await createIdentity({ env })).key).toBeUndefined()
    expect(await verifySignature(PUBLIC_KEY, new Uint8Array(64), message)).toBeUndefined()
  })

  it('rejects if WebCrypto fails otherwise', async () => {
    vi.stubGlobal('crypto', { subtle: { importKey: () => Promise.reject(new DOMException('broken', 'OperationError')) } })
    const fixed: Env = { ...env, randomBytes: length => new Uint8Array(length) }
    await expect(createIdentity({ env: fixed })).rejects.toMatchObject({ code: 'ERR_CREDENTIALS' })
  })
})
