import { describe, expect, test } from 'vitest'
import type { CoreLoop } from '../../../src/mesh/core-loop.js'
import type { MeshCore } from '../../../src/mesh/core/mesh-core.js'
import type { MeshEdge } from '../../../src/mesh/mesh-edge.js'
import { PostChecks } from '../../../src/mesh/post-checks.js'
import type { PostSigner } from '../../../src/mesh/post-signer.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

describe('the checks of posts', () => {
  test('read a neighbour again when no verdict on its posts comes [C7] [X3]', async () => {
    const env = new VirtualEnv()
    const neighbour = { unverified: 200 }
    const core = { neighbours: new Map([['a', neighbour]]) } as unknown as MeshCore // the part that is read
    const checks = new PostChecks(env, {} as PostSigner, {} as CoreLoop, core)
    const edge = { id: 'a', paused: false } as MeshEdge
    checks.look(edge)
    expect(edge.paused).toBe(true)
    await env.advance(5_000)
    expect(edge.paused).toBe(true)
    neighbour.unverified = 0 // the core gave them up
    await env.advance(5_000)
    expect(edge.paused).toBe(false)
    expect(env.pendingTimers).toBe(0)
  })
})
