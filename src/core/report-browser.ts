/** Reports an error of an application's callback in a page: as an `error` event, as for listeners of any event target. */
import type { SwarmlinkError } from './errors.js'

/** Every browser since 2022 has `reportError`: Chromium 95, Firefox 93, Safari 15.4. */
export function report(error: SwarmlinkError): void {
  reportError(error)
}
