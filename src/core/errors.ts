/** The errors of this library: each has a class, a stable `code`, a `cause`, and a message that says what to do. */
import { withoutSecrets } from './secrets.js'
import { MAX_LINE, oneLine, printable, printableLines } from './text.js'

/** The codes of {@link SwarmlinkError}. They are public API and do not change. */
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
  | 'ERR_INSECURE_CONTEXT'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_MESSAGE_TOO_LARGE'
  | 'ERR_NO_MEDIA'
  | 'ERR_NO_WEBRTC'
  | 'ERR_QUEUE_FULL'
  | 'ERR_REFUSED'
  | 'ERR_REQUEST_FAILED'
  | 'ERR_REQUEST_TIMEOUT'
  | 'ERR_SIGNALING_LINK'
  | 'ERR_TRACKER_LINK'
  | 'ERR_TRACKER_REFUSED'
  | 'ERR_UNRESPONSIVE'

/** In characters. The longest message of this library takes a third; the rest is for texts of the application. */
const MAX_MESSAGE = 2_000

/**
 * An error with a code for programs and a message for people.
 *
 * @example
 * manager.on('warning', error => {
 *   if (error.code === 'ERR_TRACKER_LINK') console.warn('tracker away:', error.message)
 * })
 */
export class SwarmlinkError extends Error {
  /** What went wrong; the values do not change. */
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    // Cleaned here, because every message passes this line, and a part of it may come from a remote peer.
    // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- a JavaScript caller may pass any value
    super(printable(String(message).slice(0, MAX_MESSAGE)), options)
    this.name = 'SwarmlinkError'
    this.code = code
  }
}

/** The error of a call whose arguments, or whose moment, the application has to change. */
export function misuse(message: string, options?: ErrorOptions): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', message, options)
}

/** A message is longer than one side accepts. */
export function tooLarge(message: string, options?: ErrorOptions): SwarmlinkError {
  return new SwarmlinkError('ERR_MESSAGE_TOO_LARGE', message, options)
}

/** Invalid input from a remote peer. The parsers throw it; their callers catch and count it. */
export class ProtocolError extends SwarmlinkError {
  constructor(code: 'ERR_BAD_FRAME' | 'ERR_BAD_SDP' | 'ERR_IDENTITY', message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.name = 'ProtocolError'
  }
}

/** A thrown value, or the reason that a remote peer gave, as one line for an error message or for the peer. */
export function reasonOf(thrown: unknown): string {
  let text = ''
  try {
    text = String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    // An object that cannot be converted to a string.
  }
  // Four times the length that is shown, so that no URL is cut before its secrets are found.
  return oneLine(withoutSecrets(text.slice(0, 4 * MAX_LINE))) || 'no reason given'
}

/** How far a chain of causes is followed. */
const MAX_CAUSES = 8

/**
 * Makes an error of a platform, a library or a driver fit to be the `cause` of a {@link SwarmlinkError}. Consoles print a cause with its stack,
 * so an error with a control character or a secret of a URL is replaced by a copy without them; any other error is returned as it is.
 */
export function asCause(thrown: unknown, depth = 0): unknown {
  try {
    if (typeof thrown === 'string') return presentable(thrown)
    if (!(thrown instanceof Error) || thrown instanceof SwarmlinkError || depth > MAX_CAUSES) return thrown
    const { name, message, stack = '', cause } = thrown
    const own = Object.values(thrown).filter(value => typeof value === 'string') // `input` of Node's "Invalid URL"
    const causeOfCopy = asCause(cause, depth + 1)
    if (causeOfCopy === cause && [name, message, ...own].every(text => presentable(text) === text)) return thrown
    const copy = new Error(presentable(message), causeOfCopy === undefined ? undefined : { cause: causeOfCopy })
    const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: presentable(thrown.code) } : {}
    return Object.assign(copy, { name: oneLine(name), stack: presentable(stack), ...code })
  } catch {
    return undefined // a proxy, or a getter that throws
  }
}

/** Removes control characters and secrets of URLs from a text of several lines, for a console. */
export function presentable(text: string): string {
  return printableLines(withoutSecrets(text))
}

/** Converts a thrown value to a {@link SwarmlinkError}: one passes through, any other value becomes the cause of a new one. */
export function asError(thrown: unknown, code: ErrorCode, message: string): SwarmlinkError {
  if (isSwarmlinkError(thrown)) return thrown
  return new SwarmlinkError(code, `${message}: ${reasonOf(thrown)}`, { cause: asCause(thrown) })
}

/** `instanceof` throws for a revoked proxy. */
function isSwarmlinkError(thrown: unknown): thrown is SwarmlinkError {
  try {
    return thrown instanceof SwarmlinkError
  } catch {
    return false
  }
}
