/**
 * Signs and verifies the messages between swarmlink ends. The signature covers the whole message, with the DTLS fingerprint of a description
 * in it, and the namespace, with the receiver in it: no other client of the bus can change a message, send one in another's name, or
 * pass one on to another end. Knows nothing of buses.
 */
import { concatBytes, fromBase64Url, sha256, toBase64Url, utf8 } from '../../core/bytes.js'
import type { Id } from '../../core/id.js'
import { belongsTo } from '../../identity/announce-id.js'
import type { Identity } from '../../identity/identity.js'
import { peerIdOf, verifySignature } from '../../identity/key-pair.js'
import { MAX_MESSAGE } from '../../signaling/drivers/message.js'

const DOMAIN = utf8.encode('swarmlink call message')

/** `undefined`: the message has no signature, or this platform has no Ed25519. `false`: the signature is wrong. */
export type SignatureVerdict = { peerId: Id } | undefined | false

/** Adds the public key and the signature of this end. Returns the message as it is when the identity has no key. */
export async function signMessage({ key }: Identity, namespace: readonly string[], message: object): Promise<object> {
  if (key === undefined) return message
  const signed = { ...message, key: toBase64Url(key.publicKey) }
  return { ...signed, signature: toBase64Url(await key.sign(bytesOf(namespace, JSON.stringify(signed)))) }
}

/** Verifies a message; its id has to belong to its key, so that only one end can ever use an id. */
export async function verifyMessage(namespace: readonly string[], message: object): Promise<SignatureVerdict> {
  if (!('signature' in message) || !('key' in message) || !('id' in message)) return undefined
  const { signature, ...signed } = message
  const publicKey = bytesIn(message.key, 43)
  const proof = bytesIn(signature, 86)
  if (publicKey === undefined || proof === undefined || !isBound(message.id, publicKey)) return false
  const text = jsonOf(signed)
  if (text === undefined) return false
  const verdict = await verifySignature(publicKey, proof, bytesOf(namespace, text))
  return verdict === true ? { peerId: peerIdOf(publicKey) } : verdict
}

/** Undefined when a message of a bus within the process is no JSON, or longer than any driver of this library carries. */
function jsonOf(message: object): string | undefined {
  try {
    const text = JSON.stringify(message)
    return text.length > MAX_MESSAGE ? undefined : text
  } catch {
    return undefined
  }
}

function isBound(id: unknown, publicKey: Uint8Array): boolean {
  return typeof id === 'string' && /^[0-9a-f]{40}$/.test(id) && belongsTo(id, publicKey)
}

function bytesIn(text: unknown, length: number): Uint8Array<ArrayBuffer> | undefined {
  return typeof text === 'string' && text.length === length ? fromBase64Url(text) : undefined
}

/**
 * JSON and the clone of a `BroadcastChannel` keep the order of an object's members, so both ends get the same text. The text itself is signed, not its
 * hash: in JavaScript the hash of a description takes 1 to 3 ms.
 */
function bytesOf(namespace: readonly string[], json: string): Uint8Array<ArrayBuffer> {
  return concatBytes(DOMAIN, sha256(utf8.encode(JSON.stringify(namespace))), utf8.encode(json))
}
