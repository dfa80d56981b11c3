/**
 * The messages between Sender and Receiver: checks what a bus or a control channel delivered. Pure and total. Knows nothing of signatures.
 *
 * The fields of the published package `p2p` are `type`, `id`, `credentials`, `offer`, `answer`, `candidate`, `state` (0.4) and `metadata`
 * (from 0.5). It ignores the others, which swarmlink ends add for each other; `swarmlink: 1` marks such a message.
 */
import { ProtocolError } from '../../core/errors.js'
import { isCandidate, MAX_CANDIDATES } from '../../core/sdp.js'
import { MAX_CREDENTIALS, MAX_ID, MAX_STATE } from '../application-data.js'
import type { MediaKind } from '../media-sdp.js'

/** Why a connection ended. */
export type DisposeReason = 'left' | 'stopped' | 'lost' | 'refused' | 'timeout' | 'full' | 'replaced'
/** How much of the video of a Sender a Receiver wants. */
export type Demand = 'off' | 'low' | 'high'
/** Which kinds of media a Sender sends. */
export type Enabled = Record<MediaKind, boolean>

/** One negotiation: the connection, and the number of the offer on it. Absent in messages of the published package. */
export interface Attempt {
  session: string
  attempt: number
}

export function isSameAttempt(a: Attempt | undefined, b: Attempt | undefined): boolean {
  return a?.session === b?.session && a?.attempt === b?.attempt
}

/** Whether a candidate belongs to the last attempt or one after it. Recorded ones of an earlier attempt would use up the allowance. */
export function isCurrent(of: Attempt | undefined, last: Attempt | undefined): boolean {
  return of !== undefined && of.session === last?.session && of.attempt >= last.attempt
}

interface Common {
  id: string
  /** The other end runs swarmlink. */
  isSwarmlink: boolean
}

export interface Invoke extends Common {
  type: 'invoke'
  credentials?: unknown
  /** Ends of one participant never connect to each other. */
  participant?: string
  /** A Receiver that holds a connection asks for new ICE credentials on it, or for another connection. */
  again?: 'restart' | 'renew'
  /** The last offer that it has got. */
  attempt?: Attempt
}
/** What a Sender tells its Receivers. */
export interface SenderState {
  state: unknown
  enabled?: Enabled
  /** Grows with each change, because messages over the bus and over the control channel overtake each other. Absent in stock messages. */
  revision?: number
}
export interface Offer extends Common, SenderState {
  type: 'offer'
  sdp: string
  participant?: string
  attempt?: Attempt
}
export interface Answer extends Common {
  type: 'answer'
  sdp: string
  attempt?: Attempt
}
export interface CandidateMessage extends Common {
  type: 'candidate'
  candidates: RTCIceCandidateInit[]
  attempt?: Attempt
}
export interface Sync extends Common, SenderState {
  type: 'sync'
}
export interface Dispose extends Common {
  type: 'dispose'
  reason?: DisposeReason
  /** The session that ends; absent in messages of the published package, and for a Receiver that was refused. */
  session?: string
}
/** Over the control channel: the Receiver shows the video small, or not at all. */
export interface WantMessage extends Common {
  type: 'want'
  demand: Demand
}
/** Over the control channel: the number of messages that arrived, so that the rest can be sent again over another connection. */
export interface ReceivedCount extends Common {
  type: 'received'
  count: number
}
/** Over the control channel: the path works. */
export interface Beat extends Common {
  type: 'beat'
}

export type MediaMessage = Invoke | Offer | Answer | CandidateMessage | Sync | Dispose | WantMessage | ReceivedCount | Beat

