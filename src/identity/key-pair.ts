/** Ed25519 through WebCrypto: from a seed to an identity, and from a public key to a verdict. Knows nothing of where seeds are kept. */
import { concatBytes, fromBase64Url, sha256, toBase64Url, toHex } from '../core/bytes.js'
import type { Env } from '../core/env.js'
import { asError } from '../core/errors.js'
import { type Id, ID_BYTES, randomId } from '../core/id.js'
import { parseCredentials, SEED_BYTES, seedOf, wrongKey } from './credentials.js'
import type { Credentials, Identity } from './identity.js'

const PUBLIC_KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const ALGORITHM = 'Ed25519'
/** RFC 8410: what stands in front of the 32-byte seed in a PKCS #8 key. WebCrypto imports private keys in no rawer form. */
const PKCS8_PREFIX = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20)

/**
 * The y coordinates of the eight points of small order, in hex without the sign of x, and those of them that are below 2^255 with p added,
 * which some implementations read as well. A signature that fits every message can be made for each of these keys without a secret.
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
 * A new identity, or the one of the credentials.
 *
 * Without Ed25519 in WebCrypto (a page that is no secure context, an old browser) the identity has no key: its peer id is random
 * or, unchecked, that of the credentials. Others then hold it for unproven whatever it is.
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

/** Whether the secret makes that peer id; `undefined` where there is no Ed25519 to find out. */
export async function ownsPeerId({ peerId, secret }: Credentials): Promise<boolean | undefined> {
  const seed = seedOf(secret)
  if (seed === undefined) return false
  const pair = await importSeed(seed)
  return pair && peerIdOf(pair.publicKey) === peerId
}

/**
 * Every public key of a remote passes here. `undefined` where there is no Ed25519 to find out: then nothing is proven, and nothing is refuted
 * either. WebCrypto takes keys of small order in some versions of Node and of browsers, and refuses them in others, so they are refused here.
 */
export async function verifySignature(
  publicKey: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean | undefined> {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  if (isSmallOrder(publicKey)) return false
  const subtle = webCrypto()
  if (subtle === undefined) return undefined
  try {
    const key = await subtle.importKey('raw', publicKey, ALGORITHM, false, ['verify'])
    return await subtle.verify(ALGORITHM, key, signature, message)
  } catch (error) {
    return isUnsupported(error) ? undefined : false // some platforms throw for 32 bytes that are no point of the curve
  }
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
    // Exportable, because only the export tells the public key; the seed itself is in our credentials anyway.
    const privateKey = await subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign'])
    const publicKey = fromBase64Url((await subtle.exportKey('jwk', privateKey)).x ?? '')
    if (publicKey?.length !== PUBLIC_KEY_BYTES) throw new Error('the platform gave no public key')
    return { publicKey, privateKey }
  } catch (error) {
    if (isUnsupported(error)) return undefined
    throw asError(error, 'ERR_CREDENTIALS', 'the platform could not use an Ed25519 key')
  }
}

function webCrypto(): SubtleCrypto | undefined {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } } // `subtle` is missing in a page that is no secure context
  return crypto?.subtle
}

/** Browsers older than Ed25519 in WebCrypto know the call, but not the algorithm. */
function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotSupportedError'
}
