import { describe, expect, test } from 'vitest'
import { sleep } from '../../../src/core/env.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

describe('VirtualEnv', () => {
  test('fires timers in the order of their times, and timers of the same time in the order in which they were set', async () => {
    const env = new VirtualEnv()
    const fired: string[] = []
    for (const ms of [30, 10, 20, 10, 0]) env.timer(ms, () => fired.push(`${ms}@${env.now()}`))
    const dropped = env.timer(15, () => fired.push('cancelled'))
    dropped.cancel()
    dropped.cancel()
    expect(env.pendingTimers).toBe(5)
    await env.advance(20)
    expect(fired).toEqual(['0@0', '10@10', '10@10', '20@20'])
    expect([env.now(), env.pendingTimers]).toEqual([20, 1])
    await env.advance(1_000)
    expect([env.now(), fired.at(-1)]).toEqual([1_020, '30@30'])
  })

  test('keeps thousands of timers in order', async () => {
    const env = new VirtualEnv({ seed: 7 })
    const instants: number[] = []
    for (let i = 0; i < 3_000; i++) {
      const timer = env.timer(env.random() * 1_000, () => instants.push(env.now()))
      if (i % 3 === 0) timer.cancel()
    }
    await env.advance(1_000)
    expect(instants).toHaveLength(2_000)
    expect(instants).toEqual(instants.toSorted((a, b) => a - b))
    expect(env.pendingTimers).toBe(0)
  })

  test('runs a loop of sleeps for the time that is advanced', async () => {
    const env = new VirtualEnv()
    const stop = new AbortController()
    const ticks: number[] = []
    const loop = (async () => {
      while (await sleep(env, 100, stop.signal)) ticks.push(env.now())
    })()
    await env.advance(450)
    expect(ticks).toEqual([100, 200, 300, 400])
    stop.abort()
    await loop
    expect(env.pendingTimers).toBe(0)
  })

  test('lets WebCrypto settle between two timers', async () => {
    const env = new VirtualEnv()
    const log: string[] = []
    const work = async () => {
      const key = await crypto.subtle.generateKey(
        { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
        true,
        ['sign', 'verify'],
      )
      await crypto.subtle.sign('RSASSA-PKCS1-v1_5', key.privateKey, new Uint8Array(8))
      log.push('signed')
    }
    env.timer(10, () => void work())
    env.timer(11, () => log.push('next timer'))
    await env.advance(20)
    expect(log).toEqual(['signed', 'next timer'])
  })

  test('gives the same run for the same seed, and shares only the clock with a fork', async () => {
    const draw = (env: VirtualEnv) => [env.random(), ...env.randomBytes(4)]
    expect(draw(new VirtualEnv({ seed: 3 }))).toEqual(draw(new VirtualEnv({ seed: 3 })))
    expect(draw(new VirtualEnv({ seed: 3 }))).not.toEqual(draw(new VirtualEnv({ seed: 4 })))
    const env = new VirtualEnv()
    const fork = env.fork()
    let fired = false
    fork.timer(5, () => (fired = true))
    await env.advance(5)
    expect([fired, fork.now()]).toEqual([true, 5])
  })

  test('until() stops at the condition, and names it when the time runs out', async () => {
    const env = new VirtualEnv()
    let done = false
    env.timer(70, () => (done = true))
    env.timer(80, () => {})
    await env.until(() => done)
    expect(env.now()).toBe(70)
    await expect(env.until(() => !done, 100)).rejects.toThrow('!done')
  })
})
