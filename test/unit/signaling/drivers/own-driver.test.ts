import { describe, expect, test, vi } from 'vitest'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import type { Driver, DriverHandler, DriverWatcher } from '../../../../src/signaling/drivers/driver.js'
import { PubSubSignaling } from '../../../../src/signaling/pubsub/pubsub-signaling.js'
import type { Announcement } from '../../../../src/signaling/signaling.js'
import { RecordingListener } from '../../../support/fakes/fake-tracker-listener.js'
import { offerSdp } from '../../../support/sdp-samples.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const TOPIC = 'ab'.repeat(20)
const SELF = '55'.repeat(20)
const OTHER = '99'.repeat(20)
const CALL = { topic: TOPIC, from: SELF, to: OTHER, offerId: 'cd'.repeat(20), sdp: offerSdp }

const announcement = (event?: Announcement['event']): Announcement => ({
  topic: TOPIC,
  from: SELF,
  ...(event !== undefined && { event }),
  uploaded: 0,
  downloaded: 0,
  left: 1,
  numwant: 50,
  port: 1,
  offers: [],
})

/** A driver of the application that keeps the contract until a test replaces a method; it counts the calls. */
class OwnDriver implements Driver {
  readonly handlers = new Map<string, DriverHandler>()
  readonly emitted: Array<{ namespace: readonly string[]; message: unknown }> = []
  on(namespace: readonly string[], handler: DriverHandler): unknown {
    this.handlers.set(namespace.join('/'), handler)
    return undefined
  }
  off(namespace: readonly string[]): unknown {
    this.handlers.delete(namespace.join('/'))
    return undefined
  }
  emit(namespace: readonly string[], message: unknown): unknown {
    this.emitted.push({ namespace, message })
    return undefined
  }
}

/** Uses the signalling as a swarm does: announces whenever the topic opens. */
function setUp(driver: Driver = new OwnDriver()) {
  const env = new VirtualEnv()
  const signaling = new PubSubSignaling(driver, { env })
  const warnings: SwarmlinkError[] = []
  signaling.on('warning', error => warnings.push(error))
  const listener = new RecordingListener()
  const announced: boolean[] = []
  listener.onOpen = () => announced.push(signaling.announce(announcement('started')))
  const leave = signaling.subscribe(TOPIC, listener)
  const messages = () => warnings.map(({ code, message }) => `${code} ${message}`)
  return { env, signaling, listener, announced, messages, leave }
}

const away = () => new Error('the bus is away')
const FAILURES: Array<[string, () => unknown]> = [
  [
    'throws',
    () => {
      throw away()
    },
  ],
  ['rejects', () => Promise.reject(away())],
]

