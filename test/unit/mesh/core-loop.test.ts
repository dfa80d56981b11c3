import { describe, expect, test } from 'vitest'
import { CoreLoop } from '../../../src/mesh/core-loop.js'
import type { MeshCore } from '../../../src/mesh/core/mesh-core.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

function loop() {
  const env = new VirtualEnv()
  const woken: number[] = []
  const core = {
    wakeAt: Number.POSITIVE_INFINITY,
    wake: (now: number) => {
      woken.push(now)
      core.wakeAt = Number.POSITIVE_INFINITY
    },
  }
  return { env, core, woken, loop: new CoreLoop(env, { core: core as unknown as MeshCore, returned: () => {} }) } // the part that it uses
}

describe('the loop around the core', () => {
  test('calls the core after its work when an effect calls back, and the application last [C1]', () => {
    const { loop: it } = loop()
    const order: string[] = []
    it.run(() => {
      it.afterwards(() => order.push('application'))
      it.run(() => order.push('later'))
      order.push('now')
    })
    expect(order).toEqual(['now', 'application', 'later'])
  })

  test('wakes the core in time, also when it wants to be woken earlier than before [C1]', async () => {
    const { env, core, woken, loop: it } = loop()
    it.run(() => (core.wakeAt = 500))
    it.run(() => (core.wakeAt = 200))
    await env.advance(1_000)
    expect(woken).toEqual([200])
    it.end()
    it.run(() => (core.wakeAt = 1_100))
    await env.advance(1_000)
    expect(woken).toEqual([200])
  })

  test('looks at a condition whenever the core has returned, and stops at the end [C1]', async () => {
    const { loop: it } = loop()
    const resolved: string[] = []
    let holds = false
    void it.until(() => holds).then(() => resolved.push('held'))
    void it.until(() => false).then(() => resolved.push('ended'))
    it.run(() => {})
    await Promise.resolve()
    expect(resolved).toEqual([])
    holds = true
    it.run(() => {})
    await new Promise<void>(resolve => queueMicrotask(() => queueMicrotask(resolve)))
    expect(resolved).toEqual(['held'])
    it.end()
    await new Promise<void>(resolve => queueMicrotask(() => queueMicrotask(resolve)))
    expect(resolved).toEqual(['held', 'ended'])
  })
})
