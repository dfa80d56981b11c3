import type { NatsConnection, Server, Status } from '@nats-io/nats-core'
import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import { MAX_MESSAGE } from '../../../../src/signaling/drivers/message.js'
import { NatsDriver, type NatsDriverOptions } from '../../../../src/signaling/drivers/nats-driver.js'
import type { DialNats } from '../../../../src/signaling/drivers/nats-connection.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

type Callback = (error: Error | null, message: { data: Uint8Array }) => void

/** The methods of a NatsConnection that the driver uses, in memory. */
class FakeConnection {
  readonly subscribed = new Map<string, Callback>()
  readonly published: Array<[string, string]> = []
  gossip: string[] = []
  failing: Error | undefined
  closed_ = false
  readonly #server: string
  readonly #queue: Status[] = []
  #wake = () => {}
  #stopped = false
  #ended = (_reason: Error | undefined) => {}
  readonly #closed = new Promise<Error | undefined>(resolve => (this.#ended = resolve))

  constructor(server: string) {
    this.#server = server
  }

  // Only what the driver reads.
  asConnection = () => this as unknown as NatsConnection
  getServer = () => new URL(this.#server).host
  getServers = () => this.gossip.map(src => ({ src, gossiped: true }) as Server)
  isClosed = () => this.closed_
  closed = () => this.#closed

  subscribe(subject: string, { callback }: { callback: Callback }) {
    if (this.failing !== undefined) throw this.failing
    if (this.subscribed.has(subject)) throw new Error(`${subject} is subscribed to already`)
    this.subscribed.set(subject, callback)
    return { unsubscribe: () => this.subscribed.delete(subject) }
  }

  publish(subject: string, text: string) {
    if (this.failing !== undefined) throw this.failing
    this.published.push([subject, text])
  }

  status() {
    const read = async function* (this: FakeConnection) {
      while (!this.#stopped) {
        const status = this.#queue.shift()
        if (status !== undefined) yield status
        else await new Promise<void>(resolve => (this.#wake = resolve))
      }
    }
    return Object.assign(read.call(this), { stop: () => this.#stop() })
  }

  say(status: Status) {
    this.#queue.push(status)
    this.#wake()
  }

  receive(subject: string, data: string | Uint8Array) {
    this.subscribed.get(subject)?.(null, { data: typeof data === 'string' ? new TextEncoder().encode(data) : data })
  }

  end(reason?: Error) {
    this.closed_ = true
    this.#ended(reason)
    this.#stop()
  }

  #stop() {
    this.#stopped = true
    this.#wake()
  }
}

function setUp(options: Partial<NatsDriverOptions> = {}) {
  const env = new VirtualEnv()
  const connections: FakeConnection[] = []
  const dials: Array<{ server: string; at: number }> = []
  const down = new Set<string>()
  let gossip: string[] = []
  const dial: DialNats = (server, _options, _env, signal) =>
    new Promise((resolve, reject) => {
      dials.push({ server, at: Math.round(env.now()) })
      const giveUp = () => {
        timer.cancel()
        reject(new Error('given up'))
      }
      const timer = env.timer(10, () => {
        signal.removeEventListener('abort', giveUp)
        if (down.has(server)) return reject(new Error(`${server} refused`))
        const connection = new FakeConnection(server)
        connection.gossip = gossip
        connections.push(connection)
        resolve({
          connection: connection.asConnection(),
          bufferedAmount: 0,
          terminate: () => connection.end(new Error('terminated')),
          close: async () => connection.end(),
        })
      })
      signal.addEventListener('abort', giveUp)
    })
  const driver = new NatsDriver({ servers: ['ws://a.test', 'ws://b.test'], ...options }, { env, dial })
  const log: string[] = []
  const warnings: SwarmlinkError[] = []
  driver.watch({ open: () => log.push('open'), close: () => log.push('close'), warning: error => void warnings.push(error) })
  return { env, driver, log, warnings, connections, dials, down, tell: (urls: string[]) => (gossip = urls) }
}

describe('NatsDriver', () => {
  test('subscribes once per namespace, before it reports open, and again on every connection [B12]', async () => {
    const { env, driver, connections } = setUp()
    const heard: unknown[] = []
    const handler = (message: unknown) => void heard.push(message)
    driver.on(['n'], handler)
    driver.on(['n'], () => {})
    let known: string[] = []
    driver.watch({ open: () => (known = [...connections.at(-1)!.subscribed.keys()]), close: () => {}, warning: () => {} })
    await env.until(() => driver.open)
    expect(known).toEqual(['swarmlink.n'])
    driver.on(['later'], handler)
    driver.off(['n'], handler)
    connections[0]!.receive('swarmlink.later', '{"a":1}')
    expect(heard).toEqual([{ a: 1 }])
    driver.off(['later'], handler)
    expect([...connections[0]!.subscribed.keys()]).toEqual(['swarmlink.n'])
    connections[0]!.end()
    await env.until(() => connections.length === 2)
    expect(known).toEqual(['swarmlink.n'])
    expect(driver.status()).toMatchObject({ state: 'open', subscriptions: 1, reconnects: 1, dropped: 0 })
    await driver.close()
    expect(connections[1]!.subscribed.size).toBe(0)
  })

  test('keeps the process alive until it is closed, whatever the state [B12]', async () => {
    for (const moment of ['dialing', 'open', 'waiting'] as const) {
      const { env, driver, down } = setUp()
      if (moment === 'waiting') for (const server of ['ws://a.test/', 'ws://b.test/']) down.add(server)
      await env.until(() => driver.status().state === moment)
      expect([moment, env.isKeptAlive]).toEqual([moment, true])
      await driver.close()
      expect([moment, env.isKeptAlive]).toEqual([moment, false])
    }
  })

  test('fails over to another server of the cluster at once, and dials the lost one last [B12]', async () => {
    const { env, driver, connections, dials, down, log, tell } = setUp()
    tell(['ws://a.test/', 'ws://c.test:8080/', 'nonsense', 'http://d.test/'])
    await env.until(() => driver.open)
    const first = dials[0]!.server
    const second = ['ws://a.test/', 'ws://b.test/'].find(url => url !== first)!
    down.add(first)
    down.add(second)
    await env.advance(1_000)
    connections[0]!.end()
    const lost = env.now()
    await env.until(() => connections.length === 2)
    expect(dials.slice(1).map(({ server }) => server)).toEqual([second, 'ws://c.test:8080/'])
    expect(env.now() - lost).toBeLessThan(50)
    expect(log).toEqual(['open', 'close', 'open'])
    await driver.close()
  })

  test('backs off when every server of a cluster disconnects it [B12]', async () => {
    const { env, driver, connections, dials } = setUp()
    await env.until(() => driver.open)
    const kick = () => connections.forEach(connection => connection.end(new Error('kicked')))
    driver.watch({ open: () => void env.timer(1, kick), close: () => {}, warning: () => {} })
    await env.advance(60_000)
    expect(dials.length).toBeLessThan(8) // 1, 2, 4, 8, 16 s
    await driver.close()
  })

  test('dials for ever, after 1, 2, 4 … 60 s, with one warning for all servers [B12]', async () => {
    const { env, driver, dials, down, warnings, log } = setUp()
    down.add('ws://a.test/').add('ws://b.test/')
    await env.advance(300_000)
    const rounds = dials.filter((_, i) => i % 2 === 0).map(({ at }) => at)
    const waits = rounds.slice(1).map((at, i) => at - rounds[i]! - 20)
    for (const [i, expected] of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000].entries())
      expect(waits[i]! >= expected - 1 && waits[i]! <= Math.min(expected * 1.25, 60_000) + 1).toBe(true)
    expect(warnings).toHaveLength(rounds.length)
    expect(warnings[0]).toMatchObject({
      code: 'ERR_SIGNALING_LINK',
      message: expect.stringContaining('a.test, b.test') as unknown,
    })
    down.clear()
    driver.wake()
    await env.until(() => driver.open, 20)
    expect(log).toEqual(['open'])
    await driver.close()
  })

  test('loses messages while it is not open, and warns of a failed publish [B12]', async () => {
    const { env, driver, connections, warnings } = setUp()
    driver.emit(['n'], 'before')
    await env.until(() => driver.open)
    driver.emit(['n'], { a: 1 })
    expect(connections[0]!.published).toEqual([['swarmlink.n', '{"a":1}']])
    connections[0]!.failing = new Error('max_payload size exceeded')
    driver.emit(['n'], 'x')
    driver.on(['m'], () => {})
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('publishing a message of'),
      expect.stringContaining('subscribing at nats'),
    ])
    await driver.close()
    driver.emit(['n'], 'after')
    expect(connections[0]!.published).toHaveLength(1)
  })

  test('drops and counts malformed messages [B12]', async () => {
    const { env, driver, connections, warnings } = setUp()
    const heard: unknown[] = []
    driver.on(['n'], message => heard.push(message))
    await env.until(() => driver.open)
    const bad: Array<string | Uint8Array> = [
      '',
      '{',
      'undefined',
      Uint8Array.of(0x22, 0xc3, 0x28, 0x22),
      '['.repeat(70_000),
      `"${'x'.repeat(MAX_MESSAGE)}"`,
    ]
    for (const data of bad) connections[0]!.receive('swarmlink.n', data)
    connections[0]!.receive('swarmlink.n', '"good"')
    expect([heard, driver.status().dropped, warnings]).toEqual([['good'], bad.length, []])
    connections[0]!.subscribed.get('swarmlink.n')?.(new Error('permissions violation'), { data: new Uint8Array() })
    connections[0]!.say({ type: 'error', error: new Error('too many subscriptions') })
    await env.until(() => warnings.length === 2)
    await driver.close()
  })

  test('leaves nothing behind when it is closed at any moment [B12]', async () => {
    for (const moment of ['dialing', 'open', 'waiting'] as const) {
      const { env, driver, connections, down, dials, log } = setUp()
      if (moment === 'waiting') down.add('ws://a.test/').add('ws://b.test/')
      if (moment !== 'dialing') await env.until(() => driver.status().state === moment)
      const closed = Promise.all([driver.close(), driver[Symbol.asyncDispose]()])
      expect(driver.open).toBe(false)
      await closed
      const before = dials.length
      driver.on(['n'], () => {})
      driver.wake()
      await env.advance(100_000)
      expect([moment, env.pendingTimers, dials.length, driver.status().state]).toEqual([moment, 0, before, 'closed'])
      expect(connections.every(({ closed_ }) => closed_)).toBe(true)
      expect(log).toEqual(moment === 'open' ? ['open', 'close'] : [])
    }
  })

  test('uses a connection of the application and leaves it open [B12]', async () => {
    const connection = new FakeConnection('ws://mine.test')
    const env = new VirtualEnv()
    const driver = new NatsDriver(connection.asConnection(), { env })
    const log: string[] = []
    driver.watch({ open: () => log.push('open'), close: () => log.push('close'), warning: () => log.push('warning') })
    driver.on(['n'], () => {})
    expect([driver.open, [...connection.subscribed.keys()], driver.name]).toEqual([true, ['swarmlink.n'], 'nats mine.test'])
    connection.say({ type: 'disconnect', server: 'x' })
    await env.until(() => !driver.open)
    driver.emit(['n'], 'lost')
    connection.say({ type: 'reconnect', server: 'x' })
    await env.until(() => driver.open)
    expect(connection.published).toEqual([])
    await driver.close()
    expect([connection.closed_, connection.subscribed.size, log]).toEqual([false, 0, ['open', 'close', 'open', 'close']])

    const other = new NatsDriver(connection.asConnection(), { env })
    const codes: string[] = []
    other.watch({ open: () => {}, close: () => {}, warning: ({ code }) => codes.push(code) })
    connection.end()
    await env.until(() => other.status().state === 'closed')
    expect([other.open, codes]).toEqual([false, ['ERR_SIGNALING_LINK']])
    await other.close()
  })

  test.each(['isClosed', 'status', 'subscribe', 'unsubscribe', 'publish'])(
    'warns when a connection of the application fails in %s(), and can still be closed [B12]',
    async method => {
      const fail = () => {
        throw new Error('it failed')
      }
      const connection = new FakeConnection('ws://mine.test')
      if (method === 'unsubscribe') connection.subscribe = () => ({ unsubscribe: fail })
      else Object.assign(connection, { [method]: fail })
      const env = new VirtualEnv()
      const driver = new NatsDriver(connection.asConnection(), { env })
      const warnings: string[] = []
      driver.watch({ open: () => {}, close: () => {}, warning: ({ code, message }) => warnings.push(`${code} ${message}`) })
      driver.on(['n'], () => {})
      driver.emit(['n'], 'hello')
      driver.off(['n'], () => {})
      await env.advance(1)
      await driver.close()
      expect(driver.status().state).toBe('closed')
      expect(warnings.every(warning => /^ERR_SIGNALING_LINK .*it failed|is closed/.test(warning))).toBe(true)
      if (method !== 'unsubscribe') expect(warnings[0]).toMatch(/it failed/)
    },
  )

  test('refuses wrong options with a clear error [B12]', () => {
    const refused: Array<[unknown, string]> = [
      [undefined, 'the first argument must be options with servers'],
      [{}, 'must be a ws: or wss: URL'],
      [{ servers: [] }, 'servers must be one URL or more'],
      [{ servers: 'nats://a.test' }, 'must be a ws: or wss: URL'],
      [{ servers: 'ws://a.test', reconnect: true }, 'there is no option reconnect'],
    ]
    for (const [options, message] of refused) expect(() => new NatsDriver(options as NatsDriverOptions)).toThrow(message)
  })
})