describe('a driver of the application', () => {
  test.each(FAILURES)(
    'is subscribed again after a second when on() %s once, and the topic is announced then [B12]',
    async (_how, fail) => {
      const driver = new OwnDriver()
      const on = vi.spyOn(driver, 'on').mockImplementationOnce(fail)
      const { env, listener, announced, messages, leave } = setUp(driver)
      await env.advance(900)
      expect([listener.log, on.mock.calls.length]).toEqual([[], 1])
      expect(messages()).toEqual(['ERR_SIGNALING_LINK the driver of driver:own failed in on: the bus is away'])
      await env.advance(400)
      expect([listener.log[0], announced, driver.handlers.size]).toEqual(['open', [true], 2])
      leave()
      expect([driver.handlers.size, env.pendingTimers]).toEqual([0, 0])
    },
  )

  test.each(FAILURES)('is retried with back-off when on() always %s, with one warning per 10 s [B12]', async (_how, fail) => {
    const driver = new OwnDriver()
    const on = vi.spyOn(driver, 'on').mockImplementation(fail)
    const { env, listener, messages, leave } = setUp(driver)
    await env.advance(10 * 60_000)
    expect(on.mock.calls.length).toBeGreaterThan(10)
    expect(on.mock.calls.length).toBeLessThan(25)
    expect(messages().length).toBeGreaterThan(5)
    expect(listener.log).toEqual([])
    leave()
    expect(env.pendingTimers).toBe(0)
  })

  test('is announced to, and left, only after a slow on() has settled [B12]', async () => {
    const driver = new OwnDriver()
    const env = new VirtualEnv()
    const slow = (namespace: readonly string[], handler: DriverHandler) =>
      new Promise<void>(resolve =>
        env.timer(500, () => {
          driver.handlers.set(namespace.join('/'), handler)
          resolve()
        }),
      )
    vi.spyOn(driver, 'on').mockImplementation(slow)
    const signaling = new PubSubSignaling(driver, { env })
    const listener = new RecordingListener()
    const leave = signaling.subscribe(TOPIC, listener)
    await env.advance(499)
    expect(listener.log).toEqual([])
    await env.advance(1)
    expect(listener.log).toEqual(['open'])
    // Our own namespace must be subscribed before other members learn our id.
    expect([signaling.announce(announcement('started')), driver.emitted]).toEqual([false, []])
    await env.advance(500)
    expect([signaling.announce(announcement('started')), driver.emitted.length]).toEqual([true, 1])
    leave()
    expect(driver.handlers.size).toBe(0)
    signaling.subscribe(TOPIC, listener)()
    await env.advance(1_000)
    expect([driver.handlers.size, env.pendingTimers]).toEqual([0, 0])
  })

  test('is used after ten seconds, with a warning, when on() never settles [B12]', async () => {
    const driver = new OwnDriver()
    vi.spyOn(driver, 'on').mockImplementation(() => new Promise(() => {}))
    const { env, listener, messages, leave } = setUp(driver)
    await env.advance(9_999)
    expect([listener.log, messages()]).toEqual([[], []])
    await env.advance(1)
    expect(listener.log).toEqual(['open'])
    expect(messages()).toEqual(['ERR_SIGNALING_LINK the driver of driver:own failed in on: it did not settle within 10 s'])
    leave()
    expect(env.pendingTimers).toBe(0)
  })

  test('fails the announcement when emit() throws, so that the swarm retries [B12]', async () => {
    const driver = new OwnDriver()
    vi.spyOn(driver, 'emit').mockImplementationOnce(FAILURES[0]?.[1] as () => unknown)
    const { signaling, announced, messages } = setUp(driver)
    expect(announced).toEqual([false])
    expect(messages()).toEqual(['ERR_SIGNALING_LINK the driver of driver:own failed in emit: the bus is away'])
    expect([signaling.announce(announcement('started')), driver.emitted.length]).toEqual([true, 1])
  })

  test('gets an announcement again after a second when emit() rejected it [B12]', async () => {
    const driver = new OwnDriver()
    let down = true
    const emit = driver.emit.bind(driver)
    vi.spyOn(driver, 'emit').mockImplementation(async (namespace, message) => {
      if (down) throw away()
      emit(namespace, message)
    })
    const { env, signaling, listener, messages, leave } = setUp(driver)
    await env.advance(900)
    expect([listener.log.filter(name => name !== 'counts'), driver.emitted]).toEqual([['open'], []])
    down = false
    await env.advance(400)
    expect(listener.log.filter(name => name !== 'counts')).toEqual(['open', 'close', 'open'])
    expect(driver.emitted).toMatchObject([{ namespace: ['swarm', TOPIC], message: { kind: 'announce', started: true } }])
    down = true
    expect(signaling.dial(CALL)).toBe(true) // taken by emit(), then lost
    await env.advance(60_000)
    expect(listener.log.filter(name => name === 'close')).toHaveLength(1)
    expect(messages()).toEqual(['ERR_SIGNALING_LINK the driver of driver:own failed in emit: the bus is away'])
    leave()
    expect(env.pendingTimers).toBe(0)
  })

  test('works as usual when emit() never settles [B12]', async () => {
    const driver = new OwnDriver()
    vi.spyOn(driver, 'emit').mockImplementation(() => new Promise(() => {}))
    const { env, signaling, announced, messages, leave } = setUp(driver)
    expect([announced, signaling.dial(CALL), messages()]).toEqual([[true], true, []])
    leave()
    await env.advance(5_000)
    expect(env.pendingTimers).toBe(0)
  })

  test.each(FAILURES)('causes a warning when off() %s, and its later messages are ignored [B12]', async (_how, fail) => {
    const driver = new OwnDriver()
    vi.spyOn(driver, 'off').mockImplementation(fail)
    const { env, signaling, listener, messages, leave } = setUp(driver)
    leave()
    await env.advance(1)
    expect(messages()).toEqual(['ERR_SIGNALING_LINK the driver of driver:own failed in off: the bus is away'])
    const before = [...listener.log]
    for (const handler of driver.handlers.values()) {
      handler({ kind: 'announce', from: OTHER, want: 5 })
      handler({ kind: 'offer', from: OTHER, offerId: CALL.offerId, sdp: offerSdp })
    }
    await env.advance(60_000)
    expect([listener.log, signaling.status().members, env.pendingTimers]).toEqual([before, 0, 0])
  })

  test('may call handlers within emit() and on(): the messages are handled afterwards, in order [B12]', async () => {
    const driver = new OwnDriver()
    const say = (handler: DriverHandler | undefined) => {
      const message = { kind: 'announce', from: OTHER, want: 5 }
      handler?.(message)
      Object.assign(message, { from: 'overwritten', want: 'more' })
    }
    const on = driver.on.bind(driver)
    vi.spyOn(driver, 'on').mockImplementation((namespace, handler) => {
      on(namespace, handler)
      say(handler)
    })
    vi.spyOn(driver, 'emit').mockImplementation(namespace => say(driver.handlers.get(namespace.join('/'))))
    const { env, signaling, leave } = setUp(driver)
    expect(signaling.status().members).toBe(0)
    await env.advance(0)
    expect(signaling.status()).toMatchObject({ members: 1, dropped: { misplaced: 1 } }) // one arrived under our own namespace
    leave()
    expect(env.pendingTimers).toBe(0)
  })

  test('gets its own copies of namespaces, which it may change [B12]', () => {
    const driver = new OwnDriver()
    for (const method of ['on', 'off', 'emit'] as const) {
      const own: (namespace: string[], value: never) => unknown = driver[method].bind(driver)
      vi.spyOn(driver, method).mockImplementation((namespace: readonly string[], value: unknown) => {
        own([...namespace], value as never)
        ;(namespace as string[]).push('changed')
      })
    }
    const { signaling, leave } = setUp(driver)
    signaling.dial(CALL)
    expect(driver.emitted.map(({ namespace }) => namespace.join('/'))).toEqual([`swarm/${TOPIC}`, `swarm/${TOPIC}/${OTHER}`])
    leave()
    expect(driver.handlers.size).toBe(0)
  })
})

