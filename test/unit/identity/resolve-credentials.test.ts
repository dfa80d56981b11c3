import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemEnv } from '../../../src/core/env.js'
import { CredentialsError } from '../../../src/identity/credentials.js'
import type { Credentials, CredentialStore } from '../../../src/identity/identity.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { resolveCredentials } from '../../../src/identity/resolve-credentials.js'

const env = systemEnv

/** The simplest store of an application. */
function simpleStore(kept?: Credentials): CredentialStore & { saves: number } {
  return {
    saves: 0,
    load: async () => kept,
    async save(credentials) {
      this.saves++
      kept = credentials
    },
  }
}

async function fresh(): Promise<Credentials> {
  const { key } = await createIdentity({ env })
  if (key === undefined) throw new Error('no key')
  return key.credentials
}

afterEach(() => vi.unstubAllGlobals())

describe('resolveCredentials [D7]', () => {
  it('makes a new identity each time without credentials', async () => {
    const [one, other] = await Promise.all([resolveCredentials(undefined, env), resolveCredentials(undefined, env)])
    expect(one.peerId).not.toBe(other.peerId)
  })

  it('makes the identity of the credentials', async () => {
    const credentials = await fresh()
    expect((await resolveCredentials(credentials, env)).peerId).toBe(credentials.peerId)
  })

  it('saves a new identity in an empty store once, and loads it from then on', async () => {
    const store = simpleStore()
    const first = await resolveCredentials(store, env)
    const second = await resolveCredentials(store, env)
    expect(second.peerId).toBe(first.peerId)
    expect(second.key?.credentials).toEqual(first.key?.credentials)
    expect(store.saves).toBe(1)
  })

  it('takes the identity that another process saved meanwhile, whether save() rejects or not', async () => {
    const winner = await fresh()
    for (const refuses of [true, false]) {
      let loads = 0
      const store: CredentialStore = {
        load: async () => (loads++ === 0 ? undefined : winner),
        save: async () => {
          if (refuses) throw new CredentialsError('taken', 'there is one already')
        },
      }
      expect((await resolveCredentials(store, env)).peerId).toBe(winner.peerId)
    }
  })

  it('accepts a store that saves nothing or loads null, for this session', async () => {
    const store = { load: async () => null as unknown as undefined, save: async () => {} } // as JSON and localStorage return it
    expect((await resolveCredentials(store, env)).key).toBeDefined()
  })

  it('rejects with the cause if a store fails, and refuses invalid values', async () => {
    const cause = new Error('disk on fire')
    const failing = { load: () => Promise.reject(cause), save: async () => {} }
    await expect(resolveCredentials(failing, env)).rejects.toMatchObject({ code: 'ERR_CREDENTIALS', cause })
    const unwritable = { load: async () => undefined, save: () => Promise.reject(cause) }
    await expect(resolveCredentials(unwritable, env)).rejects.toMatchObject({ code: 'ERR_CREDENTIALS', cause })
    for (const nonsense of [null, 'peer.json', 5, {}])
      await expect(resolveCredentials(nonsense as unknown as Credentials, env)).rejects.toMatchObject({ reason: 'damaged' })
    await expect(resolveCredentials(simpleStore({ peerId: 'x', secret: 'y' }), env)).rejects.toMatchObject({ reason: 'damaged' })
  })

  it('saves nothing in a page that is not a secure context', async () => {
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) })
    const store = simpleStore()
    expect((await resolveCredentials(store, env)).key).toBeUndefined()
    expect(store.saves).toBe(0)
  })
})
