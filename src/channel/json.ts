/** Messages as texts and back, with clear errors for what has no text, or is none. */
import { ProtocolError, SwarmlinkError } from '../core/errors.js'
import type { Json } from './messenger.js'

/** `JSON.parse` takes any depth; whoever walks what comes out of it would overflow the stack. */
export const MAX_DEPTH = 500

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

/** What a remote sent as JSON. */
export function parse(text: string): Json {
  if (isDeep(text)) throw new ProtocolError('ERR_BAD_FRAME', `the peer sent JSON that is nested deeper than ${MAX_DEPTH}`)
  try {
    return JSON.parse(text) as Json // whatever JSON.parse gives is Json
  } catch (cause) {
    throw new ProtocolError('ERR_BAD_FRAME', 'the peer sent a text that is not JSON', { cause })
  }
}

/** Counts brackets. Not by a regular expression: a long text in it overflows the stack. */
export function isDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '[' || character === '{') {
      if (++depth > MAX_DEPTH) return true
    } else if (character === ']' || character === '}') depth--
  }
  return false
}
