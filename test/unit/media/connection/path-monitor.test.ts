import { expect, it } from 'vitest'
import { sleep } from '../../../../src/core/env.js'
import { PathMonitor } from '../../../../src/media/connection/path-monitor.js'
import type { Arrivals, Transport } from '../../../../src/media/connection/transport.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

/** A connection that WebRTC takes for connected, whose control channel is silent. */
class Path {
  readonly env = new VirtualEnv()
  readonly changes: boolean[] = []
  readonly received: Arrivals = new Map([['pair', { bytes: 1_000, checks: 10 }]])
  state = 'connecting'
  readonly isControlled = true
  readonly isAbandoned = false
  readonly monitor: PathMonitor
  /** What the application does when the path changes. */
  listener = () => {}

  constructor() {
    this.monitor = new PathMonitor(this.env, this as unknown as Transport, {
      changed: () => {
        this.changes.push(this.monitor.isUp)
        this.listener()
      },
      beat: () => {},
    })
    this.state = 'connected'
    this.monitor.heard()
  }

  /** How long the engine needs for its figures. */
  latency = 0

  async arrivals(): Promise<Arrivals> {
    if (this.latency > 0) await sleep(this.env, this.latency)
    return new Map(this.received)
  }
}

it('says that a path works again when bytes arrive, before the control channel says so [X14]', async () => {
  const path = new Path()
  await path.env.advance(4_000)
  expect(path.changes).toEqual([true, false])
  path.received.set('another pair', { bytes: 1, checks: 0 })
  await path.env.advance(500)
  expect(path.changes).toEqual([true, false, true])
  path.monitor.heard()
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('says that a path works again when several checks of ICE are answered, and not for one, which asks for consent [X14]', async () => {
  const path = new Path()
  await path.env.advance(4_000)
  path.received.set('pair', { bytes: 1_000, checks: 11 })
  await path.env.advance(500)
  expect(path.changes).toEqual([true, false])
  path.received.set('another pair', { bytes: 0, checks: 2 })
  await path.env.advance(200)
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('says that a path works again when the first check of a new pair is answered [X14]', async () => {
  const path = new Path()
  path.received.set('new pair', { bytes: 0, checks: 0 })
  await path.env.advance(4_000)
  path.received.set('new pair', { bytes: 0, checks: 1 })
  await path.env.advance(200)
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('believes the other end that a path is lost until it is heard again, but not just after the path came back [X14]', async () => {
  const path = new Path()
  await path.env.advance(900)
  path.monitor.lose() // it may have said so before there was a path
  expect(path.changes).toEqual([true])
  await path.env.advance(100)
  path.monitor.lose()
  await path.env.advance(100)
  expect(path.changes).toEqual([true, false])
  path.monitor.heard()
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('believes the other end that a path is lost until a check of ICE is answered, whatever arrives meanwhile [X14]', async () => {
  const path = new Path()
  await path.env.advance(1_000)
  path.monitor.lose()
  path.received.set('pair', { bytes: 1_001, checks: 10 })
  await path.env.advance(500)
  expect(path.changes).toEqual([true, false])
  path.received.set('pair', { bytes: 1_002, checks: 11 })
  await path.env.advance(200)
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('believes the other end that a path is lost until a new pair is checked, although beats came just before [X14]', async () => {
  const path = new Path()
  for (let i = 0; i < 4; i++) {
    await path.env.advance(500)
    path.monitor.heard()
  }
  await path.env.advance(200)
  path.monitor.lose()
  await path.env.advance(150)
  path.received.set('new pair', { bytes: 500, checks: 1 })
  await path.env.advance(200)
  expect(path.changes).toEqual([true, false, true])
  path.monitor.stop()
})

it('says that a path is lost 1.75 s after the last beat, and not at all while bytes arrive [X14]', async () => {
  const path = new Path()
  await path.env.advance(1_749)
  expect(path.changes).toEqual([true])
  await path.env.advance(1)
  expect(path.changes).toEqual([true, false])
  path.monitor.stop()

  const busy = new Path()
  for (let bytes = 1_001; bytes < 1_020; bytes++) {
    busy.received.set('pair', { bytes, checks: 10 })
    await busy.env.advance(200)
  }
  expect(busy.changes).toEqual([true])
  busy.monitor.stop()
})

it('says again that a path is lost when nothing follows for 3 s [X14]', async () => {
  const path = new Path()
  await path.env.advance(4_000)
  path.received.set('pair', { bytes: 1_001, checks: 10 })
  await path.env.advance(2_900)
  expect(path.changes).toEqual([true, false, true])
  await path.env.advance(600)
  expect(path.changes).toEqual([true, false, true, false])
  path.monitor.stop()
})

it('says nothing after stop(), when the figures of a look come [Law 5]', async () => {
  const path = new Path()
  path.latency = 100
  await path.env.advance(1_000)
  path.monitor.stop()
  path.state = 'closed'
  await path.env.advance(5_000)
  expect(path.changes).toEqual([true])
})

it('leaves no timer behind when the listener that hears of a lost path stops it [Law 5]', async () => {
  const path = new Path()
  path.listener = () => path.monitor.stop()
  await path.env.advance(5_000)
  expect(path.changes).toEqual([true, false])
  expect(path.env.pendingTimers).toBe(0)
})
