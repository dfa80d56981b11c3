import { describe, expect, test } from 'vitest'
import { EXCHANGE } from '../../../src/channel/control-wire.js'
import { Control, type ControlHost } from '../../../src/channel/control.js'
import { channelPair, FakeNet } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

describe('X1 the control channel', () => {
  test('X1 opens with the first word, and carries words both ways', async () => {
    const env = new VirtualEnv()
    const net = new FakeNet(env)
    const [a, b] = channelPair(net)
    const said: string[] = []
    const host = (name: string, open: ControlHost['open']): ControlHost => ({
      open,
      topics: h => said.push(`${name} topics ${h.join()}`),
      gone: h => said.push(`${name} gone ${h.join()}`),
      bye: () => said.push(`${name} bye`),
      restart: f => said.push(`${name} ${f.type}`),
      relay: m => said.push(`${name} relay ${m.length}`),
      fault: e => said.push(`${name} fault ${e.code}`),
    })
    const here = new Control({ env, host: host('here', () => a), capabilities: EXCHANGE })
    const there = new Control({ env, host: host('there', () => b), capabilities: EXCHANGE })
    there.adopt(b)
    await env.advance(100)
    expect(a.sent).toBe(0)
    here.show(['0123456789abcdef'])
    here.relay(new Uint8Array(3))
    const ping = here.ping()
    await env.advance(100)
    expect(said).toEqual(['there topics 0123456789abcdef', 'there relay 3'])
    expect(await ping).toBe(20)
    expect([a.sent, b.sent]).toEqual([1, 1])
    there.bye()
    there.close()
    await env.advance(100)
    expect(said.at(-1)).toBe('here bye')
    expect([a.state, env.pendingTimers]).toEqual(['closed', 0])
  })
})
