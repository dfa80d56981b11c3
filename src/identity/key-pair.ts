/** Ed25519 through WebCrypto: makes identities from seeds and verifies signatures. Knows nothing of credential stores. */
import { concatBytes, fromBase64Url, sha256, toBase64Url, toHex } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import { asError } from '../core/errors.js'
import { type Id, ID_BYTES, randomId } from '../core/id.js'
import { parseCredentials, SEED_BYTES, seedOf, wrongKey } from './credentials.js'
import type { Credentials, Identity } from './identity.js'

const PUBLIC_KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const ALGORITHM = 'Ed25519'
/** RFC 8410: the bytes before the 32-byte seed in a PKCS #8 key. WebCrypto has no raw import of private keys. */
const PKCS8_PREFIX = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20)

/**
 * The y coordinates of the eight points of small order, in hex without the sign of x, and y + p where it is below 2^255, which some
 * implementations accept too. For each of these keys, a signature can be made without the secret that verifies for every message.
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000', // 0, order 4
  '0100000000000000000000000000000000000000000000000000000000000000', // 1, order 1
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', // order 8
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // order 8
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p - 1, order 2
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p, read as 0
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p + 1, read as 1
])

export function peerIdOf(publicKey: Uint8Array): Id {
  return toHex(sha256(publicKey).subarray(0, ID_BYTES))
}

/**
 * Makes a new identity, or the identity of the credentials.
 *
 * Without Ed25519 in WebCrypto (a page that is not a secure context, an old browser) the identity has no key: its peer id is random,
 * or that of the credentials, unchecked. Other peers treat it as unverified.
 */
export async function createIdentity({ env, credentials }: { env: Env; credentials?: Credentials }): Promise<Identity> {
  const given = credentials === undefined ? undefined : parseCredentials(credentials)
  const seed = (given && seedOf(given.secret)) ?? env.randomBytes(SEED_BYTES)
  const pair = await importSeed(seed)
  if (pair === undefined) return { peerId: given?.peerId ?? randomId(env) }
  const { publicKey, privateKey } = pair
  const peerId = peerIdOf(publicKey)
  if (given !== undefined && given.peerId !== peerId) throw wrongKey('the credentials')
  return {
    peerId,
    key: {
      publicKey,
      credentials: { peerId, secret: toBase64Url(seed) },
      sign: async message => new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, message)),
    },
  }
}

/** Whether the secret belongs to the peer id; `undefined` without Ed25519. */
export async function ownsPeerId({ peerId, secret }: Credentials): Promise<boolean | undefined> {
  const seed = seedOf(secret)
  if (seed === undefined) return false
  const pair = await importSeed(seed)
  return pair && peerIdOf(pair.publicKey) === peerId
}

/**
 * Verifies a signature; each public key of a remote peer passes here. `undefined` without Ed25519: neither valid nor invalid. Refuses keys
 * of small order itself, because WebCrypto accepts them in some versions of Node and of browsers.
 */
export async function verifySignature(
  publicKey: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean | undefined> {
  if (!isAcceptable(publicKey) || signature.length !== SIGNATURE_BYTES) return false
  const subtle = webCrypto()
  if (subtle === undefined) return undefined
  try {
    const key = await subtle.importKey('raw', publicKey, ALGORITHM, false, ['verify'])
    return await subtle.verify(ALGORITHM, key, signature, message)
  } catch (error) {
    return isUnsupported(error) ? undefined : false // some platforms throw for 32 bytes that are not a point of the curve
  }
}

/** Imports a public key once, for many signatures; `undefined` when it is none, and without Ed25519. */
export async function importPublicKey(publicKey: Uint8Array<ArrayBuffer>): Promise<CryptoKey | undefined> {
  try {
    return isAcceptable(publicKey) ? await webCrypto()?.importKey('raw', publicKey, ALGORITHM, false, ['verify']) : undefined
  } catch {
    return undefined
  }
}

/** Verifies a signature with an imported key. Never rejects. */
export async function verifyWith(
  key: CryptoKey,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return false
  try {
    return (await webCrypto()?.verify(ALGORITHM, key, signature, message)) === true
  } catch {
    return false
  }
}

function isAcceptable(publicKey: Uint8Array): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && !isSmallOrder(publicKey)
}

function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = publicKey.slice()
  y[PUBLIC_KEY_BYTES - 1] = (y[PUBLIC_KEY_BYTES - 1] ?? 0) & 0x7f // the highest bit is the sign of x
  return SMALL_ORDER.has(toHex(y))
}

async function importSeed(seed: Uint8Array): Promise<{ publicKey: Uint8Array<ArrayBuffer>; privateKey: CryptoKey } | undefined> {
  const subtle = webCrypto()
  if (subtle === undefined) return undefined
  try {
    const pkcs8 = concatBytes(PKCS8_PREFIX, seed)
    // Exportable, because only the export contains the public key; the credentials contain the seed anyway.
    const privateKey = await subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign'])
    const publicKey = fromBase64Url((await subtle.exportKey('jwk', privateKey)).x ?? '')
    if (publicKey?.length !== PUBLIC_KEY_BYTES) throw new Error('WebCrypto exported no public key')
    return { publicKey, privateKey }
  } catch (error) {
    if (isUnsupported(error)) return undefined
    throw asError(error, 'ERR_CREDENTIALS', 'WebCrypto failed to import an Ed25519 key')
  }
}

function webCrypto(): SubtleCrypto | undefined {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } } // `subtle` is missing in a page that is not a secure context
  return crypto?.subtle
}

/** Browsers without Ed25519 have the function, but not the algorithm. */
function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotSupportedError'
}
