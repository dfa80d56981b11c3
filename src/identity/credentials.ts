/** Credentials as plain strings: their shape and what can be wrong with them. Knows no cryptography and no storage. */
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
 * - `taken`: another identity is kept there, and none is ever overwritten;
 * - `unreadable`, `unwritable`: the place itself failed;
 * - `unavailable`: there is no such place on this platform.
 */
export type CredentialsFault = 'damaged' | 'wrong-key' | 'exposed' | 'taken' | 'unreadable' | 'unwritable' | 'unavailable'

/**
 * Credentials cannot be used or kept; `reason` says why in a word that programs can switch on. No message ever holds a secret.
 *
 * @example
 * manager.on('warning', error => {
 *   if (error instanceof CredentialsError && error.reason === 'exposed') console.warn(error.message)
 * })
 */
export class CredentialsError extends SwarmlinkError {
  readonly reason: CredentialsFault

  constructor(reason: CredentialsFault, message: string, options?: ErrorOptions) {
    super('ERR_CREDENTIALS', message, options)
    this.name = 'CredentialsError'
    this.reason = reason
  }
}

export const SEED_BYTES = 32
const SECRET_LENGTH = 43
/** The private seed that a secret stands for, or `undefined`. */
export function seedOf(secret: string): Uint8Array<ArrayBuffer> | undefined {
  return secret.length === SECRET_LENGTH ? fromBase64Url(secret) : undefined
}

/** The credentials in a value of unknown shape, or a {@link CredentialsError} that names `where` and the wrong part. */
export function parseCredentials(value: unknown, where = 'the credentials'): Credentials {
  const damaged = (what: string): never => {
    throw new CredentialsError(
      'damaged',
      `${where}: ${what}. Restore what getCredentials() gave, or remove it to begin as a new peer`,
    )
  }
  if (typeof value !== 'object' || value === null) return damaged('expected an object { peerId, secret }')
  const { peerId, secret } = value as Record<string, unknown> // whatever it is, its members may be read
  if (typeof peerId !== 'string' || !isId(peerId)) return damaged('the peerId is not of 40 lower-case hex characters')
  if (typeof secret !== 'string' || seedOf(secret) === undefined)
    return damaged('the secret is not of 43 base64url characters (32 bytes)')
  return { peerId, secret }
}

/** Throws for what is neither credentials nor a store of them. Whether they are any good shows when they are used. */
export function checkCredentials(value: unknown): void {
  const { peerId, secret } = Object(value) as Record<string, unknown> // whatever it is, its members may be read
  if ((typeof peerId === 'string' && typeof secret === 'string') || hasMethods(value, ['load', 'save'])) return
  const given = typeof value === 'string' ? typeof value : value // a text may be the secret
  throw invalid('credentials', '{ peerId, secret } or a store such as fileCredentials(path)', given)
}

/** The error for a secret that makes another peer id than the one beside it. */
export function wrongKey(where: string): CredentialsError {
  return new CredentialsError(
    'wrong-key',
    `${where}: the secret belongs to another peerId. Restore the pair as getCredentials() gave it, or remove both to begin as a new peer`,
  )
}
