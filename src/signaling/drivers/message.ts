/** The messages of drivers: one JSON text each. Pure. */
import { utf8 } from '../../core/bytes.js'
import { invalid } from '../../core/arguments.js'
import { tooLarge } from '../../core/errors.js'

/** In bytes: four times the longest session description that is accepted. Larger messages belong on a data channel. */
export const MAX_MESSAGE = 64 * 1024

/** Throws when the message is no JSON, or longer than {@link MAX_MESSAGE}. */
export function encodeMessage(message: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(message) as string | undefined // undefined for a function, for example
  } catch (cause) {
    throw invalid('a message', 'what JSON.stringify takes', message, { cause })
  }
  if (text === undefined) throw invalid('a message', 'what JSON.stringify takes', message)
  if (!fits(text))
    throw tooLarge(
      `a message of ${text.length} characters is too large, the limit is ${MAX_MESSAGE} bytes of JSON: send it over a DataConnection`,
    )
  return text
}

/** Undefined when the text is no JSON, or longer than {@link MAX_MESSAGE}. */
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
