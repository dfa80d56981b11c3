/** What travels through the signalling of an application's own: plain objects, read strictly. Pure; knows no connection. */
import { shown } from '../core/arguments.js'
import { ProtocolError } from '../core/errors.js'
import { isCandidate, parseSdp, type Sdp } from '../core/sdp.js'
import { readProof } from '../identity/proof.js'

/** What a connection emits as `signal` and takes from the other end's: any form that keeps JSON will carry it. */
export type SignalData = { type: 'offer' | 'answer'; sdp: string } | { candidate: RTCIceCandidateInit | null }

export interface Description {
  sdp: Sdp
  /** Whoever made it runs swarmlink. */
  ours: boolean
}

export interface Candidate {
  candidate: RTCIceCandidateInit
  /** Which description it belongs to, if it says so. */
  ufrag: string | undefined
}

export type Signal =
  | ({ kind: 'offer' | 'answer' } & Description)
  | ({ kind: 'candidate' } & Candidate)
  /** There are no more candidates; nobody waits for it. */
  | { kind: 'end' }

/** Throws a {@link ProtocolError} with `ERR_BAD_SDP` or `ERR_IDENTITY` unless it is one of {@link SignalData}, whatever it is. */
export function readSignal(data: unknown): Signal {
  if (typeof data !== 'object' || data === null) refuse(`it is ${shown(data)}`)
  // Browsers hand out objects of their own classes, whose properties are their prototypes'.
  const { type, sdp, candidate } = data as { type?: unknown; sdp?: unknown; candidate?: unknown }
  if (type === 'offer' || type === 'answer') return { kind: type, ...readDescription(sdp) }
  if (candidate === null) return { kind: 'end' }
  if (typeof candidate === 'object') return readCandidate(candidate)
  return refuse('it has neither the type offer or answer nor a candidate')
}

/** The name of a description among all that one connection is offered: its candidates carry it too. */
export function ufragOf(sdp: string): string {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? ''
}

function readDescription(text: unknown): Description {
  const sdp = parseSdp(text)
  return { sdp, ours: readProof(sdp) !== undefined }
}

function readCandidate(init: object): Signal {
  const { candidate, sdpMid, usernameFragment } = init as Record<string, unknown> // each is looked at below
  if (candidate === '') return { kind: 'end' }
  if (typeof candidate !== 'string' || !isCandidate(candidate)) refuse('its candidate is malformed or names a host to look up')
  return {
    kind: 'candidate',
    candidate: { candidate, sdpMid: isToken(sdpMid) ? sdpMid : null, sdpMLineIndex: 0 }, // there is only one section
    ufrag: isToken(usernameFragment) ? usernameFragment : / ufrag (\S+)/.exec(candidate)?.[1],
  }
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]{1,256}$/.test(value)
}

function refuse(why: string): never {
  throw new ProtocolError('ERR_BAD_SDP', `refused what was signalled: ${why}`)
}
