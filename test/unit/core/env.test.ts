import { afterEach, describe, expect, test, vi } from 'vitest'
import { sleep, systemEnv, untilAborted, withDeadline } from '../../../src/core/env.js'
import { VirtualEnv } from '../../support/virtual-env.js'

describe('sleep', () => {
  test('A3 is true after its time', async () => {
    const env = new VirtualEnv()
    let outcome: boolean | undefined
    void sleep(env, 100).then(elapsed => (outcome = elapsed))
    await env.advance(99)
    expect(outcome).toBeUndefined()
    await env.advance(1)
    expect(outcome).toBe(true)
  })

  test('A4 is false as soon as the signal aborts, and leaves neither timer nor listener', async () => {
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

  test('A6 settles as the promise does, and leaves no timer', async () => {
    const env = new VirtualEnv()
    expect(await withDeadline(env, Promise.resolve(7), 100, late)).toBe(7)
    await expect(withDeadline(env, Promise.reject(new Error('own')), 100, late)).rejects.toThrow('own')
    expect(env.pendingTimers).toBe(0)
  })

  test('A6 rejects when the time has passed; a later rejection goes nowhere', async () => {
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

  test('rejects as soon as the signal aborts, also when it has aborted before; a later rejection goes nowhere [A4]', async () => {
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

describe('the real environment', () => {
  afterEach(() => vi.useRealTimers())

  test('A3 its clock does not go back, its bytes and numbers are random', () => {
    expect(systemEnv.now()).toBeLessThanOrEqual(systemEnv.now())
    expect(systemEnv.randomBytes(20)).toHaveLength(20)
    expect(systemEnv.randomBytes(20)).not.toEqual(systemEnv.randomBytes(20))
    const number = systemEnv.random()
    expect(number >= 0 && number < 1).toBe(true)
  })

  test('A4 a timer fires once, can be cancelled twice, and keeps no process alive', () => {
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

  test.each([Number.POSITIVE_INFINITY, 2 ** 31, 1e12])('A3 a wait of %d ms does not end at once', ms => {
    vi.useFakeTimers()
    let fired = false
    const timer = systemEnv.timer(ms, () => (fired = true))
    vi.advanceTimersByTime(1_000_000)
    expect(fired).toBe(false)
    timer.cancel()
  })
})
