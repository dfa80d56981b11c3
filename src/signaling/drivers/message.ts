/** What drivers carry: one JSON text a message. Pure. */
import { utf8 } from '../../core/bytes.js'
import { invalid } from '../../core/arguments.js'
import { SwarmlinkError } from '../../core/errors.js'

/** In bytes, four times the longest session description that we take. Larger things belong on a data channel. */
export const MAX_MESSAGE = 64 * 1024

/** Throws when it is no JSON, or too much of it for some driver. */
export function encodeMessage(message: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(message) as string | undefined // of a function, for one, it is undefined
  } catch (cause) {
    throw invalid('a message', 'what JSON.stringify takes', message, { cause })
  }
  if (text === undefined) throw invalid('a message', 'what JSON.stringify takes', message)
  if (!fits(text))
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message may have ${MAX_MESSAGE} bytes of JSON, this one has ${text.length} characters: send it to the peer itself`,
    )
  return text
}

/** Undefined when it is no JSON, or too much. */
export function decodeMessage(text: string): { value: unknown } | undefined {
  if (!fits(text)) return undefined
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

function fits(text: string): boolean {
  return text.length <= MAX_MESSAGE && (3 * text.length <= MAX_MESSAGE || utf8.encode(text).length <= MAX_MESSAGE)
}
