/**
 * Writes, reads and verifies the identity line of a session description. Its signature binds the peer id to the DTLS certificate of the
 * connection, so a tracker or peer that forwards descriptions can neither replace one nor use another peer's id. Knows no signalling.
 */
import { concatBytes, fromBase64Url, fromHex, toBase64Url, utf8 } from '../core/bytes.js'
import { misuse, ProtocolError } from '../core/errors.js'
import { type Id, idBytes } from '../core/id.js'
import { parseSdp, type Sdp, withIdentity } from '../core/sdp.js'
import { belongsTo } from './announce-id.js'
import type { Identity } from './identity.js'
import { peerIdOf, verifySignature } from './key-pair.js'

/** Increased when the line or the signed message changes its meaning. */
const VERSION = 1
/** Domain separation: these signatures are invalid for any other use of the same key. */
const DOMAIN = utf8.encode('swarmlink session description')
const NO_FINGERPRINT = new Uint8Array(32)
const NO_RECEIVER = new Uint8Array(20)
const ROLES = { offer: 0, answer: 1 }

/** What a signature covers beside the description. Signer and verifier must use the same values. */
export interface ProofContext {
  role: 'offer' | 'answer'
  topic: Id
  /**
   * The receiver's announce id, for a directed offer: no other peer accepts the offer if it is replayed. Absent where a tracker or a person
   * chooses the receiver, and for answers, which only the sender of the offer can use.
   */
  to?: Id | undefined
  /** The {@link Sdp.fingerprint} of the answered offer; required for an answer, ignored for an offer. */
  offerFingerprint?: string | undefined
}

/** The parsed identity line, not verified. */
export interface IdentityLine {
  peerId: Id
  announceId: Id
  /** Absent when the sender has no WebCrypto. */
  signed?: { publicKey: Uint8Array<ArrayBuffer>; signature: Uint8Array<ArrayBuffer> }
}

/** The sender of a description, after verification. */
export interface Proof {
  peerId: Id
  announceId: Id
  /**
   * True: the sender has the key of this peer id, and the remote end of the DTLS handshake is the sender.
   * False: any peer may claim this id (there is no signature, or this client has no WebCrypto). Never let such a peer replace,
   * or be treated as, a verified peer of the same id.
   */
  verified: boolean
  /** The announce id was derived from the signing key: no other peer can prove it. */
  bound: boolean
}

/** Adds the signed identity line of this client to a description. */
export async function signDescription(
  sdp: string,
  { identity, announceId, ...context }: ProofContext & { identity: Identity; announceId: Id },
): Promise<string> {
  const { fingerprint, identity: present } = parseSdp(sdp)
  let line = `${VERSION} ${identity.peerId} ${announceId}`
  if (identity.key !== undefined) {
    const signature = await identity.key.sign(signedMessage(context, announceId, fingerprint))
    line += ` ${toBase64Url(identity.key.publicKey)} ${toBase64Url(signature)}`
  }
  const signed = withIdentity(sdp, line)
  if (present !== undefined || signed === sdp)
    throw misuse('cannot sign the description: it has no t= line, or an identity already')
  return signed
}

/**
 * Parses the line strictly. Returns `undefined` for a stock peer: there is no line, or one of a later version, whose peers must
 * accept to be treated as stock. Throws a {@link ProtocolError} if the line is malformed.
 */
export function readProof(sdp: Sdp): IdentityLine | undefined {
  const line = sdp.identity
  if (line === undefined) return undefined
  const version = /^([1-9]\d{0,2})(?: |$)/.exec(line)?.[1] ?? refuse('has no version')
  if (Number(version) > VERSION) return undefined
  // Each part has a fixed length, which bounds the input of the cryptography.
  const [, peerId, announceId, key, proof] =
    /^1 ([0-9a-f]{40}) ([0-9a-f]{40})(?: ([\w-]{43}) ([\w-]{86}))?$/.exec(line) ?? refuse('is malformed')
  if (peerId === undefined || announceId === undefined) return refuse('is malformed')
  if (key === undefined || proof === undefined) return { peerId, announceId }
  const publicKey = fromBase64Url(key) ?? refuse('has a malformed key')
  const signature = fromBase64Url(proof) ?? refuse('has a malformed signature')
  return { peerId, announceId, signed: { publicKey, signature } }
}

/**
 * Verifies the sender of a description; `undefined` for a stock peer. `from` is the announce id that the signalling named. Rejects with
 * a {@link ProtocolError} `ERR_IDENTITY` if the line is malformed or belongs to another context: then it was forged or replayed.
 */
export async function verifyProof(sdp: Sdp, { from, ...context }: ProofContext & { from: Id }): Promise<Proof | undefined> {
  const claim = readProof(sdp)
  if (claim === undefined) return undefined
  const { peerId, announceId, signed } = claim
  if (announceId !== from) refuse('names another sender than the signalling')
  if (signed === undefined) return { peerId, announceId, verified: false, bound: false }
  if (peerIdOf(signed.publicKey) !== peerId) refuse('has a peer id that is not the hash of its key')
  const message = signedMessage(context, announceId, sdp.fingerprint)
  const verdict = await verifySignature(signed.publicKey, signed.signature, message)
  if (verdict === false) refuse('has an invalid signature for this description, topic, role and receiver')
  return { peerId, announceId, verified: verdict === true, bound: belongsTo(announceId, signed.publicKey) }
}

/** Each part has a fixed length, so that different inputs never have the same bytes. */
function signedMessage(
  { role, topic, to, offerFingerprint }: ProofContext,
  announceId: Id,
  fingerprint: string,
): Uint8Array<ArrayBuffer> {
  if (role === 'answer' && offerFingerprint === undefined)
    throw misuse('an answer cannot be signed or verified without the fingerprint of its offer: pass offerFingerprint')
  return concatBytes(
    DOMAIN,
    Uint8Array.of(VERSION, ROLES[role]),
    idBytes(topic),
    idBytes(announceId),
    to === undefined ? NO_RECEIVER : idBytes(to),
    fingerprintBytes(fingerprint),
    role === 'answer' && offerFingerprint !== undefined ? fingerprintBytes(offerFingerprint) : NO_FINGERPRINT,
  )
}

function fingerprintBytes(fingerprint: string): Uint8Array {
  const bytes = fromHex(fingerprint.replace(/^sha-256 /i, '').replaceAll(':', ''))
  if (bytes?.length !== 32) throw misuse(`not a SHA-256 fingerprint: ${fingerprint}`)
  return bytes
}

function refuse(why: string): never {
  throw new ProtocolError('ERR_IDENTITY', `refused a session description: its identity ${why}`)
}
