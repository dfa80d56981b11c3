/** The engine that the layers above are tested with loses and finds paths as the real ones were seen to. */
import { expect, it } from 'vitest'
import type { EngineChannel } from '../../../src/engine/engine.js'
import { FakeNet } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

async function connected({ restarts = true } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const engines = [net.engine(), net.engine()] as const
  engines[1].restarts = restarts
  const [caller, callee] = [engines[0].createConnection(), engines[1].createConnection()]
  const got: string[] = []
  callee.on('channel', (channel: EngineChannel) => channel.on('message', message => got.push(message as string)))
  const channel = caller.createChannel('wire')
  const inTime = async <T>(promise: Promise<T>) => {
    await env.advance(100)
    return promise
  }
  await inTime(caller.acceptAnswer(await inTime(callee.createAnswer(await inTime(caller.createOffer())))))
  await env.advance(100)
  return { env, caller, callee, channel, got, inTime }
}

it('keeps what is sent while the path is lost, and gives it when a restart has found another', async () => {
  const { env, caller, callee, channel, got, inTime } = await connected()
  channel.send('before')
  caller.cut()
  channel.send('meanwhile')
  const further = caller.createChannel('further')
  await env.advance(6_000)
  expect([caller.state, callee.state, got]).toEqual(['disconnected', 'disconnected', ['before']])
  const first = await inTime(caller.restart())
  const stale = await inTime(callee.answerRestart(first))
  const answer = await inTime(callee.answerRestart(await inTime(caller.restart())))
  await expect(caller.acceptRestart(stale)).rejects.toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }))
  await inTime(caller.acceptRestart(answer))
  expect([caller.state, callee.state, further.state, got]).toEqual(['connected', 'connected', 'open', ['before', 'meanwhile']])
  await env.advance(60_000)
  expect([caller.state, callee.state]).toEqual(['connected', 'connected'])
  caller.close()
  callee.close()
})

it('tells nothing of an end without a path, and fails at the other one in time', async () => {
  const { env, caller, callee, channel } = await connected({ restarts: false })
  caller.cut()
  expect([caller.canRestart, callee.canRestart]).toEqual([false, false])
  await expect(caller.restart()).rejects.toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }))
  caller.close()
  expect(channel.state).toBe('closed')
  await env.advance(1_000)
  expect(callee.state).toBe('connected')
  await env.advance(60_000)
  expect(callee.state).toBe('failed')
})