/** Reads a message; throws a {@link ProtocolError} for anything else. */
export function decodeMessage(value: unknown): MediaMessage {
  if (typeof value !== 'object' || value === null) return refuse('it is not an object')
  const message = value as Record<string, unknown> // any object's members may be read; those of a description are getters
  const { type, id, swarmlink } = message
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID) return refuse('it has no valid id')
  const common = { id, isSwarmlink: swarmlink === 1 }
  switch (type) {
    case 'invoke':
      return {
        ...common,
        type,
        ...participantOf(message),
        ...('credentials' in message && { credentials: jsonCopy(message['credentials'], MAX_CREDENTIALS, 'credentials') }),
        ...(oneOf(message['again'], ['restart', 'renew']) && { again: message['again'] }),
        ...attemptOf(message),
      }
    case 'offer':
      return {
        ...common,
        type,
        sdp: sdpOf(message['offer'], type),
        ...stateOf(message),
        ...participantOf(message),
        ...attemptOf(message),
      }
    case 'answer':
      return { ...common, type, sdp: sdpOf(message['answer'], type), ...attemptOf(message) }
    case 'candidate':
      return { ...common, type, candidates: candidatesOf(message), ...attemptOf(message) }
    case 'sync':
      return { ...common, type, ...stateOf(message) }
    case 'dispose':
      return {
        ...common,
        type,
        ...(oneOf(message['reason'], REASONS) && { reason: message['reason'] }),
        ...(isSession(message['session']) && { session: message['session'] }),
      }
    case 'want':
      return oneOf(message['demand'], ['off', 'low', 'high'])
        ? { ...common, type, demand: message['demand'] }
        : refuse('its demand is unknown')
    case 'received':
      return isCount(message['count']) ? { ...common, type, count: message['count'] } : refuse('its count is malformed')
    case 'beat':
      return { ...common, type }
    default:
      return refuse('its type is unknown')
  }
}

const REASONS = ['left', 'stopped', 'lost', 'refused', 'timeout', 'full', 'replaced'] as const satisfies DisposeReason[]

function refuse(why: string): never {
  throw new ProtocolError('ERR_BAD_FRAME', `refused a message of a call: ${why}`)
}

function oneOf<T extends string>(value: unknown, choices: readonly T[]): value is T {
  return choices.includes(value as T) // includes compares, whatever the type
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 // a number by the line before
}

function isSession(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)
}

function attemptOf({ session, attempt }: Record<string, unknown>): { attempt?: Attempt } {
  return isSession(session) && isCount(attempt) ? { attempt: { session, attempt } } : {}
}

function participantOf({ participant }: Record<string, unknown>): { participant?: string } {
  return typeof participant === 'string' && participant.length <= MAX_ID ? { participant } : {}
}

function enabledOf(enabled: unknown): { enabled?: Enabled } {
  if (typeof enabled !== 'object' || enabled === null) return {}
  const { audio, video } = enabled as Record<string, unknown> // any object's members may be read
  return { enabled: { audio: audio !== false, video: video !== false } }
}

/** The published package has `state` in version 0.4 and `metadata` from 0.5 on. */
function stateOf({ state, metadata, enabled, revision }: Record<string, unknown>): SenderState {
  return {
    state: jsonCopy(state === undefined ? metadata : state, MAX_STATE, 'state'),
    ...enabledOf(enabled),
    ...(isCount(revision) && { revision }),
  }
}

function sdpOf(description: unknown, type: 'offer' | 'answer'): string {
  if (typeof description !== 'object' || description === null) return refuse(`its ${type} is no description`)
  const { sdp, type: given } = description as Record<string, unknown> // any object's members may be read
  if (typeof sdp !== 'string' || given !== type) return refuse(`its ${type} is no description`)
  return sdp
}

function candidatesOf({ candidate, candidates }: Record<string, unknown>): RTCIceCandidateInit[] {
  const list: unknown[] = Array.isArray(candidates) ? candidates : [candidate]
  if (list.length > MAX_CANDIDATES) return refuse(`it has more than ${MAX_CANDIDATES} candidates`)
  // Those that an implementation must not get are left out: Firefox has candidates for RTCP in its batch, and others name hosts.
  const usable = list.map(candidateOf).filter(({ candidate: line = '' }) => line === '' || isCandidate(line))
  return usable.length > 0 || list.length === 0 ? usable : refuse('a candidate is malformed')
}

function candidateOf(value: unknown): RTCIceCandidateInit {
  if (typeof value !== 'object' || value === null) return refuse('a candidate is malformed')
  const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = value as Record<string, unknown> // any object's members may be read
  if (typeof candidate !== 'string') return refuse('a candidate is malformed')
  return {
    candidate,
    sdpMid: typeof sdpMid === 'string' && sdpMid.length <= MAX_ID ? sdpMid : null,
    sdpMLineIndex: isCount(sdpMLineIndex) && sdpMLineIndex < 64 ? sdpMLineIndex : null,
    ...(typeof usernameFragment === 'string' && usernameFragment.length <= 256 && { usernameFragment }),
  }
}

/** A copy, because a bus within the page may deliver the object of the other end itself. */
function jsonCopy(value: unknown, most: number, what: string): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(value) as string | undefined // undefined for a function, for example
  } catch {
    return refuse(`its ${what} is no JSON`)
  }
  if (text === undefined) return undefined
  if (text.length > most) return refuse(`its ${what} has more than ${most} characters of JSON`)
  return JSON.parse(text)
}
