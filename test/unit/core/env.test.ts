import { afterEach, describe, expect, test, vi } from 'vitest'
import { sleep, systemEnv, untilAborted, withDeadline } from '../../../src/core/env.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

describe('sleep', () => {
  test('resolves to true after the time [A3]', async () => {
    const env = new VirtualEnv()
    let outcome: boolean | undefined
    void sleep(env, 100).then(elapsed => (outcome = elapsed))
    await env.advance(99)
    expect(outcome).toBeUndefined()
    await env.advance(1)
    expect(outcome).toBe(true)
  })

  test('resolves to false as soon as the signal aborts, and leaves neither timer nor listener [A4]', async () => {
    const env = new VirtualEnv()
    const controller = new AbortController()
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const waiting = sleep(env, 100, controller.signal)
    expect(env.pendingTimers).toBe(1)
    controller.abort()
    expect(await waiting).toBe(false)
    expect(env.pendingTimers).toBe(0)
    expect(remove).toHaveBeenCalledOnce()
    expect(await sleep(env, 100, controller.signal)).toBe(false)
    expect(env.pendingTimers).toBe(0)
  })
})

describe('withDeadline', () => {
  const late = () => new Error('late')

  test('settles as the promise does, and leaves no timer [A6]', async () => {
    const env = new VirtualEnv()
    expect(await withDeadline(env, Promise.resolve(7), 100, late)).toBe(7)
    await expect(withDeadline(env, Promise.reject(new Error('own')), 100, late)).rejects.toThrow('own')
    expect(env.pendingTimers).toBe(0)
  })

  test('rejects after the time, and ignores a later rejection [A6]', async () => {
    const env = new VirtualEnv()
    let reject: (error: Error) => void = () => {}
    const promise = new Promise((_resolve, no) => (reject = no))
    const outcome = withDeadline(env, promise, 100, late).catch((error: unknown) => error)
    await env.advance(100)
    expect(await outcome).toMatchObject({ message: 'late' })
    reject(new Error('too late to matter'))
    await env.advance(1)
  })
})

describe('untilAborted', () => {
  const aborted = () => new Error('aborted')

  test('settles as the promise does, and leaves no listener [A4]', async () => {
    const { signal } = new AbortController()
    const remove = vi.spyOn(signal, 'removeEventListener')
    expect(await untilAborted(Promise.resolve(7), signal, aborted)).toBe(7)
    await expect(untilAborted(Promise.reject(new Error('own')), signal, aborted)).rejects.toThrow('own')
    expect(remove).toHaveBeenCalledTimes(2)
  })

  test('rejects as soon as the signal aborts, also if it aborted before, and ignores a later rejection [A4]', async () => {
    const controller = new AbortController()
    let reject: (error: Error) => void = () => {}
    const promise = new Promise((_resolve, no) => (reject = no))
    const outcome = untilAborted(promise, controller.signal, aborted).catch((error: unknown) => error)
    controller.abort()
    expect(await outcome).toMatchObject({ message: 'aborted' })
    await expect(untilAborted(promise, controller.signal, aborted)).rejects.toThrow('aborted')
    reject(new Error('too late to matter'))
    await new VirtualEnv().advance(1)
  })
})

describe('systemEnv', () => {
  afterEach(() => vi.useRealTimers())

  test('has a monotonic clock, random bytes and random numbers [A3]', () => {
    expect(systemEnv.now()).toBeLessThanOrEqual(systemEnv.now())
    expect(systemEnv.randomBytes(20)).toHaveLength(20)
    expect(systemEnv.randomBytes(20)).not.toEqual(systemEnv.randomBytes(20))
    const number = systemEnv.random()
    expect(number >= 0 && number < 1).toBe(true)
  })

  test('makes timers that can be cancelled twice and do not keep the process alive [A4]', () => {
    const unref = vi.fn<() => void>()
    const clear = vi.spyOn(globalThis, 'clearTimeout')
    const set = vi.spyOn(globalThis, 'setTimeout').mockReturnValue({ unref } as never)
    const timer = systemEnv.timer(5, () => {})
    timer.cancel()
    timer.cancel()
    expect(unref).toHaveBeenCalledOnce()
    expect(clear).toHaveBeenCalledTimes(2)
    set.mockRestore()
    clear.mockRestore()
  })

  test.each([Number.POSITIVE_INFINITY, 2 ** 31, 1e12])('does not fire a timer of %d ms at once [A3]', ms => {
    vi.useFakeTimers()
    let fired = false
    const timer = systemEnv.timer(ms, () => (fired = true))
    vi.advanceTimersByTime(1_000_000)
    expect(fired).toBe(false)
    timer.cancel()
  })
})
