/** Turns the option `credentials` into the identity of this client. */
import type { Env } from '../core/env.js'
import { asError } from '../core/errors.js'
import { CredentialsError } from './credentials.js'
import type { Credentials, CredentialStore, Identity } from './identity.js'
import { createIdentity } from './key-pair.js'

/**
 * Credentials: their identity. A store: the stored identity, or a new one, which is saved. `undefined`: a new identity for this
 * process.
 *
 * Several clients that start on one empty store use one identity: a store refuses to overwrite (`taken`), and the identity is
 * loaded again after the save. Without a key (see {@link createIdentity}) nothing is saved.
 */
export async function resolveCredentials(source: Credentials | CredentialStore | undefined, env: Env): Promise<Identity> {
  if (source === undefined) return createIdentity({ env })
  if (!isStore(source)) return createIdentity({ env, credentials: source })

  const kept = await load(source)
  if (kept !== undefined) return createIdentity({ env, credentials: kept })
  const fresh = await createIdentity({ env })
  if (fresh.key === undefined) return fresh
  try {
    await source.save(fresh.key.credentials)
  } catch (error) {
    if (!(error instanceof CredentialsError && error.reason === 'taken')) throw failed(error)
  }
  const winner = await load(source)
  return winner === undefined ? fresh : createIdentity({ env, credentials: winner })
}

function isStore(source: Credentials | CredentialStore): source is CredentialStore {
  return typeof source === 'object' && source !== null && 'load' in source && 'save' in source
}

async function load(store: CredentialStore): Promise<Credentials | undefined> {
  try {
    return (await store.load()) ?? undefined // stores that read from JSON or `localStorage` return null
  } catch (error) {
    throw failed(error)
  }
}

function failed(error: unknown): Error {
  return asError(error, 'ERR_CREDENTIALS', 'the credential store failed')
}
