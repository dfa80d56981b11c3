/** Stores credentials in a browser's `localStorage`. */
import { checkText, hasMethods, invalid } from '../core/arguments.js'
import { CredentialsError, parseCredentials } from './credentials.js'
import type { Credentials, CredentialStore } from './identity.js'
import { deserialize, keepOnly, serialize } from './credentials-text.js'

/**
 * Stores the identity in a browser's `localStorage`, so that a page is the same peer after a reload.
 * All scripts of the page's origin can read it.
 *
 * @example
 * new ConnectionManager(client, { credentials: localCredentials() })
 */
export function localCredentials(key = 'swarmlink', storage?: Pick<Storage, 'getItem' | 'setItem'>): CredentialStore {
  checkText('the first argument', key)
  if (storage !== undefined && !hasMethods(storage, ['getItem', 'setItem']))
    throw invalid('the second argument', 'a Storage, such as sessionStorage', storage)
  const where = `localStorage item ${JSON.stringify(key)}`
  const read = (): string | null => {
    try {
      return (storage ?? pageStorage()).getItem(key)
    } catch (cause) {
      throw asUnavailable(cause)
    }
  }
  const load = async (): Promise<Credentials | undefined> => {
    const text = read()
    return text === null ? undefined : deserialize(text, where)
  }
  return {
    load,
    async save(credentials) {
      const text = serialize(parseCredentials(credentials))
      // There is no `await` between the read and the write, so that no other tab of this process writes in between.
      if (read() === null) {
        try {
          ;(storage ?? pageStorage()).setItem(key, text)
        } catch (cause) {
          throw new CredentialsError('unwritable', `${where} could not be written: is the storage full?`, { cause })
        }
        return
      }
      const there = await load()
      if (there !== undefined) keepOnly(there, credentials, where)
    },
  }
}

function pageStorage(): Storage {
  const { localStorage } = globalThis as { localStorage?: Storage } // only pages have it
  if (localStorage === undefined) throw new Error('there is no localStorage')
  return localStorage
}

function asUnavailable(cause: unknown): CredentialsError {
  return new CredentialsError(
    'unavailable',
    'localStorage is not available: in Node use fileCredentials(path); in a page without storage access omit credentials',
    { cause },
  )
}
