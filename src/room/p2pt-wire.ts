/**
 * The frames of the published `p2pt` package: a message as numbered chunks of text, and the chunks of one peer as messages
 * again. Knows no channel, and no time but what it is told.
 *
 * A frame is `^` and a JSON object `{ id, msg, c, last?, o? }`: the message's id, a piece of its text, the piece's number, a mark
 * on the last one, and a mark when the whole text is JSON. An answer carries the id of what it answers.
 */
import { excessOf } from '../channel/json.js'
import { encodeJson } from '../channel/message-codec.js'
import { LIMITS } from '../channel/message-form.js'
import type { Json } from '../channel/messenger.js'
import { ProtocolError } from '../core/errors.js'

/** What a message is named by: a number in what the package sends, a text when an application of it chose so. */
export type MessageId = number | string

/** The package cuts here, between any two UTF-16 units. */
export const CHUNK_LENGTH = 16_000
/** Below this the frames around the chunks would cost more than what is in them, whatever little a remote says it takes. */
const LEAST_CHUNK_LENGTH = 256
/** What JSON makes of a character at worst: `\u0000`. */
const ESCAPED = 6
/** What a frame has around its chunk, at most. */
const FRAME_OVERHEAD = 256
/** The longest that the package sends is 96 100 characters long: a chunk of control characters. */
export const MAX_FRAME_LENGTH = 128 * 1024
/** A message, and everything of one peer that waits for its last chunk: two bytes each at worst. */
export const MAX_TEXT_LENGTH = 16 * 1024 * 1024
const MAX_CHUNKS = MAX_TEXT_LENGTH / LEAST_CHUNK_LENGTH
/** The package sends one message after the other, so one is open at a time. */
const MAX_OPEN = 16
const MAX_ID_LENGTH = 64

const MARK = '^'
const NO_BYTES = 'this peer runs the published p2pt, which takes bytes only as a message of their own, or as a text'

/** Why something that a peer sent was dropped: a closed set, so that counting costs no memory. */
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
    super('ERR_BAD_FRAME', `dropped what a peer sent: ${FAULTS[fault]}`, options)
    this.name = 'P2PTFrameError'
    this.fault = fault
  }
}

const FAULTS: Record<P2PTFault, string> = {
  'too-large': `a frame is longer than ${MAX_FRAME_LENGTH} characters, or a message than ${MAX_TEXT_LENGTH}`,
  'too-many': `more than ${MAX_OPEN} messages are unfinished`,
  'too-deep': `a message is nested deeper than ${LIMITS.depth} levels`,
  'too-much-json': `the JSON of a message is longer than \`maxJsonSize\`, or has more than ${LIMITS.values} values`,
  'not-json': 'a frame or a message is not JSON',
  'bad-id': 'the id of a message is neither a number nor a short text',
  'bad-chunk': 'a chunk has no text or no number',
  'out-of-order': 'a chunk is missing, or came twice',
  stalled: 'the rest of a message did not come',
  'bad-envelope': 'a message without an id; is the other side a P2PT room?',
  unreadable: 'a message that is neither JSON nor bytes',
}

/** What a message looks like on its way. */
export interface Body {
  text: string
  /** The text is JSON; otherwise it is the message. */
  isJson: boolean
}

/** One chunk. */
export interface Frame {
  id: MessageId
  text: string
  chunk: number
  last: boolean
  isJson: boolean
}

export interface InboundMessage {
  id: MessageId
  message: Json
}

/** As the package does it, which sends texts as they are. It loses the empty one, numbers, and true and false; JSON has them all. */
export function bodyOf(message: unknown): Body {
  return typeof message === 'string' ? { text: message, isJson: false } : { text: encodeJson(message, NO_BYTES), isJson: true }
}

/** How much of a text one frame may carry so that it surely fits into a message of this many bytes. */
export function chunkLength(maxMessageSize: number): number {
  const fits = Math.floor((maxMessageSize - FRAME_OVERHEAD) / ESCAPED)
  return Math.max(LEAST_CHUNK_LENGTH, Math.min(CHUNK_LENGTH, fits))
}

/** The frames of one message, made one by one as they can leave. */
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

