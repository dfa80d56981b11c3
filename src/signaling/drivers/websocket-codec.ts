/**
 * The frames between {@link WebSocketDriver} and {@link SignalServer}: JSON text in, a value or a {@link SignalFrameError} out, and back. Knows no
 * socket and no time.
 *
 * A message is a text within the frame, so that the server forwards it without parsing it.
 */
import { parseRecord } from '../../core/arguments.js'
import { ProtocolError } from '../../core/errors.js'
import { MAX_MESSAGE } from './message.js'
import { isNamespace } from './namespace.js'

/** In bytes: a message in which every character needs an escape, and its envelope. */
export const MAX_FRAME = 2 * MAX_MESSAGE + 16 * 1024
/** Namespaces in one frame: a client that reconnects subscribes to all of its namespaces again. */
export const MAX_BATCH = 64
/** Namespaces of one frame that cost a server as much as one message. */
const NAMESPACES_PER_COST = 16
/** The object, the list of namespaces, and a namespace. */
const MAX_NESTING = 3
/** Commas outside of texts: a full batch of the deepest namespaces has 511; the rest is for fields of later versions. */
const MAX_COMMAS = 1_024
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d]
/** Characters after which a frame of subscriptions is full. */
const BATCH_LENGTH = 16 * 1024

type Namespace = readonly string[]

/** From a client. */
export type ClientFrame =
  | { type: 'subscribe' | 'unsubscribe'; namespaces: Namespace[] }
  | { type: 'emit'; namespace: Namespace; message: string }
  | { type: 'ping' }

/** Why a server refused a frame. */
export type Refusal =
  | 'bad-frame'
  /** The client exceeded a rate limit: frames were dropped. */
  | 'too-fast'
  | 'too-large'
  /** Longer or deeper than this server allows. */
  | 'namespace'
  | 'subscriptions'

/** From a server. */
export type ServerFrame =
  | { type: 'message'; namespace: Namespace; message: string }
  | { type: 'pong' }
  | { type: 'refusal'; reason: Refusal }

/** Why a frame was dropped: a closed set, so that counting costs no memory. */
export type SignalFrameFault =
  | 'too-large'
  | 'not-simple'
  | 'not-json'
  | 'bad-type'
  | 'bad-namespace'
  | 'bad-message'
  | 'bad-reason'

export class SignalFrameError extends ProtocolError {
  readonly fault: SignalFrameFault

  constructor(fault: SignalFrameFault) {
    super('ERR_BAD_FRAME', `dropped a signalling frame: ${FAULTS[fault]}`)
    this.name = 'SignalFrameError'
    this.fault = fault
  }
}

const FAULTS: Record<SignalFrameFault, string> = {
  'too-large': `it is longer than ${MAX_FRAME} characters`,
  'not-simple': `it is nested deeper than ${MAX_NESTING} levels or has more than ${MAX_COMMAS} commas`,
  'not-json': 'it is not a JSON object',
  'bad-type': 'its type is unknown',
  'bad-namespace': 'its namespace is not a list of texts of acceptable length',
  'bad-message': `its message is not a text of at most ${MAX_MESSAGE} characters`,
  'bad-reason': 'its reason is unknown',
}

/** What a refusal means to the client, and what to do. */
export const REFUSALS: Record<Refusal, string> = {
  'bad-frame': 'it cannot decode our frames: check that the URL leads to a SignalServer of the same version',
  'too-fast':
    'its rate limit was exceeded and messages were lost: send less, or raise messagesPerSecond, bytesPerSecond and sendsPerSecond there',
  'too-large': 'a message exceeds its frame limit and was lost: send less, or raise maxFrame there',
  namespace: 'a namespace exceeds its limits: shorten it, or raise maxDepth and maxNamespaceLength there',
  subscriptions: 'its limit of subscriptions is exceeded: raise maxSubscriptions there',
}

/** Decodes a client's frame; throws only a {@link SignalFrameError}. */
export function decodeClientFrame(text: string): ClientFrame {
  const frame = parseObject(text)
  const { type } = frame
  switch (type) {
    case 'subscribe':
    case 'unsubscribe':
      return { type, namespaces: batch(frame['namespaces']) }
    case 'emit':
      return { type, namespace: namespace(frame['namespace']), message: message(frame['message']) }
    case 'ping':
      return { type }
    default:
      throw new SignalFrameError('bad-type')
  }
}

/** Decodes a server's frame; throws only a {@link SignalFrameError}. */
export function decodeServerFrame(text: string): ServerFrame {
  const frame = parseObject(text)
  const { type, reason } = frame
  switch (type) {
    case 'message':
      return { type, namespace: namespace(frame['namespace']), message: message(frame['message']) }
    case 'pong':
      return { type }
    case 'refusal':
      if (!isRefusal(reason)) throw new SignalFrameError('bad-reason')
      return { type, reason }
    default:
      throw new SignalFrameError('bad-type')
  }
}

export function encodeFrame(frame: ClientFrame | ServerFrame): string {
  return JSON.stringify(frame)
}

/** What a frame with this number of namespaces costs of a client's rate limit, in frames. */
export function namespacesCost(namespaces: number): number {
  return Math.ceil(namespaces / NAMESPACES_PER_COST)
}

/** The first namespaces that fit one frame within {@link MAX_BATCH} and {@link MAX_FRAME}. */
export function firstBatch(namespaces: Iterable<Namespace>): Namespace[] {
  const first: Namespace[] = []
  let length = 0
  for (const one of namespaces) {
    first.push(one)
    length += JSON.stringify(one).length
    if (first.length === MAX_BATCH || length > BATCH_LENGTH) break
  }
  return first
}

/**
 * Whether the text has no more arrays, objects and values than a frame needs; checked before `JSON.parse`, which takes 9 ms for 147 kB of
 * brackets, against 0.2 ms for a long text (Node 20).
 */
function isSimple(text: string): boolean {
  let nesting = 0
  let commas = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfText(text, i)
        break
      case COMMA:
        if (++commas > MAX_COMMAS) return false
        break
      case ARRAY:
      case OBJECT:
        if (++nesting > MAX_NESTING) return false
        break
      case ARRAY_END:
      case OBJECT_END:
        nesting--
    }
  }
  return true
}

/** The position of the closing quote of the text that begins at `start`, or the end of the frame when there is none. */
function endOfText(text: string, start: number): number {
  // `indexOf` is 20 times as fast as a loop over the characters.
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((end - first) % 2 === 0) return end
  }
  return text.length
}

function parseObject(text: string): Record<string, unknown> {
  if (text.length > MAX_FRAME) throw new SignalFrameError('too-large')
  if (!isSimple(text)) throw new SignalFrameError('not-simple')
  const frame = parseRecord(text)
  if (frame === undefined) throw new SignalFrameError('not-json')
  return frame
}

function namespace(value: unknown): Namespace {
  if (!isNamespace(value)) throw new SignalFrameError('bad-namespace')
  return value
}

function batch(value: unknown): Namespace[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_BATCH) throw new SignalFrameError('bad-namespace')
  return value.map(namespace)
}

function message(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_MESSAGE) throw new SignalFrameError('bad-message')
  return value
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'string' && Object.hasOwn(REFUSALS, value)
}
