/** An invitation, and the answer to it, as somebody carries them: read strictly. Pure; knows nothing of who invites whom. */
import { invalid } from '../../core/arguments.js'
import { SwarmlinkError } from '../../core/errors.js'
import { isId, type Id } from '../../core/id.js'
import { MAX_SDP_LENGTH, parseSdp } from '../../core/sdp.js'

/** The longest description with every character of it escaped, and room for the ids. */
const MAX_TEXT_LENGTH = 2 * MAX_SDP_LENGTH + 1_024

/**
 * What one side hands to the other, by whatever way there is: plain JSON, one to two thousand characters.
 *
 * Whoever reads it on its way learns the topic and the addresses in it, and may answer an invitation in another's place.
 */
export interface Signal {
  /** An invitation, or the answer to one. */
  type: 'offer' | 'answer'
  infoHash: Id
  /** Whoever made it: an announce id. */
  from: Id
  offerId: Id
  /** Of an answer: who invited. */
  to?: Id
  sdp: string
}

/** A signal from an object or from its JSON text. Throws `ERR_INVALID_ARGUMENT` or `ERR_BAD_SDP` when it is none. */
export function readSignal(data: unknown): Signal {
  const { type, infoHash, from, offerId, to, sdp } = fieldsOf(data)
  if (type !== 'offer' && type !== 'answer') throw invalid("a signal's type", "'offer' or 'answer'", type)
  const signal: Signal = {
    type,
    infoHash: readId('infoHash', infoHash),
    from: readId('from', from),
    offerId: readId('offerId', offerId),
    sdp: parseSdp(sdp).text,
  }
  return type === 'answer' ? { ...signal, to: readId('to', to) } : signal
}

function fieldsOf(data: unknown): Record<string, unknown> {
  const value = typeof data === 'string' ? parse(data) : data
  if (typeof value !== 'object' || value === null) throw invalid('a signal', 'an invitation or the answer to one', value)
  return value as Record<string, unknown> // each field is looked at
}

function parse(text: string): unknown {
  if (text.length > MAX_TEXT_LENGTH) throw notWhole(`it is longer than ${MAX_TEXT_LENGTH} characters`)
  try {
    return JSON.parse(text)
  } catch {
    throw notWhole('it is not JSON') // the parser's error quotes the remote
  }
}

function notWhole(why: string): SwarmlinkError {
  const message = `this is neither an invitation nor the answer to one: ${why}; hand over the whole text, unchanged`
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', message)
}

function readId(name: string, value: unknown): Id {
  if (typeof value === 'string' && isId(value)) return value
  throw invalid(`a signal's ${name}`, '40 hex characters in lower case', value)
}
