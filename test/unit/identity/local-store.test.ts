import { describe, expect, it } from 'vitest'
import { systemEnv } from '../../../src/core/env.js'
import type { Credentials } from '../../../src/identity/identity.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { localCredentials } from '../../../src/identity/local-store.js'

function memory(items: Record<string, string> = {}) {
  const map = new Map(Object.entries(items))
  return {
    map,
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
  }
}

async function fresh(): Promise<Credentials> {
  const { key } = await createIdentity({ env: systemEnv })
  if (key === undefined) throw new Error('no key')
  return key.credentials
}

describe('localCredentials [D7]', () => {
  it('loads undefined at first, then what was saved', async () => {
    const storage = memory()
    const credentials = await fresh()
    expect(await localCredentials('me', storage).load()).toBeUndefined()
    await localCredentials('me', storage).save(credentials)
    expect(await localCredentials('me', storage).load()).toEqual(credentials)
    expect([...storage.map.keys()]).toEqual(['me'])
  })

  it('uses the item swarmlink by default', async () => {
    const storage = memory()
    await localCredentials(undefined, storage).save(await fresh())
    expect([...storage.map.keys()]).toEqual(['swarmlink'])
  })

  it('refuses to save another identity, and accepts the same identity again', async () => {
    const storage = memory()
    const store = localCredentials('me', storage)
    const credentials = await fresh()
    await store.save(credentials)
    await store.save(credentials)
    await expect(store.save(await fresh())).rejects.toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'taken' })
    expect(await store.load()).toEqual(credentials)
  })

  it('refuses an item as damaged or wrong-key, names it, and does not change it', async () => {
    const [one, other] = await Promise.all([fresh(), fresh()])
    const mixed = JSON.stringify({ peerId: one.peerId, secret: other.secret })
    const found = [
      ['{"peerId":', 'damaged'],
      ['', 'damaged'],
      ['null', 'damaged'],
      [`"${'x'.repeat(10_000)}"`, 'damaged'],
      [mixed, 'wrong-key'],
    ] as const
    for (const [text, reason] of found) {
      const storage = memory({ me: text })
      const store = localCredentials('me', storage)
      const error = await store.load().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'ERR_CREDENTIALS', reason })
      expect(String(error)).toContain('localStorage item "me"')
      await expect(store.save(one)).rejects.toMatchObject({ reason })
      expect(storage.map.get('me')).toBe(text)
    }
  })

  it('does not quote the secret of a damaged item', async () => {
    const { secret } = await fresh()
    const error = await localCredentials('me', memory({ me: `{"secret":"${secret}"` }))
      .load()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ reason: 'damaged' })
    expect(error).not.toHaveProperty('cause')
    expect(String(error)).not.toContain(secret.slice(0, 8))
  })

  it('rejects if storage is missing, forbidden or full, and says what to do', async () => {
    const forbidden = { getItem: () => expect.fail('SecurityError'), setItem: () => {} }
    await expect(localCredentials('me', forbidden).load()).rejects.toMatchObject({ reason: 'unavailable' })
    const full = { getItem: () => null, setItem: () => expect.fail('QuotaExceededError') }
    await expect(localCredentials('me', full).save(await fresh())).rejects.toMatchObject({ reason: 'unwritable' })
    await expect(localCredentials('me').load()).rejects.toThrow(/fileCredentials\(path\)/)
  })
})
