import { expect, test } from 'vitest'
import { createMesh } from '../../../src/mesh/create-mesh.js'
import { MemoryDriver } from '../../../src/signaling/drivers/memory-driver.js'

test('a mesh that was left takes no subscription, whose messages would never come [C1]', async () => {
  const mesh = await createMesh({ transport: new MemoryDriver() })
  mesh.subscribe('chat', () => {})
  await mesh.leave()
  expect(() => mesh.subscribe('chat', () => {})).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
})
