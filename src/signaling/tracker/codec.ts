/**
 * The WebTorrent tracker protocol: text in, a value or a {@link FrameError} out, and back. Knows no socket and no time.
 *
 * Frames are JSON objects, in which every id is a "binary string" of 20 latin-1 characters. Nothing in a frame is trusted: most fields were
 * written by other peers of the swarm, and wt-tracker forwards their whole JSON object.
 */
import { isRecord, parseRecord } from '../../core/arguments.js'
import { binaryToHex, hexToBinary, utf8 } from '../../core/bytes.js'
import { misuse, ProtocolError } from '../../core/errors.js'
import { ID_BYTES, isId, type Id } from '../../core/id.js'
import { parseSdp } from '../../core/sdp.js'
import { oneLine } from '../../core/text.js'
import type { Announcement, InboundDescription, OutboundAnswer, SwarmCounts } from '../signaling.js'

/** wt-tracker and aquatic close a connection that sends more; no frame of a tracker needs more. */
export const MAX_FRAME = 64 * 1024
/** A shorter interval would make all peers flood their tracker; no known tracker asks for less than 20 s. */
export const MIN_INTERVAL = 1_000
/** Trackers forget a peer that is silent for longer, whatever interval they asked for. */
export const MAX_INTERVAL = 60 * 60 * 1_000
/** More peers than any swarm has; keeps sums and estimates within exact numbers. */
export const MAX_COUNT = 1_000_000
/** Returned with every frame, so a long id would cost traffic for ever. */
const MAX_TRACKER_ID = 128

/** Why a frame was dropped: a closed set, so that counting costs no memory. */
export type FrameFault =
  | 'too-large'
  | 'not-json'
  | 'bad-action'
  | 'bad-info-hash'
  | 'bad-peer-id'
  | 'bad-offer-id'
  | 'bad-description'
  | 'bad-sdp'
  | 'bad-number'
  | 'bad-text'

/** A malformed frame. `topic` is set when its info_hash was valid. */
export class FrameError extends ProtocolError {
  readonly fault: FrameFault
  readonly topic: Id | undefined

  constructor(fault: FrameFault, topic?: Id, options?: ErrorOptions) {
    super(fault === 'bad-sdp' ? 'ERR_BAD_SDP' : 'ERR_BAD_FRAME', `dropped a tracker's frame: ${FAULTS[fault]}`, options)
    this.name = 'FrameError'
    this.fault = fault
    this.topic = topic
  }
}

const FAULTS: Record<FrameFault, string> = {
  'too-large': `it is longer than ${MAX_FRAME} characters`,
  'not-json': 'it is not a JSON object',
  'bad-action': 'its action is unknown',
  'bad-info-hash': 'its info_hash is not a string of 20 latin-1 characters',
  'bad-peer-id': 'its peer_id is not a string of 20 latin-1 characters',
  'bad-offer-id': 'its offer_id is not a string of 20 latin-1 characters',
  'bad-description': 'its offer or answer is not a session description of that type',
  'bad-sdp': 'its session description is refused',
  'bad-number': 'an interval or a count is not a finite number',
  'bad-text': 'a text is not a string of acceptable length',
}

/** From a tracker. */
export type InboundFrame =
  | { kind: 'offer'; topic: Id; description: InboundDescription }
  | { kind: 'answer'; topic: Id; description: InboundDescription }
  | { kind: 'counts'; topic: Id; counts: SwarmCounts; warning?: string; trackerId?: string }
  | { kind: 'failure'; topic: Id; reason: string }
  /** A failure without a topic: the tracker could not decode the info_hash of our frame. */
  | { kind: 'complaint'; reason: string }
  /** Never requested. */
  | { kind: 'scrape' }

/**
 * Decodes one frame; throws only a {@link FrameError}.
 *
 * A field of the wrong type invalidates the frame; a number out of bounds is clamped. `null` counts as a missing field. In a frame with an
 * offer or an answer all other fields are ignored: no tracker sets them, but wt-tracker forwards those of the answering peer.
 */
export function decode(text: string): InboundFrame {
  if (text.length > MAX_FRAME) throw new FrameError('too-large')
  const frame = parseRecord(text)
  if (frame === undefined) throw new FrameError('not-json')
  if (frame['action'] === 'scrape') return { kind: 'scrape' }
  const failure = frame['failure reason'] ?? undefined
  // A tracker that could not decode our frame answers without action and info_hash.
  const anonymous = failure !== undefined && (frame['info_hash'] ?? undefined) === undefined
  if (frame['action'] !== 'announce' && !(anonymous && (frame['action'] ?? undefined) === undefined))
    throw new FrameError('bad-action')
  if (anonymous) return { kind: 'complaint', reason: line(failure, undefined) }

  const topic = binaryToId(frame['info_hash'])
  if (topic === undefined) throw new FrameError('bad-info-hash')
  const offer = frame['offer'] ?? undefined
  const answer = frame['answer'] ?? undefined
  if (offer !== undefined && answer !== undefined) throw new FrameError('bad-description', topic)
  if (offer !== undefined) return { kind: 'offer', topic, description: description(frame, 'offer', offer, topic) }
  if (answer !== undefined) return { kind: 'answer', topic, description: description(frame, 'answer', answer, topic) }
  if (failure !== undefined) return { kind: 'failure', topic, reason: line(failure, topic) }
  return counts(frame, topic)
}

