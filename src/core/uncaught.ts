/**
 * Contains the errors of the application's callbacks (listeners, handlers, watchers). A callback that throws, or returns a promise that
 * rejects, does not end the process: the error is reported as a `SwarmlinkError` with `ERR_CALLBACK`.
 */
import { report } from '#report'
import { reasonOf, SwarmlinkError } from './errors.js'
import { logger } from './log.js'

const log = logger('callback')

/** Calls a callback; `what` names it in the error. */
export function callSafely(what: string, call: () => unknown): void {
  try {
    watchResult(what, call())
  } catch (cause) {
    callbackFailed(what, cause)
  }
}

/** Reports a rejection of a callback's result. A class derived from Promise handles its ignored rejections itself. */
export function watchResult(what: string, result: unknown): void {
  if (typeof result === 'object' && result instanceof Promise && result.constructor === Promise)
    void result.catch((cause: unknown) => callbackFailed(what, cause))
}

export function callbackFailed(what: string, cause: unknown): void {
  const error = new SwarmlinkError('ERR_CALLBACK', `${what} failed: ${reasonOf(cause)}`, { cause })
  log('%s', error.message)
  try {
    report(error)
  } catch (failure) {
    log('%o', failure) // the platform's `reportError` or `emitWarning` was replaced and throws
  }
}

/** Reads from an object of the application; undefined if that throws. */
export function readSafely<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
