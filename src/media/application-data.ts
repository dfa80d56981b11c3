/** Checks what an application hands in to be sent: messages, states, credentials. Pure. */
import { invalid, kindOf } from '../core/arguments.js'
import { utf8 } from '../core/bytes.js'
import { SwarmlinkError } from '../core/errors.js'
import { MAX_MESSAGE_SIZE } from '../engine/engine.js'

/** In bytes of JSON: a state or credentials stand in a message of the bus, beside a description. */
export const MAX_STATE = 16 * 1024
export const MAX_CREDENTIALS = 4 * 1024

/** In characters. Ids of the published package have at most 38, those of swarmlink 40; names of participants may be longer. */
export const MAX_ID = 128

/** What `RTCDataChannel.send` takes, except for a Blob, whose bytes would come later. */
export type MessageData = string | BufferSource

/** Throws unless every WebRTC implementation can send the value. */
export function checkMessage(data: unknown): asserts data is MessageData {
  if (typeof data !== 'string' && !(data instanceof ArrayBuffer) && !ArrayBuffer.isView(data)) {
    const kind = typeof data === 'object' && data !== null ? kindOf(data) : typeof data
    throw invalid(
      'a message',
      `a string, an ArrayBuffer or a typed array (encode a value of type ${kind} with JSON.stringify)`,
      data,
    )
  }
  const size = typeof data === 'string' ? utf8.encode(data).length : data.byteLength
  if (size > MAX_MESSAGE_SIZE)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of ${size} bytes is too large, the limit is ${MAX_MESSAGE_SIZE}: send it in parts`,
    )
}

/** Throws if the other end would refuse the value: it has to fit into a message, beside a description. */
export function checkJson(name: 'state' | 'credentials', value: unknown): void {
  const most = name === 'state' ? MAX_STATE : MAX_CREDENTIALS
  let text: string | undefined
  try {
    text = JSON.stringify(value) as string | undefined // undefined for a function, for example
  } catch (cause) {
    throw invalid(name, 'what JSON.stringify takes', value, { cause })
  }
  const size = text === undefined ? 0 : utf8.encode(text).length
  if (size > most)
    throw new SwarmlinkError(
      'ERR_MESSAGE_TOO_LARGE',
      `${name} has ${size} bytes of JSON, the limit is ${most}: ${name === 'state' ? 'send the rest with send()' : 'shorten them'}`,
    )
}