type Fields = Record<string, unknown>

function binaryToId(value: unknown): Id | undefined {
  return typeof value === 'string' && value.length === ID_BYTES ? binaryToHex(value) : undefined
}

function description(frame: Fields, type: 'offer' | 'answer', value: unknown, topic: Id): InboundDescription {
  const from = binaryToId(frame['peer_id'])
  if (from === undefined) throw new FrameError('bad-peer-id', topic)
  const offerId = binaryToId(frame['offer_id'])
  if (offerId === undefined) throw new FrameError('bad-offer-id', topic)
  if (!isRecord(value) || value['type'] !== type || typeof value['sdp'] !== 'string')
    throw new FrameError('bad-description', topic)
  try {
    return { from, offerId, sdp: parseSdp(value['sdp']) }
  } catch (cause) {
    throw new FrameError('bad-sdp', topic, { cause })
  }
}

function counts(frame: Fields, topic: Id): InboundFrame {
  const complete = number(frame['complete'], topic)
  const incomplete = number(frame['incomplete'], topic)
  const interval = number(frame['interval'], topic)
  const minInterval = number(frame['min interval'], topic)
  const warning = frame['warning message'] ?? undefined
  const trackerId = frame['tracker id'] ?? undefined
  // A truncated id would be a wrong one, so a long id is a fault.
  if (trackerId !== undefined && (typeof trackerId !== 'string' || trackerId.length > MAX_TRACKER_ID))
    throw new FrameError('bad-text', topic)
  return {
    kind: 'counts',
    topic,
    counts: {
      ...(complete !== undefined && { complete: clampCount(complete) }),
      ...(incomplete !== undefined && { incomplete: clampCount(incomplete) }),
      ...(interval !== undefined && interval > 0 && { interval: clampInterval(interval) }),
      ...(minInterval !== undefined && minInterval > 0 && { minInterval: clampInterval(minInterval) }),
    },
    ...(warning !== undefined && { warning: line(warning, topic) }),
    ...(trackerId !== undefined && { trackerId }),
  }
}

/** `1e999` parses to Infinity, which is refused like a string. */
function number(value: unknown, topic: Id): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FrameError('bad-number', topic)
  return value
}

/** A faulty tracker may report negative counts. */
function clampCount(count: number): number {
  return Math.min(Math.max(Math.floor(count), 0), MAX_COUNT)
}

/** Seconds to milliseconds. The caller drops values of zero and less, as the stock client does. */
function clampInterval(seconds: number): number {
  return Math.min(Math.max(seconds * 1_000, MIN_INTERVAL), MAX_INTERVAL)
}

/** A tracker's text as one line. */
function line(value: unknown, topic: Id | undefined): string {
  if (typeof value !== 'string') throw new FrameError('bad-text', topic)
  return oneLine(value)
}

/**
 * Encodes an announcement, at most {@link MAX_FRAME} long: offers that do not fit are omitted, from the end.
 *
 * A plain update has no `event`, because wt-tracker knows no event `update`; `stopped` and `completed` carry no offers. Numbers are whole
 * and finite, because aquatic drops a frame with any other.
 */
export function encodeAnnouncement(announcement: Announcement, trackerId?: string): string {
  const { topic, from, event, uploaded, downloaded, left, port } = announcement
  const carried = event === 'stopped' || event === 'completed' ? [] : announcement.offers
  const offers = carried.map(({ id, sdp }) => ({ offer: { type: 'offer', sdp }, offer_id: binary(id) }))
  const text = (count: number) =>
    JSON.stringify({
      action: 'announce',
      info_hash: binary(topic),
      peer_id: binary(from),
      uploaded: whole(uploaded, 0),
      downloaded: whole(downloaded, 0),
      left: whole(left, Number.MAX_SAFE_INTEGER), // unknown is not 0, which would make this client a seeder
      // wt-tracker forwards no more offers than `numwant`.
      numwant: event === 'stopped' ? 0 : Math.max(whole(announcement.numwant, 0), count),
      port: whole(port, 0),
      ...(event !== undefined && { event }),
      ...(trackerId !== undefined && { trackerid: trackerId }),
      ...(carried.length > 0 && { offers: offers.slice(0, count) }),
    })
  let count = offers.length
  let frame = text(count)
  while (count > 0 && utf8.encode(frame).length > MAX_FRAME) frame = text(--count)
  return frame
}

/** Encodes an answer. */
export function encodeAnswer({ topic, from, to, offerId, sdp }: OutboundAnswer, trackerId?: string): string {
  return JSON.stringify({
    action: 'announce',
    info_hash: binary(topic),
    peer_id: binary(from),
    to_peer_id: binary(to),
    offer_id: binary(offerId),
    answer: { type: 'answer', sdp },
    ...(trackerId !== undefined && { trackerid: trackerId }),
  })
}

function binary(id: Id): string {
  if (isId(id)) return hexToBinary(id)
  throw misuse(`not an id of 40 hex characters: ${String(id).slice(0, 80)}`)
}

function whole(value: number, unknown: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(Math.floor(value), 0), Number.MAX_SAFE_INTEGER) : unknown
}
