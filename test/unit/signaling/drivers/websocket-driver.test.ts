import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import type { HubLimits } from '../../../../src/signaling/server/signal-server-options.js'
import { serverName } from '../../../../src/signaling/url.js'
import { WebSocketDriver } from '../../../../src/signaling/drivers/websocket-driver.js'
import { MAX_BATCH } from '../../../../src/signaling/drivers/websocket-codec.js'
import { hostileToDriver } from '../../../support/hostile/hostile-signal-frames.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import { FakeSignalServer } from './fake-signal-server.js'

function setUp(limits: Partial<HubLimits> = {}) {
  const env = new VirtualEnv()
  const server = new FakeSignalServer(env, limits)
  env.dial = server.dial
  const connect = () => {
    const driver = new WebSocketDriver(server.url, { env })
    const log: string[] = []
    const warnings: SwarmlinkError[] = []
    const unwatch = driver.watch({
      open: () => log.push('open'),
      close: () => log.push('close'),
      warning: error => void warnings.push(error),
    })
    return { driver, log, warnings, unwatch }
  }
  return { env, server, connect, ...connect() }
}

describe('WebSocketDriver', () => {
  test('reports open after it sent its subscriptions, so that the reply to its first message arrives [B12]', async () => {
    const { env, server, driver, connect } = setUp()
    const other = connect().driver
    other.on(['all'], message => other.emit(['me'], message))
    await env.until(() => other.open)
    const heard: unknown[] = []
    driver.on(['me'], message => heard.push(message))
    driver.watch({ open: () => driver.emit(['all'], 'hello'), close: () => {}, warning: () => {} })
    await env.until(() => heard.length === 1, 1_000)
    expect(heard).toEqual(['hello'])
    expect(server.heard.filter(frame => frame.includes('"ping"'))).toHaveLength(2)
    await Promise.all([driver.close(), other.close()])
    expect(env.pendingTimers).toBeLessThan(10)
    await env.advance(1_000)
    expect([env.pendingTimers, server.connections, server.hub.stats()]).toMatchObject([0, 0, { clients: 0, namespaces: 0 }])
  })

  test('has sent its subscriptions when it reports open, so that other clients can reach it at once [B12]', async () => {
    const { env, driver } = setUp()
    driver.on(['n'], () => {})
    let sent = 0
    driver.watch({ open: () => (sent = driver.status().framesOut), close: () => {}, warning: () => {} })
    await env.until(() => driver.open)
    expect(sent).toBe(2) // subscriptions and a ping
    await driver.close()
  })

  test('calls open() of a new watcher at once when it is open, and nothing after unwatching [B12]', async () => {
    const { env, server, driver, log, unwatch } = setUp()
    expect([driver.open, log]).toEqual([false, []])
    await env.until(() => driver.open)
    const late: string[] = []
    driver.watch({ open: () => late.push('open'), close: () => late.push('close'), warning: () => {} })
    expect([log, late]).toEqual([['open'], ['open']])
    unwatch()
    unwatch()
    server.stop()
    await env.until(() => !driver.open)
    expect([log, late]).toEqual([['open'], ['open', 'close']])
    await driver.close()
    expect(late).toEqual(['open', 'close'])
  })

  test('subscribes again after every reconnect, in few frames [B12]', async () => {
    const { env, server, driver, log } = setUp()
    for (let i = 0; i < 500; i++) driver.on(['n', String(i)], () => {})
    driver.on(['n', '0'], () => {})
    await env.until(() => driver.open)
    await env.advance(100)
    expect(server.hub.stats()).toMatchObject({ subscriptions: 500, namespaces: 500 })
    expect(server.heard.length).toBeLessThanOrEqual(Math.ceil(500 / MAX_BATCH) + 1)
    server.stop()
    await env.until(() => !driver.open)
    driver.off(['n', '1'], () => {})
    server.start()
    await env.until(() => driver.open, 3_000)
    await env.advance(100)
    expect(server.hub.stats()).toMatchObject({ subscriptions: 500, refused: {} })
    expect(log).toEqual(['open', 'close', 'open'])
    expect(driver.status()).toMatchObject({ state: 'open', subscriptions: 500, reconnects: 1, dropped: {} })
    await driver.close()
  })

  test('batches 800 subscriptions into few frames, and sends only the net changes of one turn [B12]', async () => {
    const { env, server, driver } = setUp()
    await env.until(() => driver.open)
    const handler = () => {}
    for (let i = 0; i < 800; i++) driver.on(['n', String(i)], handler)
    await env.advance(100)
    expect(server.hub.stats()).toMatchObject({ subscriptions: 800, refused: {} })
    expect(server.heard.length).toBeLessThanOrEqual(Math.ceil(800 / MAX_BATCH) + 1)
    for (let i = 0; i < 700; i++) driver.off(['n', String(i)], handler)
    driver.on(['n', '0'], handler)
    driver.off(['n', '799'], handler)
    driver.on(['n', '799'], handler)
    driver.on(['n', 'brief'], handler)
    driver.off(['n', 'brief'], handler)
    await env.advance(100)
    expect(server.hub.stats()).toMatchObject({ subscriptions: 101, refused: {} })
    await driver.close()
  })

  test('counts subscriptions against the rate limit as the server does: 2000 topics and a message to each lose nothing [B12]', async () => {
    const { env, server, driver } = setUp()
    let heard = 0
    await env.until(() => driver.open)
    for (let i = 0; i < 4_000; i++) driver.on(['n', String(i)], () => heard++)
    for (let i = 0; i < 1_900; i++) driver.emit(['n', String(i)], i)
    await env.until(() => heard === 1_900, 30_000)
    expect(server.hub.stats()).toMatchObject({ subscriptions: 4_000, refused: {} })
    await driver.close()
  })

  test('delivers 1000 messages at once in order, at the default rate limit of a server [B12]', async () => {
    const { env, server, driver, connect } = setUp()
    const other = connect().driver
    const heard: unknown[] = []
    other.on(['n'], message => heard.push(message))
    await env.until(() => driver.open && other.open)
    for (let i = 0; i < 1_000; i++) driver.emit(['n'], i)
    await env.advance(100)
    expect(heard.length).toBeGreaterThanOrEqual(300)
    await env.until(() => heard.length === 1_000, 10_000)
    expect(heard).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
    heard.length = 0
    await env.advance(10_000)
    const long = 'x'.repeat(60_000)
    for (let i = 0; i < 30; i++) driver.emit(['n'], long)
    await env.until(() => heard.length === 30, 10_000)
    expect(server.hub.stats().refused).toEqual({})
    await Promise.all([driver.close(), other.close()])
  })

  test('bounds its queue, drops it with the connection, and flushes it on close() [B12]', async () => {
    const { env, server, driver, connect } = setUp({ messagesPerSecond: 10_000 })
    const other = connect().driver
    const heard: unknown[] = []
    other.on(['n'], message => heard.push(message))
    await env.until(() => driver.open && other.open)
    for (let i = 0; i < 10_000; i++) driver.emit(['n'], i)
    await env.advance(60_000)
    expect(heard.length).toBeGreaterThan(1_000)
    expect(heard.length).toBeLessThan(3_000)
    for (let i = 0; i < 1_000; i++) driver.emit(['n'], 'stale')
    await env.advance(100)
    server.stop()
    await env.until(() => !driver.open && !other.open)
    server.start()
    await env.until(() => driver.open && other.open)
    heard.length = 0
    await env.advance(60_000)
    expect(heard).toEqual([])
    for (let i = 0; i < 600; i++) driver.emit(['n'], 'goodbye')
    const closed = driver.close()
    await env.until(() => heard.length === 600, 100)
    await closed
    await other.close()
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('repeats subscriptions that exceeded the rate limit until the server has all of them [B12]', async () => {
    const { env, server, driver } = setUp({ messagesPerSecond: 1 })
    await env.until(() => driver.open)
    for (let i = 0; i < 600; i++) driver.emit(['n'], i)
    await env.advance(1)
    for (let i = 0; i < 100; i++) driver.on(['n', String(i)], () => {})
    await env.advance(9_000)
    // The queued frames exceeded the rate limit, too, and the first repeat with them.
    expect(server.hub.stats()).toMatchObject({ subscriptions: 0 })
    await env.advance(6_000)
    expect(server.hub.stats()).toMatchObject({ subscriptions: 100 })
    const frames = server.heard.length
    await env.advance(60_000)
    expect(server.heard.length - frames).toBeLessThan(10)
    await driver.close()
  })

  test('loses messages that are emitted while it is not open [B12]', async () => {
    const { env, server, driver } = setUp()
    const heard: unknown[] = []
    driver.on(['n'], message => heard.push(message))
    driver.emit(['n'], 'before')
    await env.until(() => driver.open)
    server.stop()
    await env.until(() => !driver.open)
    driver.emit(['n'], 'during')
    server.start()
    await env.until(() => driver.open)
    driver.emit(['n'], 'after')
    await env.advance(1_000)
    expect(heard).toEqual(['after'])
    await driver.close()
  })

  test('sends a keepalive on a silent connection, and closes it without a reply [B12]', async () => {
    const { env, server, driver, warnings, log } = setUp()
    await env.until(() => driver.open)
    await env.advance(200_000)
    expect(log).toEqual(['open']) // no message arrived, but the server answers pings
    expect(server.heard.length).toBeGreaterThan(8)
    server.muted = true
    const from = env.now()
    await env.until(() => !driver.open)
    expect(env.now() - from).toBeLessThan(31_000)
    expect(log).toEqual(['open', 'close'])
    expect(warnings.map(({ code }) => code)).toEqual(['ERR_SIGNALING_LINK'])
    expect(warnings[0]?.message).toContain('no connection to the signal server ws://signal.test: no frame for')
    server.muted = false
    await env.until(() => driver.open, 3_000)
    await driver.close()
  })

  test('dials at once on wake() [B12]', async () => {
    const { env, server, driver } = setUp()
    server.stop()
    await env.advance(100_000)
    server.start()
    driver.wake()
    await env.until(() => driver.open, 50)
    expect(server.connections).toBe(1)
    await driver.close()
  })

  test('warns of each kind of refusal once per connection, with what to do [B12]', async () => {
    const { env, driver, warnings, connect, server } = setUp({ maxSubscriptions: 2, maxDepth: 2 })
    await env.until(() => driver.open)
    for (let i = 0; i < 5; i++) driver.on(['n', String(i)], () => {})
    driver.on(['a', 'b', 'c'], () => {})
    await env.advance(100)
    expect(warnings.map(({ code, message }) => [code, /raise (\w+)/.exec(message)?.[1]])).toEqual([
      ['ERR_REFUSED', 'maxSubscriptions'],
      ['ERR_REFUSED', 'maxDepth'],
    ])
    for (let i = 0; i < 50; i++) server.inject('{"type":"refusal","reason":"too-fast"}')
    await env.advance(100)
    expect(warnings).toHaveLength(3)
    const other = connect()
    await env.until(() => other.driver.open)
    expect(other.warnings).toEqual([])
    await Promise.all([driver.close(), other.driver.close()])
  })

  test('drops and counts every bad frame, and keeps the connection [B12]', async () => {
    const { env, server, driver, log, warnings } = setUp()
    const heard: unknown[] = []
    driver.on(['n'], message => heard.push(message))
    await env.until(() => driver.open)
    const corpus = hostileToDriver()
    expect(corpus.length).toBeGreaterThan(70)
    for (const { text } of corpus) server.inject(text)
    server.inject('{"type":"message","namespace":["other"],"message":"1"}')
    driver.emit(['n'], 'good')
    await env.until(() => heard.length > 0)
    const { dropped } = driver.status()
    expect(heard).toEqual(['good'])
    expect(Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(corpus.length + 1)
    expect(dropped['unknown-namespace']).toBe(1)
    expect([log, warnings]).toEqual([['open'], []])
    await driver.close()
  })

  test('leaves nothing behind when it is closed at any moment [B12]', async () => {
    for (const moment of ['dialing', 'open', 'waiting'] as const) {
      const { env, server, driver, log } = setUp()
      driver.on(['n'], () => expect.unreachable())
      if (moment === 'waiting') server.stop()
      if (moment !== 'dialing') await env.until(() => driver.status().state === moment)
      if (moment === 'open') driver.emit(['n'], 1)
      const closed = Promise.all([driver.close(), driver[Symbol.asyncDispose]()])
      expect(driver.open).toBe(false)
      await env.advance(1_000)
      await closed
      driver.on(['n'], () => expect.unreachable())
      driver.emit(['n'], 2)
      driver.wake()
      await env.advance(100_000)
      expect([moment, env.pendingTimers, server.connections, driver.status().state]).toEqual([moment, 0, 0, 'closed'])
      expect(log).toEqual(moment === 'open' ? ['open', 'close'] : [])
    }
  })

  test('names its server without the secrets of the URL [B12]', async () => {
    const env = new VirtualEnv()
    const dialled: string[] = []
    env.dial = url => {
      dialled.push(url)
      return Promise.reject(new Error('nothing listens there'))
    }
    const driver = new WebSocketDriver('ws://me:secret@signal.test/?token=secret', { env })
    const warnings: string[] = []
    driver.watch({ open: () => {}, close: () => {}, warning: error => void warnings.push(error.message) })
    await env.advance(100)
    expect(dialled).toEqual(['ws://me:secret@signal.test/?token=secret'])
    const name = serverName('ws://me:secret@signal.test?token=secret')
    expect(name).toMatch(/^ws:\/\/signal\.test#\w{8}$/)
    expect([driver.name, driver.status().url]).toEqual([name, name])
    expect(warnings).toEqual([`no connection to the signal server ${name}: nothing listens there`])
    await driver.close()
  })

  test('refuses a wrong URL or option with a clear error [B12]', () => {
    for (const url of ['http://signal.test', 'signal.test', '', 1, undefined])
      expect(() => new WebSocketDriver(url as string)).toThrow('a signal server must be a ws: or wss: URL')
    expect(() => new WebSocketDriver('ws://signal.test', { url: 'x' } as object)).toThrow('there is no option url')
  })
})
