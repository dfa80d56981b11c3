/**
 * What {@link WebSocketDriver} and {@link SignalServer} say to each other: JSON text in, a value or a {@link WireError} out,
 * and back. Knows no socket and no time.
 *
 * A message travels as a text within the frame, so that the server passes it on without reading it.
 */
import { ProtocolError } from '../../core/errors.js'
import { MAX_MESSAGE } from './message.js'
import { isNamespace } from './namespace.js'

/** In bytes: a message of which every character needs an escape, and its envelope. */
export const MAX_FRAME = 2 * MAX_MESSAGE + 16 * 1024
/** Namespaces in one frame: whoever comes back subscribes to all of its own again. */
export const MAX_BATCH = 64
/** Namespaces of one frame that are as much work for a server as a message. */
const NAMESPACES_PER_COST = 16
/** A list of namespaces within a frame. */
const MAX_NESTING = 3
/** Commas outside of texts: a full batch of the deepest namespaces has 511, and names that no protocol knows may follow. */
const MAX_COMMAS = 1_024
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d]
/** Characters that a frame of subscriptions grows to before the next one begins. */
const BATCH_LENGTH = 16 * 1024

type Namespace = readonly string[]

/** What a client says. */
export type ClientFrame =
  | { type: 'subscribe' | 'unsubscribe'; namespaces: Namespace[] }
  | { type: 'emit'; namespace: Namespace; message: string }
  | { type: 'ping' }

/** Why a server did not do what it was asked to. */
export type Refusal =
  | 'bad-frame'
  /** More frames or bytes a second than a client may send: some were dropped. */
  | 'too-fast'
  | 'too-large'
  /** Longer or deeper than this server allows. */
  | 'namespace'
  | 'subscriptions'

/** What a server says. */
export type ServerFrame =
  | { type: 'message'; namespace: Namespace; message: string }
  | { type: 'pong' }
  | { type: 'refusal'; reason: Refusal }

/** Why a frame was dropped: a closed set, so that counting costs no memory. */
export type WireFault = 'too-large' | 'not-simple' | 'not-json' | 'bad-type' | 'bad-namespace' | 'bad-message' | 'bad-reason'

export class WireError extends ProtocolError {
  readonly fault: WireFault

  constructor(fault: WireFault) {
    super('ERR_BAD_FRAME', `dropped a signalling frame: ${FAULTS[fault]}`)
    this.name = 'WireError'
    this.fault = fault
  }
}

const FAULTS: Record<WireFault, string> = {
  'too-large': `it is longer than ${MAX_FRAME} characters`,
  'not-simple': `it is nested deeper than ${MAX_NESTING} levels or has more than ${MAX_COMMAS} commas`,
  'not-json': 'it is not a JSON object',
  'bad-type': 'its type is unknown',
  'bad-namespace': 'its namespace is not a list of texts of acceptable length',
  'bad-message': `its message is not a text of at most ${MAX_MESSAGE} characters`,
  'bad-reason': 'its reason is unknown',
}

const REFUSALS: readonly unknown[] = [
  'bad-frame',
  'too-fast',
  'too-large',
  'namespace',
  'subscriptions',
] satisfies readonly Refusal[]

/** Reads a client's frame; throws nothing but a {@link WireError}. */
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
      throw new WireError('bad-type')
  }
}

/** Reads a server's frame; throws nothing but a {@link WireError}. */
export function decodeServerFrame(text: string): ServerFrame {
  const frame = parseObject(text)
  const { type, reason } = frame
  switch (type) {
    case 'message':
      return { type, namespace: namespace(frame['namespace']), message: message(frame['message']) }
    case 'pong':
      return { type }
    case 'refusal':
      if (!isRefusal(reason)) throw new WireError('bad-reason')
      return { type, reason }
    default:
      throw new WireError('bad-type')
  }
}

export function encodeFrame(frame: ClientFrame | ServerFrame): string {
  return JSON.stringify(frame)
}

/** How many frames of a client's budget so many changes of its subscriptions cost. */
export function namespacesCost(namespaces: number): number {
  return Math.ceil(namespaces / NAMESPACES_PER_COST)
}

/** What comes first of these, as much as one frame takes within {@link MAX_BATCH} and {@link MAX_FRAME}. */
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

type Fields = Record<string, unknown>

/**
 * Whether the text has no more arrays, objects and values than a frame needs, before any is made: `JSON.parse` takes 9 ms for a frame of
 * 147 kB that is all brackets, 0.2 ms for one that is a long text (Node 20).
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

/** Where the text ends that begins at the quote, or where all ends when the text does not. */
function endOfText(text: string, start: number): number {
  // `indexOf` is twenty times as fast as a loop over the characters.
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((end - first) % 2 === 0) return end
  }
  return text.length
}

function parseObject(text: string): Fields {
  if (text.length > MAX_FRAME) throw new WireError('too-large')
  if (!isSimple(text)) throw new WireError('not-simple')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new WireError('not-json') // the parser's error quotes the remote
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireError('not-json')
  return value as Fields // an object, whose fields are looked at one by one
}

function namespace(value: unknown): Namespace {
  if (!isNamespace(value)) throw new WireError('bad-namespace')
  return value
}

function batch(value: unknown): Namespace[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_BATCH) throw new WireError('bad-namespace')
  return value.map(namespace)
}

function message(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_MESSAGE) throw new WireError('bad-message')
  return value
}

function isRefusal(value: unknown): value is Refusal {
  return REFUSALS.includes(value)
}
