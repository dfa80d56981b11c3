/** The 20-byte ids that everything is named by, as 40 lower-case hex characters inside the library. */
import { checkText, shown } from './arguments.js'
import { fromHex, sha1, toHex, utf8 } from './bytes.js'
import type { Env } from './env.js'
import { SwarmlinkError } from './errors.js'

/** 40 lower-case hex characters: a topic, an announce id, a peer id, an offer id. */
export type Id = string

export const ID_BYTES = 20

export function isId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text)
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

/** A user's info hash in hex, or a clear error. */
export function parseInfoHash(infoHash: unknown): Id {
  if (typeof infoHash === 'string' && isId(infoHash.toLowerCase())) return infoHash.toLowerCase()
  throw new SwarmlinkError(
    'ERR_INVALID_ARGUMENT',
    `got ${shown(infoHash)}: an info hash is 40 hex characters; a torrent has it as torrent.infoHash, and topicOf(name) makes one from an application's name`,
  )
}

/** Any text as an id: 40 hex characters stay, 20 latin-1 characters become hex, anything else is hashed. */
export function toId(text: string): Id {
  if (isId(text.toLowerCase())) return text.toLowerCase()
  // oxlint-disable-next-line no-control-regex -- all 256 byte values are meant
  if (/^[\u0000-\u00ff]{20}$/.test(text)) return toHex(Uint8Array.from(text, character => character.charCodeAt(0)))
  return hashOf(text)
}

/** The 20 bytes that an id stands for. */
export function idBytes(id: Id): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(id)
  if (bytes?.length !== ID_BYTES) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `not an id of 40 hex characters: ${id}`)
  return bytes
}
