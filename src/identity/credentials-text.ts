/** Shared by the credential stores: the stored text, its parser, and the rule that a store never overwrites credentials. */
import { parseRecord } from '../core/arguments.js'
import { CredentialsError, parseCredentials, wrongKey } from './credentials.js'
import type { Credentials } from './identity.js'
import { ownsPeerId } from './key-pair.js'

/** Longest text that is parsed, in characters. A stored text has about 120. */
export const MAX_STORED_LENGTH = 4096

export function serialize({ peerId, secret }: Credentials): string {
  return `${JSON.stringify({ peerId, secret }, undefined, 2)}\n`
}

/** The reverse of {@link serialize}; refuses a damaged text, and a secret of another peer id. */
export async function deserialize(text: string, where: string): Promise<Credentials> {
  const credentials = parseCredentials(text.length <= MAX_STORED_LENGTH ? parseRecord(text) : undefined, where)
  if ((await ownsPeerId(credentials)) === false) throw wrongKey(where)
  return credentials
}

/** Accepts a save to a store that has the same identity already; throws if it has another one. */
export function keepOnly(there: Credentials, wanted: Credentials, where: string): void {
  if (there.peerId === wanted.peerId && there.secret === wanted.secret) return
  const advice = 'remove it first, or choose another place'
  throw new CredentialsError('taken', `${where} has another identity, which is never overwritten: ${advice}`)
}
