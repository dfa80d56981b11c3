/** Parses the signals of an application's own signalling strictly: plain objects. Pure; knows no connection. */
import { shown } from '../../core/arguments.js'
import { ProtocolError } from '../../core/errors.js'
import { isCandidate, parseSdp, type Sdp } from '../../core/sdp.js'
import { readProof } from '../../identity/proof.js'

/** The value of a connection's `signal` event, for `signal()` of the remote end. It is JSON. */
export type SignalData = { type: 'offer' | 'answer'; sdp: string } | { candidate: RTCIceCandidateInit | null }

export interface Description {
  sdp: Sdp
  /** A swarmlink peer made it. */
  isSwarmlink: boolean
}

export interface Candidate {
  candidate: RTCIceCandidateInit
  /** The ICE ufrag of the description that it belongs to, if it has one. */
  ufrag: string | undefined
}

export type ReadSignal =
  | ({ kind: 'offer' | 'answer' } & Description)
  | ({ kind: 'candidate' } & Candidate)
  /** End of candidates, which is ignored. */
  | { kind: 'end' }

/** Parses any value; throws a {@link ProtocolError} with `ERR_BAD_SDP` or `ERR_IDENTITY` unless it is a {@link SignalData}. */
export function readSignal(data: unknown): ReadSignal {
  if (typeof data !== 'object' || data === null) refuse(`it is ${shown(data)}`)
  // Browsers use classes, whose properties are getters of the prototype.
  const { type, sdp, candidate } = data as { type?: unknown; sdp?: unknown; candidate?: unknown }
  if (type === 'offer' || type === 'answer') return { kind: type, ...readDescription(sdp) }
  if (candidate === null) return { kind: 'end' }
  if (typeof candidate === 'object') return readCandidate(candidate)
  return refuse('it has neither the type offer or answer nor a candidate')
}

/** Identifies a description among all those of one connection: its candidates carry it too. */
export function ufragOf(sdp: string): string {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? ''
}

function readDescription(text: unknown): Description {
  const sdp = parseSdp(text)
  return { sdp, isSwarmlink: readProof(sdp) !== undefined }
}

function readCandidate(init: object): ReadSignal {
  const { candidate, sdpMid, usernameFragment } = init as Record<string, unknown> // each is checked below
  if (candidate === '') return { kind: 'end' }
  if (typeof candidate !== 'string' || !isCandidate(candidate)) refuse('its candidate is malformed or has a host name')
  return {
    kind: 'candidate',
    candidate: { candidate, sdpMid: isToken(sdpMid) ? sdpMid : null, sdpMLineIndex: 0 }, // there is only one media section
    ufrag: isToken(usernameFragment) ? usernameFragment : / ufrag (\S+)/.exec(candidate)?.[1],
  }
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]{1,256}$/.test(value)
}

function refuse(why: string): never {
  throw new ProtocolError('ERR_BAD_SDP', `refused a signal: ${why}`)
}
