import { describe, expect, test } from 'vitest'
import { Broadcasts } from '../../../src/mesh/broadcasts.js'
import type { MeshNode } from '../../../src/mesh/mesh-node.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const PAYLOAD = new Uint8Array(1)

function open({ others = 3, maxRetries = 2 } = {}) {
  const env = new VirtualEnv()
  const stop = new AbortController()
  const published: string[] = []
  const reminders: number[] = []
  let fails = false
  let drained = Promise.resolve()
  let next = 0
  const node = {
    others,
    edges: { drain: async () => await drained },
    publish: async (topic: string) => {
      await new Promise(resolve => env.timer(10, () => resolve(undefined)))
      if (fails) throw new Error('no signature')
      published.push(topic)
      return next++
    },
    remind: () => reminders.push(env.now()),
  }
  const broadcasts = new Broadcasts({
    env,
    node: node as unknown as MeshNode, // the part that they use
    retryInterval: 1_000,
    maxRetries,
    signal: stop.signal,
  })
  return {
    env,
    stop,
    node,
    broadcasts,
    published,
    reminders,
    fail: (now: boolean) => (fails = now),
    drain: (until: Promise<void>) => void (drained = until),
  }
}

describe('broadcasts', () => {
  test('are published one after the other, and a failed one leaves no gap [C6]', async () => {
    const { env, broadcasts, published, fail } = open()
    const [first, second] = ['a', 'b'].map(topic => broadcasts.send(topic, PAYLOAD, {}))
    const failed = first!.then(() => {
      fail(true)
      return broadcasts.send('c', PAYLOAD, {})
    })
    await env.advance(10)
    await expect(first).resolves.toEqual({ sequence: 0, reached: 0, of: 3 })
    await Promise.all([
      expect(second).rejects.toThrow('no signature'),
      expect(failed).rejects.toThrow('no signature'),
      env.advance(30),
    ])
    fail(false)
    const last = broadcasts.send('d', PAYLOAD, {})
    await env.advance(20)
    expect((await last).sequence).toBe(1)
    expect(published).toEqual(['a', 'd'])
  })

  test('with `confirm` do not wait for a member that is not there [C6]', async () => {
    const { env, broadcasts, node, reminders } = open({ others: 0 })
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(10)
    expect(await sent).toEqual({ sequence: 0, reached: 0, of: 0 })

    node.others = 1
    const second = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(20)
    node.others = 0 // it left
    await env.advance(1_000)
    expect(await second).toEqual({ sequence: 1, reached: 0, of: 0 })
    expect(reminders).toHaveLength(1)
  })

  test('of a newcomer count the members that confirmed before the mesh was counted [C6]', async () => {
    const { env, broadcasts } = open({ others: 1 })
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(10)
    broadcasts.reached('a', 0, 2)
    await env.advance(10)
    expect(await sent).toEqual({ sequence: 0, reached: 2, of: 2 })
  })

  test('with `confirm` resolve as soon as all others have confirmed [C6]', async () => {
    const { env, broadcasts, reminders } = open()
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(100)
    broadcasts.reached('a', 0, 2)
    await env.advance(100)
    broadcasts.reached('a', 0, 3)
    await expect(sent).resolves.toEqual({ sequence: 0, reached: 3, of: 3 })
    expect(reminders).toEqual([])
  })

  test('with `confirm` are announced again at growing gaps, then resolve with what was reached [C6]', async () => {
    const { env, broadcasts, reminders } = open()
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(100)
    broadcasts.reached('a', 0, 1)
    await env.advance(8_000)
    await expect(sent).resolves.toEqual({ sequence: 0, reached: 1, of: 3 })
    expect(reminders).toEqual([1_010, 3_010])
  })

  test('with `confirm` resolve at once in a mesh of one member [C6]', async () => {
    const { env, broadcasts } = open({ others: 0 })
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(10)
    await expect(sent).resolves.toEqual({ sequence: 0, reached: 0, of: 0 })
  })

  test('with `confirm` are announced again at least once a minute [C6]', async () => {
    const { env, broadcasts, reminders } = open({ maxRetries: 8 })
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(300_000)
    await expect(sent).resolves.toMatchObject({ reached: 0 })
    expect(reminders.slice(-3).map((at, i, all) => at - (all[i - 1] ?? at))).toEqual([0, 60_000, 60_000])
  })

  test('with `confirm` end when the mesh is left [C6]', async () => {
    const { env, stop, broadcasts } = open()
    const sent = broadcasts.send('a', PAYLOAD, { confirm: true })
    await env.advance(100)
    stop.abort()
    await expect(sent).resolves.toEqual({ sequence: 0, reached: 0, of: 3 })
  })

  test('that wait are bounded [X3]', async () => {
    const { env, broadcasts } = open()
    const waiting = Array.from({ length: 16_384 }, () => broadcasts.send('a', PAYLOAD, {}))
    await expect(broadcasts.send('a', PAYLOAD, {})).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
    for (const one of waiting) one.catch(() => {})
    env.halt()
  })

  test('wait until the neighbours take more, so that a burst does not outrun them [C6]', async () => {
    const { env, broadcasts, published, drain } = open()
    let go = () => {}
    drain(new Promise(resolve => (go = resolve)))
    const sent = Promise.all(['a', 'b'].map(topic => broadcasts.send(topic, PAYLOAD, {})))
    await env.advance(1_000)
    expect(published).toEqual([])
    go()
    await env.advance(20)
    expect((await sent).map(({ sequence }) => sequence)).toEqual([0, 1])
  })

  test('that wait reject when the mesh is left [C1] [X3]', async () => {
    const { env, stop, broadcasts, drain } = open()
    drain(new Promise(() => {}))
    const sent = ['a', 'b'].map(topic => broadcasts.send(topic, PAYLOAD, {}))
    const rejected = Promise.all(sent.map(one => expect(one).rejects.toMatchObject({ code: 'ERR_CLOSED' })))
    await env.advance(10)
    stop.abort()
    await rejected
  })

  test('use at most 256 topics, which is what other members keep of one member [C6]', async () => {
    const { env, broadcasts } = open()
    const sent = Array.from({ length: 256 }, (_, i) => broadcasts.send(`topic ${i}`, PAYLOAD, {}))
    await expect(broadcasts.send('one more', PAYLOAD, {})).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    const again = broadcasts.send('topic 0', PAYLOAD, {})
    await env.advance(10_000)
    await Promise.all([...sent, again])
  })

  test('that wait hold at most 64 MiB [C6] [X3]', async () => {
    const { stop, broadcasts, drain } = open()
    drain(new Promise(() => {}))
    const payload = new Uint8Array(1024 * 1024)
    const sent = Array.from({ length: 65 }, () => broadcasts.send('a', payload, {}))
    await expect(broadcasts.send('a', payload, {})).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
    stop.abort()
    expect((await Promise.allSettled(sent)).every(({ status }) => status === 'rejected')).toBe(true)
  })
})
