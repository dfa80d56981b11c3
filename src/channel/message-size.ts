/** How large a message may be. */
import { checkNumber, invalid } from '../core/arguments.js'
import { utf8 } from '../core/bytes.js'
import { SwarmlinkError } from '../core/errors.js'
import { MAX_FRAME } from './wire.js'

/** What is taken as long as nobody says otherwise. */
export const DEFAULT_MAX_MESSAGE_SIZE = 16 * 1024 * 1024
/** A peer may claim one, and this side then makes room for it. */
export const LARGEST_MESSAGE = 256 * 1024 * 1024

/** Throws for what cannot be meant. */
export function readMaxMessageSize(value: unknown = DEFAULT_MAX_MESSAGE_SIZE): number {
  const size = checkNumber('maxMessageSize', value, { least: MAX_FRAME, whole: true })
  if (size > LARGEST_MESSAGE) throw invalid('maxMessageSize', `at most ${LARGEST_MESSAGE}`, size)
  return size
}

/** Throws for a payload of more bytes than the remote takes. */
export function checkSize(payload: string | Uint8Array, most: number): void {
  // A text's bytes are at least its units and at most three times as many; only a doubtful one is counted.
  if (typeof payload === 'string' && payload.length * 3 <= most) return
  const size = typeof payload === 'string' ? utf8.encode(payload).byteLength : payload.byteLength
  if (size > most)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of ${size} bytes is above the ${most} that this peer takes; stream() sends any length`,
    )
}
