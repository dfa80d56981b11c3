/** What stands for the file store where there are no files. */
import { CredentialsError } from './credentials.js'
import type { CredentialStore } from './identity.js'

/** Only in Node. A browser keeps credentials with `localCredentials(key)`. */
export function fileCredentials(_path: string): CredentialStore {
  throw new CredentialsError('unavailable', 'fileCredentials(path) needs Node; in a browser use localCredentials(key)')
}
