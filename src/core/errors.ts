/** Every error that leaves this library: a class, a stable `code`, a `cause`, and a message that says what to do. */
import { withoutSecrets } from './secrets.js'

/** The codes that {@link SwarmlinkError} carries. They are part of the public face and do not change. */
export type ErrorCode =
  | 'ERR_ABORTED'
  | 'ERR_BAD_FRAME'
  | 'ERR_BAD_SDP'
  | 'ERR_CALLBACK'
  | 'ERR_CHANNEL_LOST'
  | 'ERR_CLOSED'
  | 'ERR_CONNECT_TIMEOUT'
  | 'ERR_CREDENTIALS'
  | 'ERR_ENGINE'
  | 'ERR_ICE_FAILED'
  | 'ERR_IDENTITY'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_MESSAGE_TOO_LARGE'
  | 'ERR_NO_WEBRTC'
  | 'ERR_QUEUE_FULL'
  | 'ERR_REFUSED'
  | 'ERR_REQUEST_FAILED'
  | 'ERR_REQUEST_TIMEOUT'
  | 'ERR_SIGNALING_LINK'
  | 'ERR_TRACKER_LINK'
  | 'ERR_TRACKER_REFUSED'
  | 'ERR_UNRESPONSIVE'

/**
 * An error with a code that programs can switch on and a message for whoever reads the log.
 *
 * @example
 * manager.on('warning', error => {
 *   if (error.code === 'ERR_TRACKER_LINK') console.warn('tracker away:', error.message)
 * })
 */
export class SwarmlinkError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SwarmlinkError'
    this.code = code
  }
}

/** What a remote sent cannot be used. Thrown by the parsers, caught and counted by whoever feeds them. */
export class ProtocolError extends SwarmlinkError {
  constructor(code: 'ERR_BAD_FRAME' | 'ERR_BAD_SDP' | 'ERR_IDENTITY', message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.name = 'ProtocolError'
  }
}

/** What an error says of itself to whoever reads it in another one, or at the other end of a connection. */
const MAX_REASON = 256

/** What was thrown, in one line. */
export function reasonOf(thrown: unknown): string {
  let text = ''
  try {
    text = String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    // An object without a text form.
  }
  return withoutSecrets(text.slice(0, MAX_REASON)).replaceAll(/\s+/g, ' ').trim() || 'no reason given'
}

/** Whatever was thrown, as one of ours: our own errors pass through, anything else becomes the cause. */
export function asError(thrown: unknown, code: ErrorCode, message: string): SwarmlinkError {
  if (isOurs(thrown)) return thrown
  return new SwarmlinkError(code, `${message}: ${reasonOf(thrown)}`, { cause: thrown })
}

/** A proxy may refuse even that question. */
function isOurs(thrown: unknown): thrown is SwarmlinkError {
  try {
    return thrown instanceof SwarmlinkError
  } catch {
    return false
  }
}