/** Reads one frame; throws nothing but a {@link P2PTFrameError}. */
export function decode(text: string): Frame {
  if (text.length > MAX_FRAME_LENGTH) throw new P2PTFrameError('too-large')
  const value = parse(text.slice(MARK.length))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new P2PTFrameError('not-json')
  const { id, msg, c, last, o } = value
  if (!isMessageId(id)) throw new P2PTFrameError('bad-id')
  if (typeof msg !== 'string' || typeof c !== 'number' || !Number.isInteger(c) || c < 0) throw new P2PTFrameError('bad-chunk')
  if (c >= MAX_CHUNKS) throw new P2PTFrameError('too-large')
  return { id, text: msg, chunk: c, last: Boolean(last), isJson: Boolean(o) } // the package looks at both like this
}

/** Whether a message can be named so. An empty text is none: to the package it means that there is no id. */
export function isMessageId(id: unknown): id is MessageId {
  if (typeof id === 'string') return id !== '' && id.length <= MAX_ID_LENGTH
  return typeof id === 'number' && Number.isFinite(id)
}

interface Unfinished {
  readonly parts: string[]
  length: number
  /** When the last chunk came. */
  at: number
}

/**
 * The chunks of one peer on their way to messages. They come over an ordered and reliable channel, so a chunk that is not the
 * next one means that the message cannot be had any more.
 */
export class Assembly {
  /** The one that made no progress for longest comes first. */
  readonly #unfinished = new Map<string, Unfinished>()
  readonly #jsonLimit: number
  #length = 0

  /** `jsonLimit`: the longest JSON text of a message that this side takes, in characters. */
  constructor(jsonLimit: number) {
    this.#jsonLimit = jsonLimit
  }

  /** Messages that wait for more. */
  get size(): number {
    return this.#unfinished.size
  }

  /** Characters that are kept for them. A chunk counts as 256 at least, so that chunks of nothing count too. */
  get length(): number {
    return this.#length
  }

  /** The message, if this was its last chunk. Throws nothing but a {@link P2PTFrameError}. */
  add({ id, text, chunk, last, isJson }: Frame, now: number): InboundMessage | undefined {
    const key = String(id) // so does the package, in whose eyes 1 and '1' are the same
    const known = this.#take(key)
    if (chunk !== (known?.parts.length ?? 0)) throw new P2PTFrameError('out-of-order')
    const length = (known?.length ?? 0) + Math.max(text.length, LEAST_CHUNK_LENGTH)
    if (this.#length + length > MAX_TEXT_LENGTH) throw new P2PTFrameError('too-large')
    if (isJson && length > this.#jsonLimit) throw new P2PTFrameError('too-much-json')
    if (last) return { id, message: messageOf(known === undefined ? text : known.parts.join('') + text, isJson) }
    if (this.#unfinished.size >= MAX_OPEN) throw new P2PTFrameError('too-many')
    const unfinished = known ?? { parts: [], length: 0, at: now }
    unfinished.parts.push(text)
    unfinished.length = length
    unfinished.at = now
    this.#unfinished.set(key, unfinished)
    this.#length += unfinished.length
    return undefined
  }

  /** Forgets what made no progress since then, and says how many messages that were. */
  expire(since: number): number {
    let expired = 0
    for (const [key, { at }] of this.#unfinished) {
      if (at > since) break
      this.#take(key)
      expired++
    }
    return expired
  }

  clear(): void {
    this.#unfinished.clear()
    this.#length = 0
  }

  #take(key: string): Unfinished | undefined {
    const unfinished = this.#unfinished.get(key)
    if (unfinished === undefined) return undefined
    this.#unfinished.delete(key)
    this.#length -= unfinished.length
    return unfinished
  }
}

function messageOf(text: string, isJson: boolean): Json {
  if (!isJson) return text
  const excess = excessOf(text)
  if (excess !== undefined) throw new P2PTFrameError(excess === 'depth' ? 'too-deep' : 'too-much-json')
  return parse(text)
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json // whatever JSON.parse gives is Json
  } catch {
    throw new P2PTFrameError('not-json') // the parser's error quotes the peer
  }
}
