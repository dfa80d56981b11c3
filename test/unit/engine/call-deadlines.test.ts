import { describe, expect, test } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { CallDeadlines, ENGINE_TIMEOUT } from '../../../src/engine/call-deadlines.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const never = () => new Promise<never>(() => {})

describe('CallDeadlines', () => {
  test('rejects a call that never settles at its deadline, and keeps nothing of it [Law 6]', async () => {
    const env = new VirtualEnv()
    const calls = new CallDeadlines(env)
    const failed = calls.settle('confirm a channel', never).catch((error: unknown) => error)
    await env.advance(ENGINE_TIMEOUT)
    expect(await failed).toMatchObject({ message: expect.stringContaining('did not confirm a channel within 10 s') })
    expect([calls.pending, env.pendingTimers]).toEqual([0, 0])
  })

  test('rejects pending and later calls when the connection ends, and leaves no timer [Law 5]', async () => {
    const env = new VirtualEnv()
    const calls = new CallDeadlines(env)
    const ended = new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
    const failed = calls.settle('create an offer', never).catch((error: unknown) => error)
    calls.abort(ended)
    expect(await failed).toBe(ended)
    await expect(calls.orAbort(never())).rejects.toBe(ended)
    await expect(calls.settle('create an offer', never)).rejects.toBe(ended)
    expect(env.pendingTimers).toBe(0)
  })
})
