import { describe, expect, test } from 'vitest'
import type { HubClient, Outlet } from '../../../../src/signaling/server/hub-client.js'
import { Hub } from '../../../../src/signaling/server/hub.js'
import type { HubLimits } from '../../../../src/signaling/server/signal-server-options.js'
import { encodeFrame, type ClientFrame } from '../../../../src/signaling/drivers/websocket-codec.js'
import { hostileToServer } from '../../../support/hostile/hostile-signal-frames.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

interface Visitor {
  client: HubClient
  got: unknown[]
  say(frame: ClientFrame): void
  buffered: number
  ended: boolean
}

function setUp(limits: Partial<HubLimits> = {}) {
  const env = new VirtualEnv()
  const hub = new Hub(env, {
    maxFrame: 64 * 1024,
    maxDepth: 4,
    maxNamespaceLength: 100,
    maxSubscriptions: 10,
    messagesPerSecond: 10,
    bytesPerSecond: 16 * 1024,
    sendsPerSecond: 1_000,
    sendsPerSecondPerAddress: 4_000,
    maxBuffered: 1000,
    ...limits,
  })
  const join = (address = 'home'): Visitor => {
    const got: unknown[] = []
    const outlet: Outlet = {
      get bufferedAmount() {
        return visitor.buffered
      },
      send: frame => got.push(JSON.parse(Buffer.from(frame).toString())),
      end: () => (visitor.ended = true),
    }
    const visitor: Visitor = {
      client: hub.join(outlet, address),
      got,
      say: frame => visitor.client.receive(encodeFrame(frame)),
      buffered: 0,
      ended: false,
    }
    return visitor
  }
  return { env, hub, join }
}

const subscribe = (...namespaces: string[][]): ClientFrame => ({ type: 'subscribe', namespaces })
const emit = (namespace: string[], message = '1'): ClientFrame => ({ type: 'emit', namespace, message })

