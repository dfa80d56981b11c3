/** What the stores of credentials have in common: the text that is kept, how it is read back, and that it is never overwritten. */
import { CredentialsError, parseCredentials, wrongKey } from './credentials.js'
import type { Credentials } from './identity.js'
import { ownsPeerId } from './key-pair.js'

/** What we write has 120 characters. Nothing longer than this is parsed. */
export const MAX_STORED_LENGTH = 4096

export function serialize({ peerId, secret }: Credentials): string {
  return `${JSON.stringify({ peerId, secret }, undefined, 2)}\n`
}

/** The reverse of {@link serialize}; refuses a text that is damaged, and a pair that does not belong together. */
export async function deserialize(text: string, where: string): Promise<Credentials> {
  let value: unknown
  try {
    if (text.length <= MAX_STORED_LENGTH) value = JSON.parse(text)
  } catch {
    // The parser's message quotes the text, which may hold the secret: it is not kept as a cause.
  }
  const credentials = parseCredentials(value, where)
  if ((await ownsPeerId(credentials)) === false) throw wrongKey(where)
  return credentials
}

/** Settles a save to a place that is taken: fine when the same identity is there, refused when it is another. */
export function keepOnly(there: Credentials, wanted: Credentials, where: string): void {
  if (there.peerId === wanted.peerId && there.secret === wanted.secret) return
  throw new CredentialsError(
    'taken',
    `${where} holds another identity, which is never overwritten. Remove it first, or choose another place`,
  )
}
