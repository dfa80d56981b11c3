/**
 * The codec of the published `p2pt` package: splits a message into numbered chunks of text, and reads them. Knows no channel.
 *
 * A frame is `^` and a JSON object `{ id, msg, c, last?, o? }`: the message's id, a chunk of its text, the chunk's number, a mark on the
 * last chunk, and a mark when the whole text is JSON. An answer carries the id of the message that it answers.
 */
import { excessOf } from '../channel/messages/json.js'
import { encodeJson } from '../channel/messages/message-codec.js'
import { LIMITS } from '../channel/messages/message-copier.js'
import type { Json } from '../channel/messages/messenger.js'
import { ProtocolError } from '../core/errors.js'

/** A message's id: a number in the package, or a text that an application chose. */
export type MessageId = number | string

/** The package's chunk length; it cuts between any two UTF-16 units. */
export const CHUNK_LENGTH = 16_000
/** Lower bound, even if a remote declares a smaller message limit: below it the overhead of frames would exceed their content. */
export const LEAST_CHUNK_LENGTH = 256
/** Length of the longest JSON escape of a character, `\u0000`. */
const ESCAPED = 6
/** The most characters of a frame beside its chunk. */
const FRAME_OVERHEAD = 256
/** The package's longest frame has 96 100 characters: a chunk of control characters. */
export const MAX_FRAME_LENGTH = 128 * 1024
/** Characters of a message, and of all unfinished messages of one peer: two bytes each at worst. */
export const MAX_TEXT_LENGTH = 16 * 1024 * 1024
const MAX_CHUNKS = MAX_TEXT_LENGTH / LEAST_CHUNK_LENGTH
/** Unfinished messages of one peer. The package sends one message after the other, so one is usual. */
export const MAX_OPEN = 16
const MAX_ID_LENGTH = 64

const MARK = '^'
const NO_BYTES = 'this peer runs the published p2pt, which takes bytes only as a message of their own, or as a text'

/** Why a frame or message was dropped: a closed set, so that counting costs no memory. */
export type P2PTFault =
  | 'too-large'
  | 'too-many'
  | 'too-deep'
  | 'too-much-json'
  | 'not-json'
  | 'bad-id'
  | 'bad-chunk'
  | 'out-of-order'
  | 'stalled'
  | 'bad-envelope'
  | 'unreadable'

export class P2PTFrameError extends ProtocolError {
  readonly fault: P2PTFault

  constructor(fault: P2PTFault, options?: ErrorOptions) {
    super('ERR_BAD_FRAME', `dropped a message of a peer: ${FAULTS[fault]}`, options)
    this.name = 'P2PTFrameError'
    this.fault = fault
  }
}

const FAULTS: Record<P2PTFault, string> = {
  'too-large': `a frame is longer than ${MAX_FRAME_LENGTH} characters, or a message than ${MAX_TEXT_LENGTH}`,
  'too-many': `more than ${MAX_OPEN} messages are unfinished`,
  'too-deep': `it is nested deeper than ${LIMITS.depth} levels`,
  'too-much-json': `its JSON is longer than \`maxJsonSize\`, or has more than ${LIMITS.values} values`,
  'not-json': 'a frame or a message is not JSON',
  'bad-id': 'the id of a message is neither a number nor a short text',
  'bad-chunk': 'a chunk has no text or no number',
  'out-of-order': 'a chunk is missing or came twice',
  stalled: 'its remaining chunks did not arrive in time',
  'bad-envelope': 'it has no valid envelope: the other side may not be a P2PT room',
  unreadable: 'it is neither JSON nor bytes',
}

/** A message as text. */
export interface Body {
  text: string
  /** True when the text is JSON, false when it is the message itself. */
  isJson: boolean
}

/** One chunk. */
export interface StockFrame {
  id: MessageId
  text: string
  chunk: number
  last: boolean
  isJson: boolean
}

export interface StockMessage {
  id: MessageId
  message: Json
}

/** Like the package, sends texts as they are. The package cannot send the empty text, numbers, true and false; this function can. */
export function bodyOf(message: unknown): Body {
  return typeof message === 'string' ? { text: message, isJson: false } : { text: encodeJson(message, NO_BYTES), isJson: true }
}

/** The chunk length at which every frame fits into a message of this many bytes. */
export function chunkLength(maxMessageSize: number): number {
  const fits = Math.floor((maxMessageSize - FRAME_OVERHEAD) / ESCAPED)
  return Math.max(LEAST_CHUNK_LENGTH, Math.min(CHUNK_LENGTH, fits))
}

/** Encodes one message, frame by frame, as they can be sent. */
export function* encode(id: MessageId, { text, isJson }: Body, length = CHUNK_LENGTH): Generator<string, void> {
  for (let start = 0, c = 0; c === 0 || start < text.length; start += length, c++) {
    const msg = text.slice(start, start + length)
    const last = start + length >= text.length
    yield MARK + JSON.stringify({ id, msg, ...(isJson && { o: 1 }), c, ...(last && { last }) })
  }
}

export function isFrame(text: string): boolean {
  return text.startsWith(MARK)
}

/** Decodes one frame; throws only a {@link P2PTFrameError}. */
export function decode(text: string): StockFrame {
  if (text.length > MAX_FRAME_LENGTH) throw new P2PTFrameError('too-large')
  const value = parse(text.slice(MARK.length))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new P2PTFrameError('not-json')
  const { id, msg, c, last, o } = value
  if (!isMessageId(id)) throw new P2PTFrameError('bad-id')
  if (typeof msg !== 'string' || typeof c !== 'number' || !Number.isInteger(c) || c < 0) throw new P2PTFrameError('bad-chunk')
  if (c >= MAX_CHUNKS) throw new P2PTFrameError('too-large')
  return { id, text: msg, chunk: c, last: Boolean(last), isJson: Boolean(o) } // the package tests both for truthiness
}

/** Whether this is a valid message id. The empty text is not: the package takes it for no id. */
export function isMessageId(id: unknown): id is MessageId {
  if (typeof id === 'string') return id !== '' && id.length <= MAX_ID_LENGTH
  return typeof id === 'number' && Number.isFinite(id)
}

/** The message of a whole text. Throws only a {@link P2PTFrameError}. */
export function messageOf(text: string, isJson: boolean): Json {
  if (!isJson) return text
  const excess = excessOf(text)
  if (excess !== undefined) throw new P2PTFrameError(excess === 'depth' ? 'too-deep' : 'too-much-json')
  return parse(text)
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json // JSON.parse returns only Json
  } catch {
    throw new P2PTFrameError('not-json') // without the parser's error, which quotes the peer
  }
}
