import { describe, expect, test } from 'vitest'
import { FrameInbox } from '../../../../src/signaling/server/frame-inbox.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

function setUp() {
  const env = new VirtualEnv()
  const handled: number[] = []
  const log: string[] = []
  const inbox = new FrameInbox({
    nextTurn: callback => void env.timer(0, callback),
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
  })
  const push = (frame: number, size = 100) => inbox.push(size, () => handled.push(frame))
  return { env, inbox, push, handled, log }
}

describe('FrameInbox', () => {
  test('handles a few frames per turn of the event loop, in order [H1]', async () => {
    const { env, push, handled, log } = setUp()
    const frames = Array.from({ length: 400 }, (_, i) => i)
    for (const frame of frames) push(frame)
    expect(handled.length).toBeGreaterThan(4)
    expect(handled.length).toBeLessThan(10)
    expect(log).toEqual(['pause'])
    push(400)
    await env.advance(1)
    expect(handled).toEqual([...frames, 400])
    expect([log, env.pendingTimers]).toEqual([['pause', 'resume'], 0])
    push(401)
    expect([handled.at(-1), log.length]).toEqual([401, 2])
  })

  test('takes fewer large frames in a turn than small ones [H1]', async () => {
    const { env, push, handled } = setUp()
    for (let i = 0; i < 5; i++) push(i, 100_000)
    expect(handled).toEqual([0])
    await env.advance(1)
    expect(handled).toEqual([0, 1, 2, 3, 4])
  })

  test('handles the queued frames of a client that left [X4]', async () => {
    const { env, inbox, push, handled } = setUp()
    for (let i = 0; i < 100; i++) push(i)
    inbox.flush()
    expect(handled).toHaveLength(100)
    await env.advance(1)
    expect(handled).toHaveLength(100)
  })

  test('drops the queued frames of a client that is disconnected, and reads no more of it [X4]', async () => {
    const { env, inbox, push, handled, log } = setUp()
    for (let i = 0; i < 10; i++) push(i)
    inbox.push(1, () => inbox.close())
    for (let i = 0; i < 100; i++) push(i)
    await env.advance(1)
    push(100)
    await env.advance(1)
    expect([handled.length, log, env.pendingTimers]).toEqual([10, ['pause'], 0])
  })
})
