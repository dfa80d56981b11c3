/** Reads JSON text of a remote within bounds, with clear errors. */
import { ProtocolError } from '../core/errors.js'
import { LIMITS } from './message-form.js'
import type { Json } from './messenger.js'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const [LIST, LIST_END] = [0x5b, 0x5d]
const [OBJECT, OBJECT_END] = [0x7b, 0x7d]

/**
 * Values that a key counts as. V8 takes up to 1.4 µs for a key, when no two objects of the message have the same fields, and up to 0.35 µs
 * for any other value.
 */
const KEY_COST = 3

/** What a remote sent as JSON. */
export function parse(text: string, depth: number = LIMITS.depth): Json {
  const excess = excessOf(text, depth)
  if (excess === 'depth') throw new ProtocolError('ERR_BAD_FRAME', `the peer sent JSON that is nested deeper than ${depth}`)
  if (excess === 'values')
    throw new ProtocolError(
      'ERR_BAD_FRAME',
      `the peer sent JSON that has more than ${LIMITS.values} values: let it send parts or bytes`,
    )
  try {
    return JSON.parse(text) as Json // whatever JSON.parse gives is Json
  } catch {
    throw new ProtocolError('ERR_BAD_FRAME', 'the peer sent a text that is not JSON') // the parser's error quotes the peer
  }
}

/**
 * Which limit a JSON text exceeds, if any. Counts brackets and commas before `JSON.parse` makes objects of them: 1 to 2 ms for each MiB. Not by a
 * regular expression, because a long text in it overflows the stack.
 */
export function excessOf(text: string, depth: number = LIMITS.depth): 'depth' | 'values' | undefined {
  const { length } = text
  if (length <= depth && length <= LIMITS.values) return undefined // no JSON has more levels or values than characters
  let level = 0
  let values = 1
  for (let i = 0; i < length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        for (i++; i < length; i++) {
          const character = text.charCodeAt(i)
          if (character === QUOTE) break
          if (character === BACKSLASH) i++
        }
        break
      case LIST:
      case OBJECT: {
        if (++level > depth) return 'depth'
        const next = text.charCodeAt(i + 1)
        if (next !== LIST_END && next !== OBJECT_END) values++
        break
      }
      case LIST_END:
      case OBJECT_END:
        level--
        break
      case COMMA:
        values++
        break
      case COLON:
        values += KEY_COST
    }
    if (values > LIMITS.values) return 'values'
  }
  return undefined
}
