/** From what the user handed in to the identity that we have. */
import type { Env } from '../core/env.js'
import { asError } from '../core/errors.js'
import { CredentialsError } from './credentials.js'
import type { Credentials, CredentialStore, Identity } from './identity.js'
import { createIdentity } from './key-pair.js'

/**
 * Credentials make their identity; a store gives the one it keeps, or keeps a new one; nothing makes an identity that lives as long as
 * the process.
 *
 * Several that start on one empty store end with one identity: a store refuses to overwrite (`taken`), and what it holds
 * after the save is what counts. Where no key can be made (see {@link createIdentity}) nothing is stored.
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
    return (await store.load()) ?? undefined // what reads from JSON or `localStorage` says null
  } catch (error) {
    throw failed(error)
  }
}

function failed(error: unknown): Error {
  return asError(error, 'ERR_CREDENTIALS', 'the credential store failed')
}
