/** How large a message may be, as far as this side says so. */
import { checkNumber, invalid } from '../core/arguments.js'
import { MAX_FRAME } from './wire.js'

/** What is taken as long as nobody says otherwise. */
export const DEFAULT_MAX_MESSAGE_SIZE = 16 * 1024 * 1024
/** A peer may claim one, and this side then makes room for it. */
const LARGEST_MESSAGE = 256 * 1024 * 1024

/** Throws for what cannot be meant. */
export function readMaxMessageSize(value: unknown = DEFAULT_MAX_MESSAGE_SIZE): number {
  const size = checkNumber('maxMessageSize', value, { least: MAX_FRAME, whole: true })
  if (size > LARGEST_MESSAGE) throw invalid('maxMessageSize', `at most ${LARGEST_MESSAGE}`, size)
  return size
}
