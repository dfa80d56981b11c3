import { describe, expect, test } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { PendingAnswers } from '../../../src/room/pending-answers.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

function setUp({ most = 3 } = {}) {
  const env = new VirtualEnv()
  const waiters = new PendingAnswers<string>({
    env,
    timeout: 1_000,
    most,
    late: () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', 'late'),
    crowded: () => new SwarmlinkError('ERR_QUEUE_FULL', 'crowded'),
  })
  const ends: string[] = []
  const wait = (name: string) => {
    void waiters.wait(name).then(
      value => ends.push(`${name}: ${value}`),
      (error: SwarmlinkError) => ends.push(`${name}: ${error.code} at ${env.now()}`),
    )
  }
  return { env, waiters, ends, wait }
}

describe('Waiters [E3]', () => {
  test('resolves the promise of a name once', async () => {
    const { env, waiters, ends, wait } = setUp()
    wait('a')
    wait('b')
    expect([waiters.settle('b', 'two'), waiters.settle('b', 'again'), waiters.settle('c', 'none')]).toEqual([true, false, false])
    expect(waiters.settle('a', 'one')).toBe(true)
    await env.advance(0)
    expect(ends).toEqual(['b: two', 'a: one'])
    expect([waiters.size, env.pendingTimers]).toEqual([0, 0])
  })

  test('rejects each promise at its own deadline', async () => {
    const { env, ends, wait } = setUp()
    wait('a')
    await env.advance(400)
    wait('b')
    await env.advance(10_000)
    expect(ends).toEqual(['a: ERR_REQUEST_TIMEOUT at 1000', 'b: ERR_REQUEST_TIMEOUT at 1400'])
    expect(env.pendingTimers).toBe(0)
  })

  test('rejects the oldest promise when too many wait [Law 6]', async () => {
    const { env, waiters, ends, wait } = setUp()
    for (const name of ['a', 'b', 'c', 'd']) wait(name)
    await env.advance(0)
    expect([ends, waiters.size]).toEqual([['a: ERR_QUEUE_FULL at 0'], 3])
  })

  test('rejects a promise when a later one waits under the same name, with a full deadline of its own', async () => {
    const { env, ends, wait } = setUp()
    wait('a')
    wait('b')
    await env.advance(500)
    wait('a')
    await env.advance(10_000)
    expect(ends).toEqual(['a: ERR_ABORTED at 500', 'b: ERR_REQUEST_TIMEOUT at 1000', 'a: ERR_REQUEST_TIMEOUT at 1500'])
  })

  test('rejects all promises on clear(), and leaves no timer [Law 5]', async () => {
    const { env, waiters, ends, wait } = setUp()
    wait('a')
    wait('b')
    waiters.clear(new SwarmlinkError('ERR_CLOSED', 'gone'))
    await env.advance(0)
    expect(ends).toEqual(['a: ERR_CLOSED at 0', 'b: ERR_CLOSED at 0'])
    expect([waiters.size, env.pendingTimers]).toEqual([0, 0])
  })
})
