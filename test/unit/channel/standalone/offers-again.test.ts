import { describe, expect, test } from 'vitest'
import { CALL_TIMEOUT } from '../../../../src/channel/standalone/attempts.js'
import { DataConnection } from '../../../../src/channel/messages/data-connection.js'
import type { SignalData } from '../../../../src/channel/standalone/signals.js'
import { FakeNet, type FakeEngine } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

function side(env: VirtualEnv, net: FakeNet, localPeerId: string, remotePeerId: string, initiator: boolean) {
  const engine: FakeEngine = net.engine()
  const connection = new DataConnection(
    { localPeerId, remotePeerId, initiator },
    { env, findEngine: () => Promise.resolve(engine) },
  )
  const signals: SignalData[] = []
  const events: string[] = []
  connection.on('signal', data => signals.push(data))
  connection.on('connect', () => events.push('connect'))
  connection.on('error', error => events.push(`error ${error.code}`))
  connection.on('close', error => events.push(`close ${error?.code ?? 'quietly'}`))
  return { connection, engine, signals, events }
}

const join = (env: VirtualEnv, a: ReturnType<typeof side>, b: ReturnType<typeof side>) => {
  a.connection.on('signal', data => env.timer(5, () => b.connection.signal(data)))
  b.connection.on('signal', data => env.timer(5, () => a.connection.signal(data)))
}
function three(gathering: number) {
  const env = new VirtualEnv({ seed: 1 })
  const net = new FakeNet(env, { gathering })
  return { env, b: side(env, net, 'b', 'a', false), a: side(env, net, 'a', 'b', true), reloaded: side(env, net, 'a', 'b', true) }
}

describe('a remote end that offers again', () => {
  test('while this side answers leaves nothing behind after close() [Law 5]', async () => {
    const { env, a, b, reloaded } = three(30)
    await env.until(() => a.signals.length > 0 && reloaded.signals.length > 0)
    for (const { signals } of [a, reloaded]) {
      for (const data of signals) b.connection.signal(data)
      await env.advance(5)
    }
    void b.connection.close()
    await env.advance(3_000)
    expect([b.engine.alive.length, b.events]).toEqual([0, ['close quietly']])
  })

  test('while this side answers, as a page that is loaded again, is connected [A8]', async () => {
    const { env, a, b, reloaded } = three(120)
    await env.until(() => a.signals.length > 0 && reloaded.signals.length > 0)
    for (const data of a.signals) b.connection.signal(data)
    await env.advance(5)
    for (const data of reloaded.signals) b.connection.signal(data)
    join(env, reloaded, b)
    await env.advance(CALL_TIMEOUT)
    expect([b.events, reloaded.events]).toEqual([['connect'], ['connect']])
  })

  test('while this side closes gets no answer [Law 5]', async () => {
    const { env, a, b, reloaded } = three(3)
    join(env, a, b)
    await env.until(() => b.events.includes('connect') && a.events.includes('connect'))
    void b.connection.close()
    await env.advance(1)
    b.connection.on('signal', data => reloaded.connection.signal(data))
    for (const data of reloaded.signals) b.connection.signal(data)
    await env.advance(10_000)
    expect([b.engine.alive.length, reloaded.events]).toEqual([0, []])
  })

  test('long after an offer that the engine refused is connected [A8]', async () => {
    const { env, a, b, reloaded } = three(3)
    await env.until(() => a.signals.length > 0)
    b.engine.fault = () => 'describe'
    for (const data of a.signals) b.connection.signal(data)
    await env.advance(CALL_TIMEOUT + 1_000)
    b.engine.fault = () => undefined
    join(env, reloaded, b)
    for (const data of reloaded.signals) b.connection.signal(data)
    await env.advance(1_000)
    expect(b.events).toEqual(['error ERR_ENGINE', 'connect'])
  })

  test('with an offer that the engine refuses, in a retry, does not make this side wait for ever [Law 6]', async () => {
    const { env, a, b } = three(3)
    join(env, a, b)
    await env.until(() => b.signals.length === 1)
    await env.advance(6)
    b.engine.fault = () => 'describe'
    for (const { engine } of [a, b]) engine.alive[0]?.turn('failed')
    await env.advance(2 * CALL_TIMEOUT)
    expect(b.events.at(-1)).toBe('close ERR_CONNECT_TIMEOUT')
  })
})
