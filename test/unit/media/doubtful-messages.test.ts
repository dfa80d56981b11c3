import { describe, expect, test } from 'vitest'
import { DOUBT, DoubtfulMessages } from '../../../src/media/doubtful-messages.js'
import { VirtualEnv } from '../../support/virtual-env.js'

function held(count: number) {
  const env = new VirtualEnv()
  const messages = new DoubtfulMessages(env)
  const [taken, refused]: number[][] = [[], []]
  for (let i = 1; i <= count; i++) messages.hold({ take: () => taken!.push(i), refuse: () => refused!.push(i) })
  return { env, messages, taken, refused }
}

describe('messages of the bus for a connection that works', () => {
  test('are taken in their order when the path turns out to be lost [X14]', async () => {
    const { env, messages, taken, refused } = held(3)
    messages.takeAll()
    await env.advance(2 * DOUBT)
    expect([taken, refused]).toEqual([[1, 2, 3], []])
  })

  test('are refused when it goes on working [Law 6]', async () => {
    const { env, messages, taken, refused } = held(3)
    await env.advance(DOUBT)
    messages.takeAll()
    expect([taken, refused]).toEqual([[], [1, 2, 3]])
  })

  test('are kept within a bound: the oldest one is refused [Law 6]', () => {
    const { messages, taken, refused } = held(10)
    expect(refused).toEqual([1, 2])
    messages.takeAll()
    expect(taken).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('are forgotten when the connection ends [Law 5]', async () => {
    const { env, messages, taken, refused } = held(3)
    messages.clear()
    expect(env.pendingTimers).toBe(0)
    await env.advance(2 * DOUBT)
    messages.takeAll()
    expect([taken, refused]).toEqual([[], []])
  })
})