/** The same with a connection state. */
class OwnWatchedDriver extends OwnDriver {
  readonly name = 'own bus'
  watchers: DriverWatcher[] = []
  get open(): boolean {
    return true
  }
  watch(watcher: DriverWatcher): unknown {
    this.watchers.push(watcher)
    watcher.open()
    return () => void (this.watchers = [])
  }
  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

describe('a driver of the application that is watched', () => {
  test('is watched a second later when watch() throws [B12]', async () => {
    const driver = new OwnWatchedDriver()
    vi.spyOn(driver, 'watch').mockImplementationOnce(FAILURES[0]?.[1] as () => unknown)
    const { env, signaling, listener, messages, leave } = setUp(driver)
    expect([signaling.open, listener.log]).toEqual([false, []])
    expect(messages()).toEqual(['ERR_SIGNALING_LINK the driver of driver:own bus failed in watch: the bus is away'])
    await env.advance(1_300)
    expect([signaling.open, listener.log[0]]).toEqual([true, 'open'])
    leave()
    expect([driver.watchers, env.pendingTimers]).toEqual([[], 0])
  })

  test('may report the same state twice, and may return no unwatch function [B12]', async () => {
    const driver = new OwnWatchedDriver()
    const given: DriverWatcher[] = []
    vi.spyOn(driver, 'watch').mockImplementation(watcher => {
      given.push(watcher)
      for (let i = 0; i < 3; i++) watcher.open()
    })
    const { env, listener, messages, leave } = setUp(driver)
    for (let i = 0; i < 3; i++) given[0]?.close()
    for (let i = 0; i < 3; i++) given[0]?.warning('the bus coughs' as never)
    expect(listener.log.filter(name => name !== 'counts')).toEqual(['open', 'close'])
    expect(messages()[0]).toBe('ERR_SIGNALING_LINK the driver of driver:own bus warns: the bus coughs')
    leave()
    const before = [listener.log.length, messages().length]
    given[0]?.open()
    given[0]?.warning('the bus coughs' as never)
    await env.advance(1_000)
    expect([listener.log.length, messages().length, env.pendingTimers]).toEqual([...before, 0])
  })

  test('counts as closed when open throws [B12]', () => {
    const driver = new OwnWatchedDriver()
    vi.spyOn(driver, 'open', 'get').mockImplementation(FAILURES[0]?.[1] as () => boolean)
    const signaling = new PubSubSignaling(driver, { env: new VirtualEnv() })
    const warnings: string[] = []
    signaling.on('warning', ({ message }) => warnings.push(message))
    expect([signaling.open, signaling.status().state]).toEqual([false, 'closed'])
    expect(warnings).toEqual(['the driver of driver:own bus failed in open: the bus is away'])
  })
})
