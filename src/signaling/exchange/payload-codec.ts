/** What stands in the letters that others pass on: descriptions and candidates. Pure; nothing in a letter is believed. */
import { utf8 } from '../../core/bytes.js'
import { ProtocolError } from '../../core/errors.js'
import { isCandidate, parseSdp, type Sdp } from '../../core/sdp.js'

const text = new TextDecoder()
/** `mid` and a line: the one section that a description has is named by a few printable characters at most. */
const CANDIDATE = /^([!-~]{0,64})\n(.*)$/

export function writeDescription(sdp: string): Uint8Array {
  return utf8.encode(sdp)
}

/** Throws a ProtocolError; also for a stock peer's description: whoever is in the middle could swap it, and nobody would know. */
export function readDescription(body: Uint8Array): Sdp {
  const sdp = parseSdp(text.decode(body))
  if (sdp.identity === undefined)
    throw new ProtocolError('ERR_IDENTITY', 'a description without an identity came through a third peer')
  return sdp
}

export function writeCandidate({ candidate, sdpMid }: RTCIceCandidateInit): Uint8Array {
  return utf8.encode(`${sdpMid ?? ''}\n${candidate ?? ''}`)
}

export function readCandidate(body: Uint8Array): RTCIceCandidateInit {
  const [, mid, candidate] = CANDIDATE.exec(text.decode(body)) ?? []
  if (candidate === undefined || !isCandidate(candidate))
    throw new ProtocolError('ERR_BAD_FRAME', 'a candidate that came through a third peer is malformed')
  return { candidate, sdpMid: mid === undefined || mid === '' ? null : mid, sdpMLineIndex: 0 } // there is only one section
}
