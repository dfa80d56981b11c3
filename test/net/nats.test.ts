import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wsconnect } from '@nats-io/nats-core'
import { WebSocket } from 'ws'
import type { WatchedDriver } from '../../src/signaling/drivers/driver.js'
import { NatsDriver } from '../../src/signaling/drivers/nats-driver.js'
import { listen, ready } from '../contract/driver-suite.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { Processes, type Child } from '../support/processes.js'

/** A process that something keeps alive never exits. One on a busy machine is late. */
const EXIT_TIMEOUT = 5_000
const NAMESPACE = ['room', 'lobby']

const nats = await requireNats()
const cleanups: Array<() => unknown> = []
const processes = new Processes(callback => cleanups.push(callback))
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open(target: object, subscribe: string[][] = []): Promise<Child> {
  const child = await processes.start('driver-client')
  await child.ask('open', { kind: 'nats', target, subscribe })
  return child
}

/** The first `count` warnings of a driver. */
function warnings(driver: WatchedDriver, count: number): Promise<string[]> {
  return new Promise(resolve => {
    const heard: string[] = []
    driver.watch({
      open: () => {},
      close: () => {},
      warning: ({ code, message }) => {
        if (heard.push(`${code} ${message}`) === count) resolve(heard)
      },
    })
  })
}

