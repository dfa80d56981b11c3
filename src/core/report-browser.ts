/** Where a page tells of a mistake: its `error` event, as with any other event target. */
import type { SwarmlinkError } from './errors.js'

export function report(error: SwarmlinkError): void {
  if (typeof reportError === 'function') reportError(error)
  else
    queueMicrotask(() => {
      throw error
    })
}
