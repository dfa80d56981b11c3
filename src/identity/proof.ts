/**
 * The line in a session description that says who sent it: written, read and verified. It ties a peer id to the certificate of the
 * very connection, so whoever carries descriptions can neither swap one nor borrow a name. Knows nothing of how they travel.
 */
import { concatBytes, fromBase64Url, fromHex, toBase64Url, utf8 } from '../core/bytes.js'
import { ProtocolError, SwarmlinkError } from '../core/errors.js'
import { type Id, idBytes } from '../core/id.js'
import { parseSdp, type Sdp, withIdentity } from '../core/sdp.js'
import { belongsTo } from './announce-id.js'
import type { Identity } from './identity.js'
import { peerIdOf, verifySignature } from './key-pair.js'

/** Grows when the line or the signed message changes its meaning. */
const VERSION = 1
/** Keeps these signatures apart from all others that the same key makes. */
const DOMAIN = utf8.encode('swarmlink session description')
const NO_FINGERPRINT = new Uint8Array(32)
const NOBODY = new Uint8Array(20)
const ROLES = { offer: 0, answer: 1 }

/** What a proof is bound to, beside the description itself. Both sides must mean the same. */
export interface ProofContext {
  role: 'offer' | 'answer'
  topic: Id
  /**
   * The announce id that an offer goes to, where the caller names it: nobody else takes it then, whoever repeats it. Absent where a tracker
   * or a person chooses, and for answers, which only the owner of their offer can use.
   */
  to?: Id | undefined
  /** The {@link Sdp.fingerprint} of the offer that is answered; needed for an answer, ignored for an offer. */
  offerFingerprint?: string | undefined
}

/** What a description says about its sender, well-formed but not verified. */
export interface Claim {
  peerId: Id
  announceId: Id
  /** Absent when the sender has no WebCrypto. */
  signed?: { publicKey: Uint8Array<ArrayBuffer>; signature: Uint8Array<ArrayBuffer> }
}

/** Who sent a description. */
export interface Proof {
  peerId: Id
  announceId: Id
  /**
   * True: the sender holds the key of this peer id, and whoever completes the connection's handshake is the sender.
   * False: anybody may have said so (there is no signature, or this side has no WebCrypto). Never let such a peer replace,
   * or be treated as, a verified one of the same id.
   */
  verified: boolean
  /** The announce id was made for the key that signed: nobody else can say it is theirs. */
  bound: boolean
}

/** The description with our line in it. */
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
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'only a description with a t= line and no identity yet can be signed')
  return signed
}

/**
 * Reads the line strictly. `undefined` stands for a stock peer: there is no line, or one of a later version, which has to
 * get along with those who do not know it. Throws a {@link ProtocolError} when the line is malformed.
 */
export function readProof(sdp: Sdp): Claim | undefined {
  const line = sdp.identity
  if (line === undefined) return undefined
  const version = /^([1-9]\d{0,2})(?: |$)/.exec(line)?.[1] ?? refuse('has no version')
  if (Number(version) > VERSION) return undefined
  // Every part has one length, so this is the bound on what the cryptography is given.
  const [, peerId, announceId, key, proof] =
    /^1 ([0-9a-f]{40}) ([0-9a-f]{40})(?: ([\w-]{43}) ([\w-]{86}))?$/.exec(line) ?? refuse('is malformed')
  if (peerId === undefined || announceId === undefined) return refuse('is malformed')
  if (key === undefined || proof === undefined) return { peerId, announceId }
  const publicKey = fromBase64Url(key) ?? refuse('has a malformed key')
  const signature = fromBase64Url(proof) ?? refuse('has a malformed signature')
  return { peerId, announceId, signed: { publicKey, signature } }
}

/**
 * Who sent this description; `undefined` for a stock peer. `from` is the announce id that the signalling named. Rejects with a
 * {@link ProtocolError} `ERR_IDENTITY` when the line is malformed or does not belong here: then somebody between lies.
 */
export async function verifyProof(sdp: Sdp, { from, ...context }: ProofContext & { from: Id }): Promise<Proof | undefined> {
  const claim = readProof(sdp)
  if (claim === undefined) return undefined
  const { peerId, announceId, signed } = claim
  if (announceId !== from) refuse('names another sender than the signalling does')
  if (signed === undefined) return { peerId, announceId, verified: false, bound: false }
  if (peerIdOf(signed.publicKey) !== peerId) refuse('names a peer id that is not of its key')
  const message = signedMessage(context, announceId, sdp.fingerprint)
  const verdict = await verifySignature(signed.publicKey, signed.signature, message)
  if (verdict === false) refuse('has a signature that is not for this description, topic, role and receiver')
  return { peerId, announceId, verified: verdict === true, bound: belongsTo(announceId, signed.publicKey) }
}

/** Every part has a fixed length, so no two different statements have the same bytes. */
function signedMessage(
  { role, topic, to, offerFingerprint }: ProofContext,
  announceId: Id,
  fingerprint: string,
): Uint8Array<ArrayBuffer> {
  if (role === 'answer' && offerFingerprint === undefined)
    throw new SwarmlinkError(
      'ERR_INVALID_ARGUMENT',
      'an answer is signed and verified together with the fingerprint of its offer',
    )
  return concatBytes(
    DOMAIN,
    Uint8Array.of(VERSION, ROLES[role]),
    idBytes(topic),
    idBytes(announceId),
    to === undefined ? NOBODY : idBytes(to),
    fingerprintBytes(fingerprint),
    role === 'answer' && offerFingerprint !== undefined ? fingerprintBytes(offerFingerprint) : NO_FINGERPRINT,
  )
}

function fingerprintBytes(fingerprint: string): Uint8Array {
  const bytes = fromHex(fingerprint.replace(/^sha-256 /i, '').replaceAll(':', ''))
  if (bytes?.length !== 32) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `not a SHA-256 fingerprint: ${fingerprint}`)
  return bytes
}

function refuse(why: string): never {
  throw new ProtocolError('ERR_IDENTITY', `refused a session description: its identity ${why}`)
}
