/** How large a message may be. */
import { checkNumber, invalid } from '../core/arguments.js'
import { utf8 } from '../core/bytes.js'
import { SwarmlinkError } from '../core/errors.js'
import { MAX_FRAME } from './wire.js'

/** What one side takes. */
export interface MessageLimits {
  /** The largest message, in bytes. */
  maxMessageSize: number
  /** The largest JSON text of a message, in bytes: all of a JSON message, and what stands beside the bytes of one with bytes inside. */
  maxJsonSize: number
}

/** The limits of a side that has not said otherwise. JSON is parsed in one go, which blocks the event loop; bytes are not. */
export const DEFAULT_LIMITS: Readonly<MessageLimits> = { maxMessageSize: 16 * 1024 * 1024, maxJsonSize: 1024 * 1024 }
/** A peer may claim one, and this side then makes room for it. */
export const LARGEST_MESSAGE = 256 * 1024 * 1024

/** The limits among an application's options, or their defaults. Throws for what cannot be meant. */
export function readMessageLimits(options: Partial<Record<keyof MessageLimits, unknown>>): MessageLimits {
  return { maxMessageSize: readSize('maxMessageSize', options), maxJsonSize: readSize('maxJsonSize', options) }
}

function readSize(name: keyof MessageLimits, options: Partial<Record<keyof MessageLimits, unknown>>): number {
  const { [name]: value = DEFAULT_LIMITS[name] } = options
  const size = checkNumber(name, value, { least: MAX_FRAME, whole: true })
  if (size > LARGEST_MESSAGE) throw invalid(name, `at most ${LARGEST_MESSAGE}`, size)
  return size
}

/** Throws for a payload of more bytes than the remote takes. `jsonSize`: the JSON text in a payload of bytes. */
export function checkSize(payload: string | Uint8Array, jsonSize: number, { maxMessageSize, maxJsonSize }: MessageLimits): void {
  const isText = typeof payload === 'string'
  // A text's bytes are at least its units and at most three times as many; only a doubtful one is counted.
  if (isText && payload.length * 3 <= Math.min(maxMessageSize, maxJsonSize)) return
  const size = isText ? utf8.encode(payload).byteLength : payload.byteLength
  if (size > maxMessageSize)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of ${size} bytes is above the ${maxMessageSize} that this peer takes; stream() sends any length`,
    )
  if (isText || jsonSize > 0) checkJsonSize(isText ? size : jsonSize, maxJsonSize)
}

/** Throws for more bytes of JSON text than the remote takes. */
export function checkJsonSize(size: number, most: number): void {
  if (size > most)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `JSON of ${size} bytes is above the ${most} that this peer takes: send bytes or a stream, or raise the peer's maxJsonSize`,
    )
}
