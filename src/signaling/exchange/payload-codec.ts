/** The bodies of forwarded payloads: descriptions and candidates. Pure; trusts nothing in a body. */
import { utf8 } from '../../core/bytes.js'
import { ProtocolError } from '../../core/errors.js'
import { isCandidate, parseSdp, type Sdp } from '../../core/sdp.js'

const text = new TextDecoder()
/** `mid`, a line feed and the candidate line. A description has one section, so its `mid` is short and printable. */
const CANDIDATE = /^([!-~]{0,64})\n(.*)$/

/** Throws a ProtocolError; also for a stock peer's description, which a relay could swap unnoticed because it carries no signature. */
export function readDescription(body: Uint8Array): Sdp {
  const sdp = parseSdp(text.decode(body))
  if (sdp.identity === undefined)
    throw new ProtocolError('ERR_IDENTITY', 'dropped a forwarded description: it has no identity that could be verified')
  return sdp
}

export function writeCandidate({ candidate, sdpMid }: RTCIceCandidateInit): Uint8Array {
  return utf8.encode(`${sdpMid ?? ''}\n${candidate ?? ''}`)
}

export function readCandidate(body: Uint8Array): RTCIceCandidateInit {
  const [, mid, candidate] = CANDIDATE.exec(text.decode(body)) ?? []
  if (candidate === undefined || !isCandidate(candidate))
    throw new ProtocolError('ERR_BAD_FRAME', 'dropped a forwarded candidate: it is malformed')
  return { candidate, sdpMid: mid === undefined || mid === '' ? null : mid, sdpMLineIndex: 0 } // there is only one section
}
