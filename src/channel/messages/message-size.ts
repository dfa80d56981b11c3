/** Size limits of messages. */
import { checkNumber, invalid } from '../../core/arguments.js'
import { utf8 } from '../../core/bytes.js'
import { tooLarge } from '../../core/errors.js'
import { MAX_FRAME } from './frame-codec.js'

/** The limits that one side accepts. */
export interface MessageLimits {
  /** The largest message, in bytes. */
  maxMessageSize: number
  /** The largest JSON text of a message, in bytes: a whole JSON message, or the JSON part of a message with bytes. */
  maxJsonSize: number
}

/** The default limits. The one for JSON is lower, because parsing blocks the event loop. */
export const DEFAULT_LIMITS: Readonly<MessageLimits> = { maxMessageSize: 16 * 1024 * 1024, maxJsonSize: 1024 * 1024 }
/** The largest limit that an application may set, in bytes: a message of this size must fit into memory. */
export const LARGEST_MESSAGE = 256 * 1024 * 1024

/** Reads the limits from an application's options and applies the defaults. Throws for invalid values. */
export function readMessageLimits(options: Partial<Record<keyof MessageLimits, unknown>>): MessageLimits {
  return { maxMessageSize: readSize('maxMessageSize', options), maxJsonSize: readSize('maxJsonSize', options) }
}

function readSize(name: keyof MessageLimits, options: Partial<Record<keyof MessageLimits, unknown>>): number {
  const { [name]: value = DEFAULT_LIMITS[name] } = options
  const size = checkNumber(name, value, { least: MAX_FRAME, whole: true })
  if (size > LARGEST_MESSAGE) throw invalid(name, `at most ${LARGEST_MESSAGE}`, size)
  return size
}

/** Throws if a payload is larger than the remote peer accepts. `jsonSize`: the length of the JSON in a payload of bytes. */
export function checkSize(payload: string | Uint8Array, jsonSize: number, { maxMessageSize, maxJsonSize }: MessageLimits): void {
  const isText = typeof payload === 'string'
  // A string has between one and three bytes per UTF-16 unit; it is encoded only if that does not decide.
  if (isText && payload.length * 3 <= Math.min(maxMessageSize, maxJsonSize)) return
  const size = isText ? utf8.encode(payload).byteLength : payload.byteLength
  if (size > maxMessageSize)
    throw tooLarge(
      `a message of ${size} bytes is above the ${maxMessageSize} that this peer accepts: use stream(), which has no limit`,
    )
  if (isText || jsonSize > 0) checkJsonSize(isText ? size : jsonSize, maxJsonSize)
}

/** Throws if a JSON text is larger than the remote peer accepts. */
export function checkJsonSize(size: number, most: number): void {
  if (size > most)
    throw tooLarge(
      `JSON of ${size} bytes is above the ${most} that this peer accepts: send bytes or a stream, or raise the peer's maxJsonSize`,
    )
}
