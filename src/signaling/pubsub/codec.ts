/**
 * What members of a topic say to each other over a bus: a value in, a {@link Message} or a {@link MessageError} out, and back.
 * Knows no driver and no time.
 *
 * Plain objects that JSON can carry; every id is 40 hex characters. Nothing in a message is believed: on an open bus everybody
 * can write anything, under any name.
 */
import { ProtocolError } from '../../core/errors.js'
import { isId, type Id } from '../../core/id.js'
import { isCandidate, parseSdp, type Sdp } from '../../core/sdp.js'

/** How many others somebody may ask for; more connections than any client holds. */
export const MAX_WANTED = 1_000
/** Ours are `0`; nobody names a section with more. */
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
  'bad-offer-id': 'its offer is not named by 40 hex characters',
  'bad-field': 'a field is not of its type',
  'bad-sdp': 'its session description is refused',
  'bad-candidate': 'its candidate is refused',
}

/** To everybody. */
export type Broadcast =
  /** `started`: whoever hears it was there before. `done`: everything is downloaded. `want`: how many others are welcome. `alone`: it has nobody. */
  { kind: 'announce'; from: Id; started: boolean; done: boolean; want: number; alone: boolean } | { kind: 'leave'; from: Id }

/** To one member. */
export type Direct =
  /** The answer to an announcement by somebody who waits to be called. */
  | { kind: 'here'; from: Id; done: boolean }
  | { kind: 'offer' | 'answer'; from: Id; offerId: Id; sdp: string; done: boolean }
  | { kind: 'candidate'; from: Id; offerId: Id; candidate: RTCIceCandidateInit }
  /** The offer, or the answer to it, is not taken up. */
  | { kind: 'refusal'; from: Id; offerId: Id }

/** The same as it arrives: descriptions are read. */
export type Inbound =
  | Broadcast
  | Exclude<Direct, { sdp: string }>
  | { kind: 'offer' | 'answer'; from: Id; offerId: Id; sdp: Sdp; done: boolean }
  /** From a version of ours that is to come. */
  | { kind: 'unknown' }

/** Reads one message; throws nothing but a {@link MessageError}. Fields that it does not know are passed over. */
export function decode(message: unknown): Inbound {
  if (typeof message !== 'object' || message === null) throw new MessageError('not-an-object')
  const fields = message as Fields // an object, whatever its fields are
  const { kind } = fields
  if (typeof kind !== 'string') throw new MessageError('bad-field')
  switch (kind) {
    case 'announce':
      return {
        kind,
        from: sender(fields),
        started: flag(fields['started']),
        done: flag(fields['done']),
        want: count(fields['want']),
        alone: flag(fields['alone']),
      }
    case 'leave':
      return { kind, from: sender(fields) }
    case 'here':
      return { kind, from: sender(fields), done: flag(fields['done']) }
    case 'offer':
    case 'answer':
      return {
        kind,
        from: sender(fields),
        offerId: offerId(fields),
        sdp: description(fields['sdp']),
        done: flag(fields['done']),
      }
    case 'candidate':
      return { kind, from: sender(fields), offerId: offerId(fields), candidate: candidate(fields['candidate']) }
    case 'refusal':
      return { kind, from: sender(fields), offerId: offerId(fields) }
    default:
      return { kind: 'unknown' }
  }
}

/** A message as it goes to the driver: without the fields that say nothing. */
export function encode(message: Broadcast | Direct): object {
  switch (message.kind) {
    case 'announce':
      return {
        kind: message.kind,
        from: message.from,
        ...(message.started && { started: true }),
        ...(message.done && { done: true }),
        want: Math.min(Math.max(Math.floor(message.want), 0), MAX_WANTED),
        ...(message.alone && { alone: true }),
      }
    case 'here':
      return { kind: message.kind, from: message.from, ...(message.done && { done: true }) }
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

function id(value: unknown): Id | undefined {
  return typeof value === 'string' && isId(value) ? value : undefined
}

function sender(fields: Fields): Id {
  const from = id(fields['from'])
  if (from === undefined) throw new MessageError('bad-from')
  return from
}

function offerId(fields: Fields): Id {
  const offer = id(fields['offerId'])
  if (offer === undefined) throw new MessageError('bad-offer-id')
  return offer
}

function flag(value: unknown): boolean {
  if (value !== undefined && value !== null && typeof value !== 'boolean') throw new MessageError('bad-field')
  return value === true
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new MessageError('bad-field')
  return Math.min(Math.max(Math.floor(value), 0), MAX_WANTED)
}

function description(value: unknown): Sdp {
  try {
    return parseSdp(value)
  } catch (cause) {
    throw new MessageError('bad-sdp', { cause })
  }
}

function candidate(value: unknown): RTCIceCandidateInit {
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
