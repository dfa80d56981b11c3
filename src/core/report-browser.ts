/** Where a page tells of a mistake: its `error` event, as with any other event target. */
import type { SwarmlinkError } from './errors.js'

/** Every browser with `AbortSignal.any`, which swarms need, has `reportError`. */
export function report(error: SwarmlinkError): void {
  reportError(error)
}
