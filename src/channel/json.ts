/** The text of a message, or a clear error for what has none. */
import { SwarmlinkError } from '../core/errors.js'
import type { Json } from './messenger.js'

export function stringify(message: Json): string {
  let text: string | undefined
  try {
    text = JSON.stringify(message)
  } catch (cause) {
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this message has no JSON form', { cause })
  }
  if (text === undefined) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `this message has no JSON form: ${typeof message}`)
  return text
}
