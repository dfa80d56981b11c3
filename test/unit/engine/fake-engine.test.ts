/** The fake engine of other tests loses paths and restarts ICE as the real engines do. */
import { expect, it } from 'vitest'
import type { EngineChannel } from '../../../src/engine/engine.js'
import { FakeNet } from '../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

async function connected({ restarts = true } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const engines = [net.engine(), net.engine()] as const
  engines[1].restarts = restarts
  const [caller, answerer] = [engines[0].createConnection(), engines[1].createConnection()]
  const got: string[] = []
  answerer.on('channel', (channel: EngineChannel) => channel.on('message', message => got.push(message as string)))
  const channel = caller.createChannel('wire')
  const inTime = async <T>(promise: Promise<T>) => {
    await env.advance(100)
    return promise
  }
  await inTime(caller.acceptAnswer(await inTime(answerer.createAnswer(await inTime(caller.createOffer())))))
  await env.advance(100)
  return { env, caller, answerer, channel, got, inTime }
}

it('keeps messages that are sent while the path is lost, and delivers them after an ICE restart', async () => {
  const { env, caller, answerer, channel, got, inTime } = await connected()
  channel.send('before')
  caller.cut()
  channel.send('meanwhile')
  const further = caller.createChannel('further')
  await env.advance(6_000)
  expect([caller.state, answerer.state, got]).toEqual(['disconnected', 'disconnected', ['before']])
  const first = await inTime(caller.restart())
  const stale = await inTime(answerer.answerRestart(first))
  const answer = await inTime(answerer.answerRestart(await inTime(caller.restart())))
  await expect(caller.acceptRestart(stale)).rejects.toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }))
  await inTime(caller.acceptRestart(answer))
  expect([caller.state, answerer.state, further.state, got]).toEqual(['connected', 'connected', 'open', ['before', 'meanwhile']])
  await env.advance(60_000)
  expect([caller.state, answerer.state]).toEqual(['connected', 'connected'])
  caller.close()
  answerer.close()
})

it('does not signal a close without a path, and fails at the remote end after a timeout', async () => {
  const { env, caller, answerer, channel } = await connected({ restarts: false })
  caller.cut()
  expect([caller.canRestart, answerer.canRestart]).toEqual([false, false])
  await expect(caller.restart()).rejects.toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }))
  caller.close()
  expect(channel.state).toBe('closed')
  await env.advance(1_000)
  expect(answerer.state).toBe('connected')
  await env.advance(60_000)
  expect(answerer.state).toBe('failed')
})
