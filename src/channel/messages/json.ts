/** Parses JSON of a remote peer, with limits for depth and number of values. */
import { ProtocolError } from '../../core/errors.js'
import { LIMITS } from './message-copier.js'
import type { Json } from './messenger.js'

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c]
const [LIST, LIST_END] = [0x5b, 0x5d]
const [OBJECT, OBJECT_END] = [0x7b, 0x7d]

/**
 * A key counts as this many values. V8 takes up to 1.4 µs for a key, if no two objects of the message have the same fields, and up to
 * 0.35 µs for any other value.
 */
const KEY_COST = 3

/** Parses JSON of a remote peer; throws a ProtocolError. */
export function parse(text: string, depth: number = LIMITS.depth): Json {
  const excess = excessOf(text, depth)
  if (excess === 'depth') throw new ProtocolError('ERR_BAD_FRAME', `the peer sent JSON that is nested deeper than ${depth}`)
  if (excess === 'values')
    throw new ProtocolError(
      'ERR_BAD_FRAME',
      `the peer sent JSON that has more than ${LIMITS.values} values: it must send it in parts or as bytes`,
    )
  try {
    return JSON.parse(text) as Json // JSON.parse returns Json
  } catch {
    throw new ProtocolError('ERR_BAD_FRAME', 'the peer sent a text that is not JSON') // no cause: the parser's error quotes the text
  }
}

/**
 * Which limit a JSON text exceeds, if any. Counts brackets and commas before `JSON.parse` creates objects: 1 to 2 ms per MiB. No regular
 * expression, because a long string in the text overflows the stack.
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
