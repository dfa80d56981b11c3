/**
 * The WebTorrent tracker protocol: text in, a value or a {@link FrameError} out, and back. Knows no socket and no time.
 *
 * JSON objects, in which every id is a "binary string" of 20 latin-1 characters. Nothing in a frame is believed: most of
 * what arrives was written by other members of the swarm, and one tracker passes their whole JSON object on.
 */
import { binaryToHex, hexToBinary, utf8 } from '../../core/bytes.js'
import { ProtocolError, SwarmlinkError } from '../../core/errors.js'
import { ID_BYTES, isId, type Id } from '../../core/id.js'
import { parseSdp } from '../../core/sdp.js'
import { oneLine } from '../../core/text.js'
import type { Announcement, InboundDescription, OutboundAnswer, SwarmCounts } from '../signaling.js'

/** wt-tracker and aquatic close a connection that sends more; nothing that a tracker has to tell us needs more. */
export const MAX_FRAME = 64 * 1024
/** A tracker that asks for less is hammered by all of its peers; none that we know asks for less than 20 s. */
export const MIN_INTERVAL = 1_000
/** Trackers forget a peer that stays silent for long, whatever pace they asked for. */
export const MAX_INTERVAL = 60 * 60 * 1_000
/** More peers than any swarm has; keeps sums and estimates within exact numbers. */
export const MAX_COUNT = 1_000_000
/** Sent back with every frame, so a long one would cost us traffic for ever. */
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

/** A frame that cannot be used. `topic` is known when that much of it was readable. */
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

/** What a tracker says. */
export type Inbound =
  | { kind: 'offer'; topic: Id; description: InboundDescription }
  | { kind: 'answer'; topic: Id; description: InboundDescription }
  | { kind: 'counts'; topic: Id; counts: SwarmCounts; warning?: string; trackerId?: string }
  | { kind: 'failure'; topic: Id; reason: string }
  /** A failure without a topic: the tracker could not read so much of what we sent. */
  | { kind: 'complaint'; reason: string }
  /** We never ask for one. */
  | { kind: 'scrape' }

/**
 * Reads one frame; throws nothing but a {@link FrameError}.
 *
 * A field of the wrong type makes the whole frame worthless; a number of the right type is clamped. `null` is the same as
 * a missing field. In a frame that carries an offer or an answer everything else is ignored: no tracker puts its own words
 * there, but wt-tracker lets the answering peer do it.
 */
export function decode(text: string): Inbound {
  if (text.length > MAX_FRAME) throw new FrameError('too-large')
  const frame = parseObject(text)
  if (frame['action'] === 'scrape') return { kind: 'scrape' }
  const failure = frame['failure reason'] ?? undefined
  // A tracker that could not read our frame answers without an action and without an info_hash.
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

function parseObject(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new FrameError('not-json') // the parser's error quotes the tracker
  }
  if (!isObject(value)) throw new FrameError('not-json')
  return value
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function binaryToId(value: unknown): Id | undefined {
  return typeof value === 'string' && value.length === ID_BYTES ? binaryToHex(value) : undefined
}

function description(frame: Fields, type: 'offer' | 'answer', value: unknown, topic: Id): InboundDescription {
  const from = binaryToId(frame['peer_id'])
  if (from === undefined) throw new FrameError('bad-peer-id', topic)
  const offerId = binaryToId(frame['offer_id'])
  if (offerId === undefined) throw new FrameError('bad-offer-id', topic)
  if (!isObject(value) || value['type'] !== type || typeof value['sdp'] !== 'string')
    throw new FrameError('bad-description', topic)
  try {
    return { from, offerId, sdp: parseSdp(value['sdp']) }
  } catch (cause) {
    throw new FrameError('bad-sdp', topic, { cause })
  }
}

function counts(frame: Fields, topic: Id): Inbound {
  const complete = number(frame['complete'], topic)
  const incomplete = number(frame['incomplete'], topic)
  const interval = number(frame['interval'], topic)
  const minInterval = number(frame['min interval'], topic)
  const warning = frame['warning message'] ?? undefined
  const trackerId = frame['tracker id'] ?? undefined
  // A shortened id would be a wrong one, so a long one is a fault.
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

/** `1e999` parses to Infinity, which is as little of a number as a string is. */
function number(value: unknown, topic: Id): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FrameError('bad-number', topic)
  return value
}

/** A tracker that counts wrongly may report less than nothing. */
function clampCount(count: number): number {
  return Math.min(Math.max(Math.floor(count), 0), MAX_COUNT)
}

/** Seconds to milliseconds. Zero and less never come here: they ask for nothing and are left out, as the stock client does. */
function clampInterval(seconds: number): number {
  return Math.min(Math.max(seconds * 1_000, MIN_INTERVAL), MAX_INTERVAL)
}

/** A tracker's text as one line. */
function line(value: unknown, topic: Id | undefined): string {
  if (typeof value !== 'string') throw new FrameError('bad-text', topic)
  return oneLine(value)
}

/**
 * An announcement as text, never longer than {@link MAX_FRAME}: offers that do not fit are left out, from the end.
 *
 * `event` is left out of a plain update, because wt-tracker knows no event `update`; an announcement of `stopped` or
 * `completed` carries no offers. Numbers are whole and finite, because aquatic drops a frame with any other.
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
      left: whole(left, Number.MAX_SAFE_INTEGER), // unknown is not nothing: zero would make us a seeder
      // wt-tracker passes on no more offers than this.
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

/** An answer as text. */
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
  if (!isId(id)) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `not an id of 40 hex characters: ${id.slice(0, 80)}`)
  return hexToBinary(id)
}

function whole(value: number, unknown: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(Math.floor(value), 0), Number.MAX_SAFE_INTEGER) : unknown
}
