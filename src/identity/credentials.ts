/** The shape of credentials (two strings) and the errors about them. Knows no cryptography and no storage. */
import { hasMethods, invalid } from '../core/arguments.js'
import { fromBase64Url } from '../core/bytes.js'
import { SwarmlinkError } from '../core/errors.js'
import { isId } from '../core/id.js'
import type { Credentials } from './identity.js'

/**
 * Why credentials cannot be used:
 * - `damaged`: not of the form that was saved;
 * - `wrong-key`: well-formed, but the secret is not the one of the peer id;
 * - `exposed`: other users of the machine can read or replace them;
 * - `taken`: the store has another identity, and never overwrites one;
 * - `unreadable`, `unwritable`: the file or the storage failed;
 * - `unavailable`: this platform has no such store.
 */
export type CredentialsFault = 'damaged' | 'wrong-key' | 'exposed' | 'taken' | 'unreadable' | 'unwritable' | 'unavailable'

/**
 * Credentials cannot be used or stored; `reason` tells a program why. No message contains a secret.
 *
 * @example
 * manager.on('warning', error => {
 *   if (error instanceof CredentialsError && error.reason === 'exposed') console.warn(error.message)
 * })
 */
export class CredentialsError extends SwarmlinkError {
  /** Why the credentials cannot be used. */
  readonly reason: CredentialsFault

  constructor(reason: CredentialsFault, message: string, options?: ErrorOptions) {
    super('ERR_CREDENTIALS', message, options)
    this.name = 'CredentialsError'
    this.reason = reason
  }
}

export const SEED_BYTES = 32
const SECRET_LENGTH = 43
/** Decodes a secret to its private seed; `undefined` if it is malformed. */
export function seedOf(secret: string): Uint8Array<ArrayBuffer> | undefined {
  return secret.length === SECRET_LENGTH ? fromBase64Url(secret) : undefined
}

/** Reads credentials from a value of unknown shape; throws a {@link CredentialsError} that names `where` and the wrong part. */
export function parseCredentials(value: unknown, where = 'the credentials'): Credentials {
  const damaged = (what: string): never => {
    throw new CredentialsError(
      'damaged',
      `${where}: ${what}. Restore the value that getCredentials() returned, or remove it to start as a new peer`,
    )
  }
  if (typeof value !== 'object' || value === null) return damaged('expected an object { peerId, secret }')
  const { peerId, secret } = value as Record<string, unknown> // any object's members may be read
  if (!isId(peerId)) return damaged('the peerId is not 40 lower-case hex characters')
  if (typeof secret !== 'string' || seedOf(secret) === undefined)
    return damaged('the secret is not 43 base64url characters (32 bytes)')
  return { peerId, secret }
}

/** Throws if the value is neither credentials nor a store. Does not validate the credentials. */
export function checkCredentials(value: unknown): void {
  const { peerId, secret } = Object(value) as Record<string, unknown> // any object's members may be read
  if ((typeof peerId === 'string' && typeof secret === 'string') || hasMethods(value, ['load', 'save'])) return
  const given = typeof value === 'string' ? typeof value : value // a string may be the secret
  throw invalid('credentials', '{ peerId, secret } or a store such as fileCredentials(path)', given)
}

/** The error for a secret whose peer id is not the one beside it. */
export function wrongKey(where: string): CredentialsError {
  return new CredentialsError(
    'wrong-key',
    `${where}: the secret belongs to another peerId. Restore the pair that getCredentials() returned, or remove both to start as a new peer`,
  )
}
