/**
 * The messages between members of a topic on a bus: a value in, an {@link InboundMessage} or a {@link MessageError} out, and back. Knows no driver
 * and no time.
 *
 * Messages are plain JSON objects; every id is 40 hex characters. Nothing in a message is trusted: on an open bus any client can write
 * anything, under any id.
 */
import { ProtocolError } from '../../core/errors.js'
import { isId, type Id } from '../../core/id.js'
import { isCandidate, parseSdp, type Sdp } from '../../core/sdp.js'

/** Bound of `want`; more connections than a client has. */
export const MAX_WANTED = 1_000
/** Characters of a `mid`; swarmlink's own is `0`. */
const MAX_MID = 64
/** A description has one section for data; browsers number it 0. */
const MAX_LINE_INDEX = 16

/** Why a message was dropped: a closed set, so that counting costs no memory. */
export type MessageFault = 'not-an-object' | 'bad-from' | 'bad-offer-id' | 'bad-field' | 'bad-sdp' | 'bad-candidate'

export class MessageError extends ProtocolError {
  readonly fault: MessageFault

  constructor(fault: MessageFault, options?: ErrorOptions) {
    super(fault === 'bad-sdp' ? 'ERR_BAD_SDP' : 'ERR_BAD_FRAME', `dropped a member's message: ${FAULTS[fault]}`, options)
    this.name = 'MessageError'
    this.fault = fault
  }
}

const FAULTS: Record<MessageFault, string> = {
  'not-an-object': 'it is not an object',
  'bad-from': 'its sender is not 40 hex characters',
  'bad-offer-id': 'its offer id is not 40 hex characters',
  'bad-field': 'a field has the wrong type',
  'bad-sdp': 'its session description is refused',
  'bad-candidate': 'its candidate is refused',
}

/** To all members. */
export type Broadcast =
  /** `started`: the sender is a newcomer. `done`: it is a seeder. `want`: how many peers it wants. `alone`: it has at most one peer. */
  { kind: 'announce'; from: Id; started: boolean; done: boolean; want: number; alone: boolean } | { kind: 'leave'; from: Id }

/** To one member. */
export type Direct =
  /** The reply to an announcement: asks the announcer to dial the sender. */
  | { kind: 'here'; from: Id; done: boolean }
  | { kind: 'offer' | 'answer'; from: Id; offerId: Id; sdp: string; done?: boolean }
  | { kind: 'candidate'; from: Id; offerId: Id; candidate: RTCIceCandidateInit }
  /** Refuses the offer, or the answer to it. */
  | { kind: 'refusal'; from: Id; offerId: Id }

/** A received message, with its description parsed. */
export type InboundMessage =
  | Broadcast
  | Exclude<Direct, { sdp: string }>
  | { kind: 'offer' | 'answer'; from: Id; offerId: Id; sdp: Sdp; done: boolean }
  /** From a later version. */
  | { kind: 'unknown' }

/** Decodes one message; throws only a {@link MessageError}. Ignores unknown fields. */
export function decode(message: unknown): InboundMessage {
  if (typeof message !== 'object' || message === null) throw new MessageError('not-an-object')
  // An object, whose fields are checked one by one.
  const { kind, from, offerId, started, done, want, alone, sdp, candidate } = message as Fields
  if (typeof kind !== 'string') throw new MessageError('bad-field')
  switch (kind) {
    case 'announce':
      return { kind, from: sender(from), started: flag(started), done: flag(done), want: count(want), alone: flag(alone) }
    case 'leave':
      return { kind, from: sender(from) }
    case 'here':
      return { kind, from: sender(from), done: flag(done) }
    case 'offer':
    case 'answer':
      return { kind, from: sender(from), offerId: offer(offerId), sdp: readDescription(sdp), done: flag(done) }
    case 'candidate':
      return { kind, from: sender(from), offerId: offer(offerId), candidate: readCandidate(candidate) }
    case 'refusal':
      return { kind, from: sender(from), offerId: offer(offerId) }
    default:
      return { kind: 'unknown' }
  }
}

/** The message for the driver, without fields that have their default. */
export function encode(message: Broadcast | Direct): object {
  switch (message.kind) {
    case 'announce': {
      const { started, done, want, alone, ...rest } = message
      const flags = { ...(started && { started }), ...(done && { done }), ...(alone && { alone }) }
      return { ...rest, ...flags, want: clamped(want) }
    }
    case 'here':
    case 'offer':
    case 'answer': {
      const { done, ...rest } = message
      return { ...rest, ...(done && { done }) }
    }
    case 'candidate': {
      const { candidate: text, sdpMid, sdpMLineIndex } = message.candidate
      return { ...message, candidate: { candidate: text, sdpMid, sdpMLineIndex } }
    }
    default:
      return { ...message }
  }
}

type Fields = Record<string, unknown>

function sender(value: unknown): Id {
  if (isId(value)) return value
  throw new MessageError('bad-from')
}

function offer(value: unknown): Id {
  if (isId(value)) return value
  throw new MessageError('bad-offer-id')
}

function flag(value: unknown): boolean {
  if (value !== undefined && value !== null && typeof value !== 'boolean') throw new MessageError('bad-field')
  return value === true
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new MessageError('bad-field')
  return clamped(value)
}

function clamped(want: number): number {
  return Math.min(Math.max(Math.floor(want), 0), MAX_WANTED)
}

function readDescription(value: unknown): Sdp {
  try {
    return parseSdp(value)
  } catch (cause) {
    throw new MessageError('bad-sdp', { cause })
  }
}

function readCandidate(value: unknown): RTCIceCandidateInit {
  if (typeof value !== 'object' || value === null) throw new MessageError('bad-candidate')
  const { candidate: text, sdpMid = null, sdpMLineIndex = null } = value as Fields // as above
  const isMid = sdpMid === null || (typeof sdpMid === 'string' && sdpMid.length <= MAX_MID && /^[!-~]*$/.test(sdpMid))
  const isLineIndex =
    sdpMLineIndex === null ||
    (typeof sdpMLineIndex === 'number' &&
      Number.isInteger(sdpMLineIndex) &&
      sdpMLineIndex >= 0 &&
      sdpMLineIndex <= MAX_LINE_INDEX)
  if (typeof text !== 'string' || !isCandidate(text) || !isMid || !isLineIndex) throw new MessageError('bad-candidate')
  return { candidate: text, sdpMid, sdpMLineIndex }
}
