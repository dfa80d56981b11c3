/** Decodes invitations and their answers, strictly. Pure; knows no swarm. */
import { invalid } from '../../core/arguments.js'
import { misuse, type SwarmlinkError } from '../../core/errors.js'
import { isId, type Id } from '../../core/id.js'
import { MAX_SDP_LENGTH, parseSdp } from '../../core/sdp.js'

/** The longest description with every character of it escaped, and room for the ids. */
const MAX_TEXT_LENGTH = 2 * MAX_SDP_LENGTH + 1_024

/**
 * An invitation or its answer, which the application carries by chat, mail or QR code: plain JSON, 1000 to 2000 characters.
 *
 * Keep it private: a reader learns the topic and your addresses, and can answer an invitation in place of its receiver.
 */
export interface Signal {
  /** An invitation, or the answer to one. */
  type: 'offer' | 'answer'
  /** The torrent's info hash. */
  infoHash: Id
  /** The announce id of its maker. */
  from: Id
  /** The id of the invitation, the same in its answer. */
  offerId: Id
  /** Of an answer: the announce id of the inviter. */
  to?: Id
  /** The session description. */
  sdp: string
}

/** Decodes a signal from an object or its JSON text. Throws `ERR_INVALID_ARGUMENT` or `ERR_BAD_SDP`. */
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
  return value as Record<string, unknown> // each field is checked
}

function parse(text: string): unknown {
  if (text.length > MAX_TEXT_LENGTH) throw malformed(`it is longer than ${MAX_TEXT_LENGTH} characters`)
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('it is not JSON') // without the parser's error, which quotes the remote
  }
}

function malformed(why: string): SwarmlinkError {
  return misuse(`not an invitation or the answer to one (${why}): hand over the whole text, unchanged`)
}

function readId(name: string, value: unknown): Id {
  if (isId(value)) return value
  throw invalid(`a signal's ${name}`, '40 hex characters in lower case', value)
}
