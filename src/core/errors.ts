/** Every error that leaves this library: a class, a stable `code`, a `cause`, and a message that says what to do. */
import { withoutSecrets } from './secrets.js'
import { MAX_LINE, oneLine, printable, printableLines } from './text.js'

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

/** In characters. The longest message of this library has a third of it; the rest is for texts of an application. */
const MAX_MESSAGE = 2_000

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
    // Here, because every message passes this line, and a part of it may be a remote's text.
    // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- JavaScript hands in anything
    super(printable(String(message).slice(0, MAX_MESSAGE)), options)
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

/** What was thrown, or what a remote gave as its reason, in one line for another error's message or for the remote. */
export function reasonOf(thrown: unknown): string {
  let text = ''
  try {
    text = String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    // An object without a text form.
  }
  // More than is shown, so that no URL is cut before its secrets are found.
  return oneLine(withoutSecrets(text.slice(0, 4 * MAX_LINE))) || 'no reason given'
}

/** A chain of causes is followed so far. */
const MAX_CAUSES = 8

/**
 * An error of a platform, a library or a driver as the `cause` of a {@link SwarmlinkError}. Consoles print a cause with its stack, so an error that holds a
 * control character or a secret of a URL is replaced by a copy without them; any other one stays the same object.
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

/** A text of several lines without control characters and secrets of URLs, for a console. */
export function presentable(text: string): string {
  return printableLines(withoutSecrets(text))
}

/** Whatever was thrown, as one of ours: our own errors pass through, anything else becomes the cause. */
export function asError(thrown: unknown, code: ErrorCode, message: string): SwarmlinkError {
  if (isOurs(thrown)) return thrown
  return new SwarmlinkError(code, `${message}: ${reasonOf(thrown)}`, { cause: asCause(thrown) })
}

/** A proxy may refuse even that question. */
function isOurs(thrown: unknown): thrown is SwarmlinkError {
  try {
    return thrown instanceof SwarmlinkError
  } catch {
    return false
  }
}
