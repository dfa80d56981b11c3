import { expect, it } from 'vitest'
import { PathMonitor } from '../../../src/media/path-monitor.js'
import type { Transport } from '../../../src/media/transport.js'
import { VirtualEnv } from '../../support/virtual-env.js'

/** A connection that WebRTC takes for connected, whose control channel is silent. */
class Path {
  readonly env = new VirtualEnv()
  readonly changes: boolean[] = []
  readonly bytes = new Map([['pair', 1_000]])
  state = 'connecting'
  readonly isControlled = true
  readonly isAbandoned = false
  readonly monitor: PathMonitor

  constructor() {
    this.monitor = new PathMonitor(this.env, this as unknown as Transport, {
      changed: () => this.changes.push(this.monitor.isUp),
      beat: () => {},
    })
    this.state = 'connected'
    this.monitor.heard()
  }

  bytesByPair(): Promise<Map<string, number>> {
    return Promise.resolve(new Map(this.bytes))
  }
}

it('says that a path works again when bytes arrive, before the control channel says so [X14]', async () => {
  const path = new Path()
  await path.env.advance(4_000)
  expect(path.changes).toEqual([true, false])
  path.bytes.set('another pair', 1)
  await path.env.advance(500)
  expect(path.changes).toEqual([true, false, true])
  path.monitor.heard()
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('says again that a path is lost when no byte follows [X14]', async () => {
  const path = new Path()
  await path.env.advance(4_000)
  path.bytes.set('pair', 1_001)
  await path.env.advance(500)
  await path.env.advance(500)
  expect(path.changes).toEqual([true, false, true, false])
  path.monitor.stop()
})