describe('Hub', () => {
  test('forwards a message to exactly its subscribers, the emitter included, and never parses it [B12]', () => {
    const { join } = setUp()
    const [a, b, c] = [join(), join(), join()]
    a.say(subscribe(['n', 'a'], ['n']))
    a.say(subscribe(['n', 'a']))
    b.say(subscribe(['n', 'a', 'b'], ['na'], ['n', '']))
    c.say(emit(['n', 'a'], 'no JSON at all {'))
    a.say(emit(['n', 'a'], '"mine"'))
    expect(a.got).toEqual([
      { type: 'message', namespace: ['n', 'a'], message: 'no JSON at all {' },
      { type: 'message', namespace: ['n', 'a'], message: '"mine"' },
    ])
    expect([b.got, c.got]).toEqual([[], []])
    a.say({ type: 'unsubscribe', namespaces: [['n', 'a'], ['never']] })
    c.say(emit(['n', 'a']))
    expect(a.got).toHaveLength(2)
    c.say({ type: 'ping' })
    expect(c.got).toEqual([{ type: 'pong' }])
  })

  test('forgets a client that is gone, and the namespaces that only it had [B12]', () => {
    const { hub, join } = setUp()
    const [a, b] = [join(), join()]
    a.say(subscribe(['shared'], ['own']))
    b.say(subscribe(['shared']))
    expect(hub.stats()).toMatchObject({ clients: 2, namespaces: 2, subscriptions: 3 })
    a.client.leave()
    a.client.leave()
    a.say(subscribe(['ghost']))
    b.say(emit(['shared']))
    expect(a.got).toEqual([])
    expect(b.got).toHaveLength(1)
    expect(hub.stats()).toMatchObject({ clients: 1, namespaces: 1, subscriptions: 1, ended: 0 })
    b.say({ type: 'unsubscribe', namespaces: [['shared']] })
    expect(hub.stats()).toMatchObject({ namespaces: 0, subscriptions: 0 })
  })

  test('refuses subscriptions above the limit [B12] [X4]', () => {
    const { hub, join } = setUp({ messagesPerSecond: 1000 })
    const a = join()
    for (let i = 0; i < 1_000; i++) a.say(subscribe([`${i}`]))
    expect(hub.stats()).toMatchObject({ subscriptions: 10, namespaces: 10, refused: { subscriptions: 990 } })
    expect([a.got, a.ended]).toEqual([[{ type: 'refusal', reason: 'subscriptions' }], false])
  })

  test('counts a long namespace as several subscriptions, which bounds the memory of a client [B12] [X4]', () => {
    const { hub, join } = setUp({ maxNamespaceLength: 1_000 })
    const a = join()
    const long = ['x'.repeat(1_000)] // eight
    a.say(subscribe(long, ['one'], ['two'], ['three']))
    expect([hub.stats().subscriptions, a.got]).toEqual([3, [{ type: 'refusal', reason: 'subscriptions' }]])
    a.say({ type: 'unsubscribe', namespaces: [long, long, ['never']] })
    a.say(subscribe(...Array.from({ length: 20 }, (_, i) => [`${i}`])))
    expect(hub.stats().subscriptions).toBe(10)
    const swarm = join()
    const id = 'ab'.repeat(20)
    for (let i = 0; i < 10; i++) swarm.say(subscribe(['swarm', id, `${i}`.padStart(40, '0')]))
    expect(swarm.client.subscriptions.size).toBe(10)
  })

  test('keeps the subscriptions that fit of a client with too many, through every reconnect [B12]', () => {
    const { hub, join } = setUp()
    for (let i = 0; i < 5; i++) {
      const a = join()
      for (let batch = 0; batch < 40; batch++) a.say(subscribe(...Array.from({ length: 64 }, (_, n) => [`${batch}.${n}`])))
      expect([a.ended, a.client.subscriptions.size]).toEqual([false, 10])
      a.client.leave()
    }
    expect(hub.stats()).toMatchObject({ clients: 0, namespaces: 0 })
  })

  test('drops frames above the rate limit, with one refusal, and takes later ones [B12] [X4]', async () => {
    const { env, hub, join } = setUp()
    const [a, b] = [join(), join()]
    b.say(subscribe(['n']))
    for (let i = 0; i < 100; i++) a.say(emit(['n'], `${i}`))
    expect(b.got).toHaveLength(80) // eight seconds of the rate
    expect(a.got).toEqual([{ type: 'refusal', reason: 'too-fast' }])
    await env.advance(1_000)
    for (let i = 0; i < 20; i++) a.say(emit(['n']))
    expect(b.got).toHaveLength(90)
    expect(a.got).toHaveLength(1)
    await env.advance(20_000)
    for (let i = 0; i < 90; i++) a.say(emit(['n']))
    expect(b.got).toHaveLength(170)
    expect(a.got).toHaveLength(2) // a second refusal after a pause
    expect([a.ended, hub.stats().refused]).toEqual([false, { 'too-fast': 40 }])
  })

  test('limits bytes as well as frames [B12] [X4]', async () => {
    const { env, join } = setUp()
    const [a, b] = [join(), join()]
    b.say(subscribe(['n']))
    for (let i = 0; i < 20; i++) a.say(emit(['n'], 'x'.repeat(16 * 1024)))
    expect(b.got).toHaveLength(7)
    await env.advance(2_000)
    for (let i = 0; i < 5; i++) a.say(emit(['n'], 'x'.repeat(16 * 1024)))
    expect(b.got).toHaveLength(9) // two seconds of the rate, and the rest of the burst
    a.client.receive('x'.repeat(64 * 1024 + 1))
    expect(a.got).toEqual([{ type: 'refusal', reason: 'too-fast' }])
  })

  test('disconnects a client that ignores its refusals [B12] [X4]', async () => {
    const { env, hub, join } = setUp()
    const [a, b] = [join(), join()]
    a.say(subscribe(['n']))
    b.say(subscribe(['n']))
    for (let i = 0; i < 2_000 && !a.ended; i++) a.client.receive('nonsense')
    expect(a.ended).toBe(true)
    expect(a.got.length).toBeLessThanOrEqual(2)
    expect(hub.stats()).toMatchObject({ clients: 1, subscriptions: 1, ended: 1 })
    await env.advance(60_000)
    a.say(emit(['n']))
    a.client.leave()
    expect(b.got).toEqual([])
    expect(hub.stats()).toMatchObject({ clients: 1, ended: 1 })
  })

  test('refuses a frame or a namespace above its limits [B12]', () => {
    const { hub, join } = setUp({ maxFrame: 1_000 })
    const a = join()
    a.say(emit(['n'], 'x'.repeat(1_000)))
    a.say(emit(['n'], 'ß'.repeat(500)))
    a.say(emit(['1', '2', '3', '4', '5']))
    a.say(subscribe(['x'.repeat(101)], ['fine']))
    a.client.receive(undefined)
    expect(a.got).toEqual(['too-large', 'namespace', 'bad-frame'].map(reason => ({ type: 'refusal', reason })))
    expect(hub.stats()).toMatchObject({ subscriptions: 1, refused: { 'too-large': 2, namespace: 2, 'bad-frame': 1 } })
  })

  test('skips messages for a client whose send buffer is full [B12]', () => {
    const { hub, join } = setUp()
    const [a, slow] = [join(), join()]
    slow.say(subscribe(['n']))
    slow.buffered = 1_001
    a.say(emit(['n']))
    slow.say({ type: 'ping' })
    slow.client.receive('nonsense')
    expect([slow.got, hub.stats().skipped]).toEqual([[], 1])
    slow.buffered = 1_000
    a.say(emit(['n']))
    expect(slow.got).toHaveLength(1)
  })

  test('refuses, counts and forgets every bad frame [B12] [X4]', async () => {
    const { env, hub, join } = setUp({ maxFrame: 144 * 1024 })
    const [a, b] = [join(), join()]
    const corpus = hostileToServer()
    expect(corpus.length).toBeGreaterThanOrEqual(100)
    for (const { text } of corpus) {
      await env.advance(60_000)
      a.client.receive(text)
    }
    const refused = Object.values(hub.stats().refused).reduce((sum, count) => sum + count, 0)
    expect(refused).toBe(corpus.length)
    expect(hub.stats()).toMatchObject({ clients: 2, namespaces: 0, subscriptions: 0, messagesOut: 0 })
    a.say(subscribe(['n']))
    b.say(emit(['n']))
    expect(a.got.at(-1)).toEqual({ type: 'message', namespace: ['n'], message: '1' })
  })

  test('counts the fan-out against the sender: flooding clients of one address do not delay other addresses [H1]', async () => {
    const { env, hub, join } = setUp({ messagesPerSecond: 100, bytesPerSecond: 256 * 1024 })
    const crowd = Array.from({ length: 50 }, () => join('crowd'))
    for (const client of crowd) client.say(subscribe(['n']))
    const honest = ['crowd', 'elsewhere'].map(address => ({ from: join(address), to: join(address), name: [address] }))
    for (const { to, name } of honest) to.say(subscribe(name))
    let late = 0
    for (let i = 0; i < 200; i++) {
      for (const client of crowd) if (!client.ended) for (let n = 0; n < 5; n++) client.say(emit(['n']))
      for (const { from, name } of honest) from.say(emit(name, `${i}`))
      await env.advance(50)
      if (honest.some(({ to }) => to.got.length < i - 2)) late++ // by 200 ms
    }
    const seconds = 10
    const { messagesOut, refused, waiting } = hub.stats()
    expect(messagesOut).toBeGreaterThan(4_000 * seconds) // the rate of the address
    expect(messagesOut).toBeLessThan(4_000 * (seconds + 5) + 1_000)
    expect(honest.map(({ to }) => to.got.map(frame => (frame as { message: string }).message))).toEqual([
      Array.from({ length: 200 }, (_, i) => `${i}`),
      Array.from({ length: 200 }, (_, i) => `${i}`),
    ])
    expect(late).toBe(0)
    expect(refused['too-fast']).toBeGreaterThan(1_000)
    expect(waiting).toBeGreaterThan(0)
    for (const client of [...crowd, ...honest.flatMap(({ from, to }) => [from, to])]) client.client.leave()
    await env.advance(60_000)
    expect([hub.stats().waiting, env.pendingTimers]).toEqual([0, 0])
  })

  test('delivers a burst to hundreds of subscribers completely and in order, within the rate limit [H1]', async () => {
    const { env, hub, join } = setUp({ messagesPerSecond: 100 })
    const page = join()
    const members = Array.from({ length: 300 }, (_, i) => join(`${i}`))
    for (const member of members) member.say(subscribe(['n']))
    for (let i = 0; i < 50; i++) page.say(emit(['n'], `${i}`)) // 15 000 sends, three times its burst
    expect(hub.stats().waiting).toBeGreaterThan(0)
    await env.advance(12_000)
    const all = Array.from({ length: 50 }, (_, i) => ({ type: 'message', namespace: ['n'], message: `${i}` }))
    for (const { got } of members) expect(got).toEqual(all)
    expect([hub.stats().refused, hub.stats().waiting]).toEqual([{}, 0])
  })

  test('ends a delivery although a client unsubscribes and subscribes again meanwhile [X4]', async () => {
    const { env, hub, join } = setUp({ sendsPerSecond: 1, messagesPerSecond: 1_000 })
    const [sender, churner, quiet] = [join(), join(), join()]
    for (const client of [churner, quiet]) client.say(subscribe(['n']))
    for (let i = 0; i < 4; i++) sender.say(emit(['n'], `${i}`))
    for (let i = 0; i < 100; i++) {
      churner.say({ type: 'unsubscribe', namespaces: [['n']] })
      churner.say(subscribe(['n']))
      await env.advance(200)
    }
    expect([quiet.got.length, hub.stats().waiting]).toEqual([4, 0])
    expect(churner.got.length).toBeLessThanOrEqual(8)
  })

  test('counts a ping or pong frame of the WebSocket as a frame, and answers it within the rate limit [M4]', async () => {
    const { env, hub, join } = setUp()
    const a = join()
    const answered = Array.from({ length: 100 }, () => a.client.receiveControl())
    expect(answered.filter(Boolean)).toHaveLength(80)
    expect(hub.stats()).toMatchObject({ framesIn: 100, refused: { 'too-fast': 20 } })
    expect(a.got).toEqual([{ type: 'refusal', reason: 'too-fast' }])
    for (let i = 0; i < 2_000 && !a.ended; i++) a.client.receiveControl()
    expect([a.ended, a.client.receiveControl(), hub.stats().clients]).toEqual([true, false, 0])
    const slow = join()
    slow.buffered = 1_001
    expect(slow.client.receiveControl()).toBe(false)
    await env.advance(1)
    expect(env.pendingTimers).toBe(0)
  })

  test('counts new and ended subscriptions as frames, but not repeated ones [X4]', () => {
    const { hub, join } = setUp({ maxSubscriptions: 4_096, messagesPerSecond: 100, bytesPerSecond: 1024 * 1024 })
    const batch = Array.from({ length: 64 }, (_, i) => [`${i}`])
    const churner = join()
    for (let i = 0; i < 300; i++) {
      churner.say(subscribe(...batch))
      churner.say({ type: 'unsubscribe', namespaces: batch })
    }
    expect(hub.stats().refused['too-fast']).toBeGreaterThan(250)
    const [again, full] = [join(), join()]
    for (let i = 0; i < 400; i++) again.say(subscribe(...batch))
    for (let i = 0; i < 64; i++) full.say(subscribe(...batch.map(([name]) => [`${i}.${name}`])))
    expect([again.got, full.got, full.client.subscriptions.size]).toEqual([[], [], 4_096])
  })
})
