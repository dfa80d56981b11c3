import { describe, expect, test } from 'vitest'
import { isId } from '../../../src/core/id.js'
import { newAnnounceId, belongsTo } from '../../../src/identity/announce-id.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

describe('an announce id [X3]', () => {
  test('belongs to one key', async () => {
    const env = new VirtualEnv()
    const [own, other] = [await createIdentity({ env }), await createIdentity({ env })]
    const id = newAnnounceId(own, env)
    expect(isId(id)).toBe(true)
    expect([
      belongsTo(id, own.key?.publicKey ?? new Uint8Array()),
      belongsTo(id, other.key?.publicKey ?? new Uint8Array()),
    ]).toEqual([true, false])
    expect(newAnnounceId(own, env)).not.toBe(id) // new for every process
  })

  test('is random without a key', () => {
    expect(isId(newAnnounceId({ peerId: 'ab'.repeat(20) }, new VirtualEnv()))).toBe(true)
  })
})