describe.skipIf(nats === undefined)('NatsDriver and nats-server', () => {
  let single: NatsServer
  let silent: Server
  beforeAll(async () => {
    single = await NatsServer.start()
    // Accepts connections and never sends a byte.
    silent = createServer(() => {})
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(
      () => single.kill(),
      () => silent.close(),
    )
  })

  it('continues in a cluster of three when the node of one driver is killed, and both processes end [B12]', async () => {
    const cluster = await NatsServer.cluster(3)
    cleanups.push(() => Promise.all(cluster.map(server => server.kill())))
    const [first, second] = cluster
    if (first === undefined || second === undefined) throw new Error('unreachable: there are three')
    // Each knows one server, and learns the others from it.
    const [speaker, hearer] = await Promise.all([open({ servers: first.url }), open({ servers: second.url }, [NAMESPACE])])
    await Promise.all([speaker.next('open'), hearer.next('open')])
    await speaker.ask('stream', { namespace: NAMESPACE, every: 10 })
    await hearer.nth('message', 120) // a second at least: the connection works
    await second.kill()
    await hearer.nth('open', 2)
    const after = hearer.all('message').length
    await hearer.nth('message', after + 20)

    const at = hearer.all('message').map(report => report.at)
    const gap = Math.max(...at.slice(1).map((time, i) => time - (at[i] ?? time)))
    process.stdout.write(`NATS: no message for ${gap.toFixed(0)} ms when the receiver's node was killed\n`)
    expect(gap).toBeLessThan(5_000)
    expect(new URL(second.url).host).not.toBe(hearer.all('open')[1]?.server)
    expect(hearer.all('warning')).toHaveLength(1)
    const counts = hearer.all('message').map(({ message }) => message.count as number)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(new Set(counts).size).toBe(counts.length)

    // Now the sender's node: one of three is left.
    await first.kill()
    await speaker.nth('open', 2)
    const before = hearer.all('message').length
    await hearer.nth('message', before + 20, 20_000)
    for (const child of [speaker, hearer]) {
      expect(await child.end(EXIT_TIMEOUT)).toMatchObject({ code: 0, signal: null })
      expect(child.errors).toBe('')
    }
  })

  it.concurrent('lets a process end by itself after close(), in any state [B12]', async () => {
    const gone = await NatsServer.start()
    const port = (silent.address() as AddressInfo).port // of a TCP server
    const children = await Promise.all([
      open({ servers: single.url }, [NAMESPACE]),
      open({ servers: gone.url }, [NAMESPACE]),
      open({ servers: `ws://127.0.0.1:${port}` }, [NAMESPACE]),
    ])
    await children[0]?.next('open')
    await children[1]?.next('open')
    await gone.kill()
    await children[1]?.next('close')
    for (const child of children) {
      expect(await child.end(EXIT_TIMEOUT)).toMatchObject({ code: 0, signal: null })
      expect(child.errors).toBe('')
    }
  })

  it.concurrent('detects a server that hangs silently, and uses another [B12]', async () => {
    const cluster = await NatsServer.cluster(2)
    cleanups.push(() => Promise.all(cluster.map(server => server.kill())))
    const [first, second] = cluster
    if (first === undefined || second === undefined) throw new Error('unreachable: there are two')
    const driver = new NatsDriver({ servers: first.url, pingInterval: 1_500 })
    cleanups.push(() => driver.close())
    await ready(driver)
    await new Promise<void>(resolve => {
      driver.watch({ open: () => {}, close: () => resolve(), warning: () => {} })
      first.freeze()
    })
    await ready(driver)
    expect(driver.status()).toMatchObject({ state: 'open', server: new URL(second.url).host })
    await driver.close()
  })

  it.concurrent('warns of a wrong token each time [B12]', async () => {
    const guarded = await NatsServer.start({ token: 'right' })
    cleanups.push(() => guarded.kill())
    const right = new NatsDriver({ servers: guarded.url, token: 'right' })
    const wrong = new NatsDriver({ servers: guarded.url, token: 'wrong' })
    const said = await warnings(wrong, 2)
    for (const text of said) expect(text).toMatch(/^ERR_SIGNALING_LINK no connection to nats 127\.0\.0\.1:\d+: .*Authorization/i)
    await ready(right)
    expect(wrong.open).toBe(false)
    await Promise.all([right.close(), wrong.close()])
  })

  it.concurrent('warns of what the server does not permit, and the rest continues [B12]', async () => {
    const strict = await NatsServer.start({
      extra:
        'authorization { users = [{ user: u, password: p, permissions: { publish: ["swarmlink.>"], subscribe: { allow: ["swarmlink.>"], deny: ["swarmlink.secret"] } } }] }',
    })
    cleanups.push(() => strict.kill())
    const driver = new NatsDriver({ servers: strict.url, user: 'u', pass: 'p' })
    await ready(driver)
    const warned = warnings(driver, 1)
    driver.on(['secret'], () => {})
    expect((await warned)[0]).toContain('Permissions Violation')
    await ready(driver)
    await driver.close()
  })

  it.concurrent("uses the application's connection, and leaves it open [B12]", async () => {
    // Node 20 has no global WebSocket. `ws` differs only in what the library does not use.
    const wsFactory = async (url: string) => ({ socket: new WebSocket(url) as unknown as globalThis.WebSocket, encrypted: false })
    const connection = await wsconnect({ servers: single.url, wsFactory, reconnectTimeWait: 100 })
    const [borrowed, own] = [new NatsDriver(connection), new NatsDriver({ servers: single.url })]
    const [here, there] = [listen(borrowed, ['n']), listen(own, ['n'])]
    await ready(borrowed, own)
    own.emit(['n'], 1)
    borrowed.emit(['n'], 2)
    for (const ear of [here, there]) expect(new Set(await ear.first(2))).toEqual(new Set([1, 2]))
    await borrowed.close()
    own.emit(['n'], 3)
    await there.first(3)
    await connection.flush()
    expect([here.heard.length, connection.isClosed()]).toEqual([2, false])
    await connection.close()
    await own.close()
  })

  it.concurrent('drops and counts invalid messages of other publishers on the subject [B12]', async () => {
    const wsFactory = async (url: string) => ({ socket: new WebSocket(url) as unknown as globalThis.WebSocket, encrypted: false }) // see above
    const connection = await wsconnect({ servers: single.url, wsFactory })
    const driver = new NatsDriver({ servers: single.url })
    const ear = listen(driver, ['hostile'])
    await ready(driver)
    const bad: Array<string | Uint8Array> = [
      '',
      '{',
      "'x'",
      Uint8Array.of(0x22, 0xff, 0x22),
      '['.repeat(70_000),
      'x'.repeat(500_000),
    ]
    for (const data of bad) connection.publish('swarmlink.hostile', data)
    connection.publish('swarmlink.hostile', '['.repeat(20_000) + ']'.repeat(20_000))
    connection.publish('swarmlink.hostile', '"good"')
    expect((await ear.first(2))[1]).toBe('good')
    expect(driver.status()).toMatchObject({ dropped: bad.length, state: 'open', reconnects: 0 })
    await Promise.all([driver.close(), connection.close()])
  })
})
