import { describe, expect, test } from 'vitest'
import { isId } from '../../../src/core/id.js'
import { announceIdOf, belongsTo } from '../../../src/identity/announce-id.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { VirtualEnv } from '../../support/virtual-env.js'

describe('X3 an announce id', () => {
  test('is made for one key, and for no other', async () => {
    const env = new VirtualEnv()
    const [own, other] = [await createIdentity({ env }), await createIdentity({ env })]
    const id = announceIdOf(own, env)
    expect(isId(id)).toBe(true)
    expect([
      belongsTo(id, own.key?.publicKey ?? new Uint8Array()),
      belongsTo(id, other.key?.publicKey ?? new Uint8Array()),
    ]).toEqual([true, false])
    expect(announceIdOf(own, env)).not.toBe(id) // new for every process
  })

  test('is just random where there is no key', () => {
    expect(isId(announceIdOf({ peerId: 'ab'.repeat(20) }, new VirtualEnv()))).toBe(true)
  })
})
