/** Takes the place of the file store in browsers. */
import { CredentialsError } from './credentials.js'
import type { CredentialStore } from './identity.js'

/** Works in Node only. In a browser use `localCredentials(key)`. */
export function fileCredentials(_path: string): CredentialStore {
  throw new CredentialsError('unavailable', 'fileCredentials(path) needs Node; in a browser use localCredentials(key)')
}
