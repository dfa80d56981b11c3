/** The 20-byte ids of topics, peers and offers; the library holds them as 40 lower-case hex characters. */
import { checkText, shown } from './arguments.js'
import { binaryToHex, fromHex, sha1, toHex, utf8 } from './bytes.js'
import type { Env } from './env.js'
import { misuse } from './errors.js'

/** 40 lower-case hex characters: a topic, an announce id, a peer id, an offer id. */
export type Id = string

export const ID_BYTES = 20

export function isId(value: unknown): value is Id {
  return typeof value === 'string' && /^[0-9a-f]{40}$/.test(value)
}

export function randomId(env: Env): Id {
  return toHex(env.randomBytes(ID_BYTES))
}

/**
 * The topic under which all users of this application name meet.
 *
 * @example
 * const tracker = new TrackerClient('wss://tracker.example', topicOf('my-app'))
 */
export function topicOf(name: string): Id {
  checkText('the name', name)
  return hashOf(name)
}

function hashOf(text: string): Id {
  return toHex(sha1(utf8.encode(text)))
}

/** Checks an info hash that the user passed, and converts it to lower case. */
export function parseInfoHash(infoHash: unknown): Id {
  if (typeof infoHash === 'string' && isId(infoHash.toLowerCase())) return infoHash.toLowerCase()
  throw misuse(
    `got ${shown(infoHash)}: an info hash is 40 hex characters; a torrent has it as torrent.infoHash, and topicOf(name) makes one from an application's name`,
  )
}

/** Converts any text to an id: 40 hex characters stay, 20 latin-1 characters become hex, any other text is hashed. */
export function toId(text: string): Id {
  if (isId(text.toLowerCase())) return text.toLowerCase()
  return (text.length === ID_BYTES ? binaryToHex(text) : undefined) ?? hashOf(text)
}

/** The 20 bytes of an id. */
export function idBytes(id: Id): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(id)
  if (bytes?.length !== ID_BYTES) throw misuse(`not an id of 40 hex characters: ${id}`)
  return bytes
}
