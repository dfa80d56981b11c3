/**
 * What becomes of a mistake in code of the application that we call: a listener, a handler, a watcher. It throws, or gives a promise
 * that rejects; neither ends the process, and both are told as a `SwarmlinkError` with `ERR_CALLBACK`.
 */
import { report } from '#report'
import { reasonOf, SwarmlinkError } from './errors.js'
import { logger } from './log.js'

const log = logger('callback')

/** Calls it; `what` names it where it failed. */
export function callOut(what: string, call: () => unknown): void {
  try {
    watchResult(what, call())
  } catch (cause) {
    callbackFailed(what, cause)
  }
}

/** For what an application's function gave. A class derived from Promise says itself what an ignored rejection means. */
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
    log('%o', failure) // the platform's own way to tell was replaced
  }
}

/** What an object of the application says; undefined where even looking throws. */
export function read<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
