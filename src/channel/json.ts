/** Reads JSON text of a remote within bounds, with clear errors. */
import { ProtocolError } from '../core/errors.js'
import { LIMITS } from './message-form.js'
import type { Json } from './messenger.js'

/** What a remote sent as JSON. */
export function parse(text: string, depth: number = LIMITS.depth): Json {
  if (isDeep(text, depth)) throw new ProtocolError('ERR_BAD_FRAME', `the peer sent JSON that is nested deeper than ${depth}`)
  try {
    return JSON.parse(text) as Json // whatever JSON.parse gives is Json
  } catch {
    throw new ProtocolError('ERR_BAD_FRAME', 'the peer sent a text that is not JSON') // the parser's error quotes the peer
  }
}

/** Counts brackets. Not by a regular expression: a long text in it overflows the stack. */
export function isDeep(text: string, most: number = LIMITS.depth): boolean {
  if (text.length <= most) return false
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '[' || character === '{') {
      if (++depth > most) return true
    } else if (character === ']' || character === '}') depth--
  }
  return false
}
