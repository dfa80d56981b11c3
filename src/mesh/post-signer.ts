/** Signs the posts and beacons of this member, and verifies those of others: with the identity's key, or with the application's `crypto`. */
import { invalid } from '../core/arguments.js'
import { concatBytes, sha256, utf8 } from '../core/bytes.js'
import { type Env, withDeadline } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { type Id, idBytes } from '../core/id.js'
import type { Identity } from '../identity/identity.js'
import { verifyWith } from '../identity/key-pair.js'
import type { Post } from './core/wire/messages.js'
import { type MemberKey, MemberKeys } from './member-keys.js'
import type { MeshCrypto } from './mesh-options.js'

/** Domain separation: these signatures are invalid for any other use of the same key. */
const POST = utf8.encode('swarmlink mesh post')
const BEACON = utf8.encode('swarmlink mesh beacon')
/** Bytes of a signature: its length is one byte in messages. */
const MAX_SIGNATURE = 255
/** `crypto.sign` answers in this time, or the broadcast fails: those behind it wait. In ms. */
const SIGN_TIMEOUT = 30_000

/** What a signature covers, beside the mesh. */
export interface SignedPost extends Pick<Post, 'sequence' | 'payload' | 'large'> {
  sender: Id
  epoch: number
  topic: string
}

export interface PostSignerDeps {
  env: Env
  /** The topic of the mesh: a post of one mesh is invalid in another. */
  mesh: Id
  identity: Identity
  crypto: MeshCrypto | undefined
}

export class PostSigner {
  readonly #deps: PostSignerDeps
  readonly #keys = new MemberKeys()

  constructor(deps: PostSignerDeps) {
    this.#deps = deps
  }

  /** Rejects when the application's function fails, or gives no signature. */
  async sign(post: SignedPost): Promise<Uint8Array> {
    const { crypto, env } = this.#deps
    const data = this.#dataOf(post)
    if (crypto === undefined) return await this.#signed(data)
    return await withDeadline(env, signWith(crypto, data), SIGN_TIMEOUT, unsigned)
  }

  /** Never rejects. */
  async verify(post: SignedPost, key: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const { crypto } = this.#deps
    const sender = this.#keys.of(post.sender, key)
    if (sender === undefined) return false
    const data = this.#dataOf(post)
    if (crypto === undefined) return await isSignedBy(sender, signature, data)
    try {
      const isValid: unknown = await crypto.verify(data, signature, sender.peerId) // an application in JavaScript may return any value
      return isValid === true
    } catch {
      return false
    }
  }

  async signBeacon(root: Id, number: number): Promise<Uint8Array> {
    return await this.#signed(this.#beaconOf(root, number))
  }

  async verifyBeacon(root: Id, number: number, key: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const sender = this.#keys.of(root, key)
    return sender !== undefined && (await isSignedBy(sender, signature, this.#beaconOf(root, number)))
  }

  /** The peer id of a member; undefined when its id was not made for this key. */
  peerIdOf(member: Id, key: Uint8Array): Id | undefined {
    return this.#keys.of(member, key)?.peerId
  }

  async #signed(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { key } = this.#deps.identity
    if (key === undefined) throw new Error('there is no key to sign with') // `createMesh` refuses such an identity
    return await key.sign(data)
  }

  #dataOf({ sender, epoch, topic, sequence, payload, large }: SignedPost): Uint8Array<ArrayBuffer> {
    const head = new DataView(new ArrayBuffer(13))
    head.setBigUint64(0, BigInt(epoch))
    head.setUint32(8, sequence)
    head.setUint8(12, large ? 1 : 0)
    const parts = [POST, idBytes(this.#deps.mesh), idBytes(sender), new Uint8Array(head.buffer), sha256(payload)]
    return concatBytes(...parts, utf8.encode(topic))
  }

  #beaconOf(root: Id, number: number): Uint8Array<ArrayBuffer> {
    const head = new DataView(new ArrayBuffer(8))
    head.setBigUint64(0, BigInt(number))
    return concatBytes(BEACON, idBytes(this.#deps.mesh), idBytes(root), new Uint8Array(head.buffer))
  }
}

async function isSignedBy({ imported }: MemberKey, signature: Uint8Array, data: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const key = await imported
  return key !== undefined && (await verifyWith(key, new Uint8Array(signature), data))
}

function unsigned(): SwarmlinkError {
  return new SwarmlinkError('ERR_CREDENTIALS', 'the broadcast was not sent, because crypto.sign has not answered for 30 s')
}

async function signWith(crypto: MeshCrypto, data: Uint8Array): Promise<Uint8Array> {
  let signature: unknown // an application in JavaScript may return any value
  try {
    signature = await crypto.sign(data)
  } catch (error) {
    throw asError(error, 'ERR_CREDENTIALS', 'the broadcast was not sent, because crypto.sign failed')
  }
  if (!(signature instanceof Uint8Array) || signature.length === 0 || signature.length > MAX_SIGNATURE)
    throw invalid('the result of crypto.sign', `a Uint8Array of 1 to ${MAX_SIGNATURE} bytes`, signature)
  return signature
}
