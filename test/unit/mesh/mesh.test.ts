import { expect, test } from 'vitest'
import { createMesh } from '../../../src/mesh/create-mesh.js'
import type { MeshOptions } from '../../../src/mesh/mesh-options.js'
import { MemoryDriver } from '../../../src/signaling/drivers/memory-driver.js'

test('a mesh that was left takes no subscription, whose messages would never come [C1]', async () => {
  const mesh = await createMesh({ transport: new MemoryDriver() })
  mesh.subscribe('chat', () => {})
  await mesh.leave()
  expect(() => mesh.subscribe('chat', () => {})).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
})

test('a mesh warns of options that have no effect yet, unless they have their defaults [C1]', async () => {
  const warningsOf = async (options: Pick<MeshOptions, 'bootstrapNodes' | 'kademliaK'>) => {
    const mesh = await createMesh({ transport: new MemoryDriver(), ...options })
    const warnings: string[] = []
    mesh.on('warning', ({ code, message }) => void warnings.push(`${code} ${message}`))
    await mesh.join()
    await mesh.leave()
    return warnings
  }
  expect(await warningsOf({ bootstrapNodes: [], kademliaK: 20 })).toEqual([])
  expect(await warningsOf({ bootstrapNodes: ['a'.repeat(40)], kademliaK: 8 })).toEqual([
    expect.stringMatching(/^ERR_INVALID_ARGUMENT bootstrapNodes has no effect/),
    expect.stringMatching(/^ERR_INVALID_ARGUMENT kademliaK has no effect/),
  ])
})
