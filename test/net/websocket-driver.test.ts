import { spawn } from 'node:child_process'
import { get } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { systemEnv } from '../../src/core/env.js'
import { randomId } from '../../src/core/id.js'
import { BroadcastChannelDriver } from '../../src/signaling/drivers/broadcast-channel-driver.js'
import { PubSubSignaling } from '../../src/signaling/pubsub/pubsub-signaling.js'
import { SignalServer, type SignalServerOptions } from '../../src/signaling/server/signal-server.js'
import { WebSocketDriver } from '../../src/signaling/drivers/websocket-driver.js'
import { encodeFrame, type ClientFrame, type ServerFrame } from '../../src/signaling/drivers/websocket-codec.js'
import type { SignalingListener } from '../../src/signaling/signaling.js'
import { listen, ready } from '../contract/driver-suite.js'
import { hostileToDriver, hostileToServer } from '../support/hostile/hostile-signal-frames.js'
import { Processes, type Child } from '../support/processes.js'
import { expectReports } from '../support/report.js'
import { answerSdp, offerSdp } from '../support/sdp-samples.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** A process that something keeps alive never exits. One on a busy machine is late. */
const EXIT_TIMEOUT = 5_000
const PATIENCE = 20_000
const NAMESPACE = ['room', 'lobby']

const cleanups: Array<() => unknown> = []
const processes = new Processes(callback => cleanups.push(callback))
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(options: SignalServerOptions = {}): Promise<SignalServer> {
  const server = await SignalServer.listen(options)
  cleanups.push(() => server.close())
  return server
}

/** A client that speaks the protocol, or sends anything else. */
class RawClient {
  readonly got: ServerFrame[] = []
  readonly socket: WebSocket
  readonly closed: Promise<number>
  #wake = () => {}

  constructor(url: string, localAddress?: string) {
    this.socket = new WebSocket(url, { ...(localAddress !== undefined && { localAddress }) })
    this.socket.on('error', () => {})
    this.socket.on('message', data => {
      this.got.push(JSON.parse((data as Buffer).toString()) as ServerFrame) // from the server
      this.#wake()
    })
    this.closed = new Promise(resolve => this.socket.once('close', resolve))
    cleanups.push(() => this.socket.terminate())
  }

  static async open(url: string, localAddress?: string): Promise<RawClient> {
    const client = new RawClient(url, localAddress)
    await new Promise((resolve, reject) => client.socket.once('open', resolve).once('error', reject))
    return client
  }

  /** The socket below, to write what no library would. */
  get raw(): Socket {
    return (this.socket as unknown as { _socket: Socket })._socket // where `ws` keeps it
  }

  say(frame: ClientFrame | string | Buffer): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : encodeFrame(frame))
  }

  async until(fits: (frames: ServerFrame[]) => boolean): Promise<void> {
    while (!fits(this.got)) await new Promise<void>(resolve => (this.#wake = resolve))
  }

  /** Once it resolves, the server has read everything before it. */
  async pong(): Promise<void> {
    const before = this.got.filter(({ type }) => type === 'pong').length
    this.say({ type: 'ping' })
    await this.until(frames => frames.filter(({ type }) => type === 'pong').length > before)
  }
}

async function refusal(url: string): Promise<string> {
  const socket = new WebSocket(url)
  return new Promise((resolve, reject) => {
    socket.once('error', ({ message }) => resolve(message))
    socket.once('open', () => reject(new Error('it was admitted')))
  })
}

describe('WebSocketDriver and SignalServer', () => {
  it('let processes find each other with npm run demo:signal, which Ctrl-C ends with code 0 [B12]', async () => {
    const demo = spawn(process.execPath, ['demo/signal.js', '--port', '0'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    cleanups.push(() => demo.kill('SIGKILL'))
    const ended = new Promise(resolve => demo.once('close', resolve))
    const url = await new Promise<string>(resolve => {
      let text = ''
      demo.stdout.on('data', data => {
        text += String(data)
        const found = /^Signal server at (\S+)$/m.exec(text)?.[1]
        if (found !== undefined) resolve(found)
      })
    })
    const open = async (): Promise<Child> => {
      const child = await processes.start('driver-client')
      await child.ask('open', { kind: 'websocket', target: url, subscribe: [NAMESPACE] })
      await child.next('open')
      return child
    }
    const [a, b] = await Promise.all([open(), open()])
    await a.ask('emit', { namespace: NAMESPACE, message: { from: 'a' } })
    expect(await b.next('message')).toMatchObject({ namespace: NAMESPACE, message: { from: 'a' } })
    expect(await a.next('message')).toMatchObject({ message: { from: 'a' } })
    expect(await a.end(EXIT_TIMEOUT)).toMatchObject({ code: 0, signal: null })
    demo.kill('SIGINT')
    await b.next('close')
    expect(await ended).toBe(0)
    await b.next('warning')
    expect(await b.end(EXIT_TIMEOUT)).toMatchObject({ code: 0, signal: null })
    expect([a.errors, b.errors]).toEqual(['', ''])
  })

  it.concurrent('make npm run demo:signal say in one line what went wrong [B12]', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => taken.close())
    const { port } = taken.address() as AddressInfo // of a TCP server
    const cases: Array<[string[], number, RegExp]> = [
      [['--port', String(port)], 1, /port \d+ of 127\.0\.0\.1.*EADDRINUSE/],
      [['--port', 'http'], 2, /--port takes a number/],
      [['--port', '70000'], 2, /--port takes a number/],
      [['--fast'], 2, /--fast/],
    ]
    await Promise.all(
      cases.map(async ([args, code, message]) => {
        const demo = spawn(process.execPath, ['demo/signal.js', ...args], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] })
        let errors = ''
        demo.stderr.on('data', data => (errors += String(data)))
        expect(await new Promise(resolve => demo.once('close', resolve))).toBe(code)
        expect(errors).toMatch(/^error: [^\n]+\n$/)
        expect(errors).toMatch(message)
      }),
    )
  })

  it.concurrent('let a process end by itself after close(), in any state [B12]', async () => {
    const server = await serve()
    const doomed = await SignalServer.listen()
    const silent: Server = createServer(() => {})
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => silent.close())
    const targets = [server.url, doomed.url, `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`] // of a TCP server
    const children = await Promise.all(targets.map(() => processes.start('driver-client')))
    await Promise.all(
      children.map((child, i) => child.ask('open', { kind: 'websocket', target: targets[i], subscribe: [NAMESPACE] })),
    )
    await Promise.all(children.slice(0, 2).map(child => child.next('open')))
    await doomed.close()
    await children[1]?.next('close')
    for (const child of children) {
      expect(await child.end(EXIT_TIMEOUT)).toMatchObject({ code: 0, signal: null })
      expect(child.errors).toBe('')
    }
  })

  it.concurrent('let a BroadcastChannelDriver reach other threads, which end once it is closed [B12]', async () => {
    const channel = `threads ${Math.random()}`
    const driver = new BroadcastChannelDriver(channel)
    const [present, answers] = [listen(driver, ['here']), listen(driver, ['answer'])]
    const workers = ['a', 'b'].map(
      who => new Worker(new URL('fixtures/driver-worker.js', import.meta.url), { workerData: { channel, who } }),
    )
    const ended = workers.map(worker => new Promise(resolve => worker.once('exit', resolve)))
    cleanups.push(() => Promise.all(workers.map(worker => worker.terminate())))
    await present.first(2)
    driver.emit(['question'], { text: 'grüße' })
    expect(new Map((await answers.first(2)) as Array<[string, unknown]>)).toEqual(
      new Map([
        ['a', { text: 'grüße' }],
        ['b', { text: 'grüße' }],
      ]),
    )
    driver.emit(['enough'], true)
    expect(await Promise.all(ended)).toEqual([0, 0])
    await driver.close()
  })

  it.concurrent('connect three hundred topics at once behind a server with the default limits [B12]', async ({
    expect: expectHere,
  }) => {
    const server = await serve()
    const topics = Array.from({ length: 300 }, () => randomId(systemEnv))
    const sides = [server.url, server.url].map(url => {
      const driver = new WebSocketDriver(url)
      cleanups.push(() => driver.close())
      const warnings: string[] = []
      driver.watch({ open: () => {}, close: () => warnings.push('closed'), warning: ({ message }) => warnings.push(message) })
      return { driver, signaling: new PubSubSignaling(driver), warnings }
    })
    await ready(...sides.map(({ driver }) => driver))
    const answered = new Set<string>()
    for (const { signaling } of sides) {
      for (const topic of topics) {
        const from = randomId(systemEnv)
        const listener: SignalingListener = {
          open: () => {},
          close: () => {},
          counts: () => {},
          warning: () => {},
          dialable: to => void signaling.dial({ topic, from, to, offerId: randomId(systemEnv), sdp: offerSdp }),
          offer: ({ from: to, offerId }) => void signaling.answer({ topic, from, to, offerId, sdp: answerSdp }),
          answer: () => void answered.add(topic),
        }
        signaling.subscribe(topic, listener)
        signaling.announce({
          topic,
          from,
          event: 'started',
          uploaded: 0,
          downloaded: 0,
          left: 1,
          numwant: 50,
          port: 1,
          offers: [],
        })
      }
    }
    await expectHere.poll(() => answered.size, { timeout: PATIENCE }).toBe(300)
    expect(sides.map(({ signaling }) => signaling.status().members)).toEqual([300, 300])
    expect([server.stats().refused, ...sides.map(({ warnings }) => warnings)]).toEqual([{}, [], []])
    await Promise.all(sides.map(({ driver }) => driver.close()))
    await server.close()
  })

  it.concurrent('reject invalid options, and close a server once [B12]', async () => {
    const refused: Array<[object, string]> = [
      [{ ports: 1 }, 'there is no option ports'],
      [{ port: 65_536 }, 'port must be'],
      [{ port: -1 }, 'port must be'],
      [{ host: '' }, 'host must be'],
      [{ maxClients: 0 }, 'maxClients must be'],
      [{ maxFrame: 1_000_000 }, 'maxFrame must be a whole number from 1 to 147456'],
      [{ addressOf: 'x' }, 'addressOf must be a function'],
    ]
    for (const [options, message] of refused) await expect(SignalServer.listen(options)).rejects.toThrow(message)
    const server = await SignalServer.listen()
    const port = Number(new URL(server.url).port)
    await expect(SignalServer.listen({ port })).rejects.toMatchObject({ code: 'ERR_SIGNALING_LINK' })
    await Promise.all([server.close(), server.close(), server[Symbol.asyncDispose]()])
    const again = await SignalServer.listen({ port })
    await again.close()
    expect(server.stats()).toMatchObject({ clients: 0 })
  })
})

/** Counts the frames that a client may have sent since this call, with a rate of `perSecond` and a burst of eight seconds of it. */
function budgetOf(perSecond: number): () => number {
  const since = performance.now()
  return () => Math.ceil(perSecond * (8 + (performance.now() - since) / 1_000))
}

describe('SignalServer and hostile clients', () => {
  it.concurrent('survives every kind of bad frame, and whatever breaks the WebSocket itself [X4]', async ({
    expect: expectHere,
  }) => {
    const server = await serve()
    const [good, bad] = await Promise.all([RawClient.open(server.url), RawClient.open(server.url)])
    good.say({ type: 'subscribe', namespaces: [['n']] })
    const corpus = hostileToServer()
    expect(corpus.length).toBeGreaterThanOrEqual(100)
    for (const { text } of corpus) bad.say(text)
    bad.say(Buffer.from([0, 1, 2, 255]))
    await bad.pong()
    const { refused } = server.stats()
    expect(Object.values(refused).reduce((sum, count) => sum + count, 0)).toBe(corpus.length + 1)
    expect(bad.got.filter(({ type }) => type === 'refusal').length).toBeLessThanOrEqual(3)

    const attacks: Array<(client: RawClient) => void> = [
      client => client.say('x'.repeat(2_000_000)),
      client => client.raw.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])), // a text that is not UTF-8
      client => client.raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff])), // a frame with reserved bits
      client => client.raw.write(Buffer.from([0x81, 0x05, 1, 2, 3])), // an unmasked frame
      client => client.raw.write(Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), // endless
      client => client.socket.close(4000, 'go away'),
      client => client.raw.destroy(),
    ]
    for (const attack of attacks) {
      const client = await RawClient.open(server.url)
      attack(client)
      await client.closed
    }
    bad.say({ type: 'emit', namespace: ['n'], message: '"still there"' })
    await good.until(frames => frames.length === 1)
    expect(good.got[0]).toMatchObject({ message: '"still there"' })
    await expectHere.poll(() => server.stats().clients, { timeout: PATIENCE }).toBe(2)
    await server.close()
  })

  it.concurrent('cuts a flood: refused once, dropped, closed; a thousand subscriptions stay within the limit [X4]', async () => {
    const server = await serve({ maxSubscriptions: 50, messagesPerSecond: 20 })
    const [hearer, flooder, greedy] = await Promise.all([1, 2, 3].map(() => RawClient.open(server.url)))
    if (hearer === undefined || flooder === undefined || greedy === undefined) throw new Error('unreachable: there are three')
    hearer.say({ type: 'subscribe', namespaces: [['n']] })
    await hearer.pong()
    const budget = budgetOf(20)
    for (let i = 0; i < 5_000; i++) flooder.say({ type: 'emit', namespace: ['n'], message: String(i) })
    expect(await flooder.closed).toBe(1008)
    expect(flooder.got).toEqual([{ type: 'refusal', reason: 'too-fast' }])
    await hearer.pong()
    expect(hearer.got.filter(({ type }) => type === 'message').length).toBeLessThanOrEqual(budget())
    for (let i = 0; i < 20; i++)
      greedy.say({ type: 'subscribe', namespaces: Array.from({ length: 50 }, (_, n) => [String(50 * i + n)]) })
    await greedy.pong()
    expect(server.stats()).toMatchObject({ clients: 2, subscriptions: 51, namespaces: 51, ended: 1 })
    await server.close()
  })

  it.for([
    [
      'throws',
      () => {
        throw new Error('it failed')
      },
    ],
    ['rejects', () => Promise.reject(new Error('it failed')) as never],
    ['returns no text', () => 5 as never],
  ] as const)(
    'continues when addressOf %s: all clients share one slot, and a failure is reported [B12] [X4]',
    async ([how, addressOf], { onTestFinished }) => {
      const told = expectReports(onTestFinished)
      const server = await serve({ maxClientsPerAddress: 1, addressOf })
      const first = await RawClient.open(server.url)
      await expect(RawClient.open(server.url)).rejects.toThrow(/429/)
      expect(first.socket.readyState).toBe(WebSocket.OPEN)
      expect(new Set(told.map(({ code, message }) => `${code} ${message}`))).toEqual(
        new Set(how === 'returns no text' ? [] : ['ERR_CALLBACK addressOf failed: it failed']),
      )
    },
  )

  it.concurrent('limits clients in total and per address, and frees the slot of a client that leaves [X4]', async ({
    expect: expectHere,
  }) => {
    const server = await serve({ maxClients: 3, maxClientsPerAddress: 2, addressOf: ({ url }) => url ?? '' })
    const clients = await Promise.all([RawClient.open(`${server.url}a`), RawClient.open(`${server.url}a`)])
    expect(await refusal(`${server.url}a`)).toContain('429')
    const third = await RawClient.open(`${server.url}b`)
    expect(await refusal(`${server.url}c`)).toContain('503')
    third.socket.close()
    await third.closed
    await expectHere.poll(() => server.stats().clients, { timeout: PATIENCE }).toBe(2)
    await RawClient.open(`${server.url}c`)
    expect(server.stats()).toMatchObject({ clients: 3, turnedAway: 2 })
    expect(clients.every(({ socket }) => socket.readyState === WebSocket.OPEN)).toBe(true)
    await server.close()
  })

  it.concurrent('closes silent connections of one address, which leave room for others meanwhile [X4]', async ({
    expect: expectHere,
  }) => {
    const server = await serve({ maxClients: 20, maxClientsPerAddress: 2 })
    const proxied = await serve({ maxClients: 20, maxClientsPerAddress: 2, addressOf: ({ url }) => url ?? '' })
    const silent = (url: string) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.on('error', () => {}) // it may be refused before it knows that it is connected
      cleanups.push(() => socket.destroy())
      return socket
    }
    const since = performance.now()
    const sockets = Array.from({ length: 84 }, () => silent(server.url))
    let over = 0
    for (const socket of sockets) socket.resume().once('close', () => over++)
    await expectHere.poll(() => over, { timeout: PATIENCE }).toBeGreaterThanOrEqual(74)
    // Ten at a time, each for 5 s: on a busy machine some connect after that.
    const places = 10 * (1 + Math.floor((performance.now() - since) / 5_000))
    expect(server.stats().turnedAway).toBeGreaterThanOrEqual(84 - places)
    expect(server.stats().turnedAway).toBeLessThanOrEqual(74)
    const connected = Array.from({ length: 20 }, () => silent(proxied.url))
    await Promise.all(connected.map(socket => new Promise(resolve => socket.once('connect', resolve))))
    // Linux answers to all of 127.0.0.0/8, and each of its addresses counts separately.
    const others = await Promise.all([server.url, proxied.url].map(url => RawClient.open(url, '127.0.0.2')))
    for (const other of others) await other.pong()
    expect(proxied.stats().turnedAway).toBe(0)
    await expectHere.poll(() => over, { timeout: PATIENCE }).toBe(84)
    const late = await RawClient.open(server.url)
    await late.pong()
    await Promise.all([server.close(), proxied.close()])
  })

  it.concurrent('answers pings within the budget, and closes on a flood of pings or pongs [M4] [X4]', async () => {
    const server = await serve({ messagesPerSecond: 20 })
    const polite = await RawClient.open(server.url)
    for (let i = 0; i < 10; i++) polite.socket.ping(String(i))
    let answers = 0
    await new Promise<void>(resolve => polite.socket.on('pong', () => ++answers === 10 && resolve()))
    const flood = async (kind: 'ping' | 'pong'): Promise<number> => {
      const flooder = await RawClient.open(server.url)
      let pongs = 0
      flooder.socket.on('pong', () => pongs++)
      for (let i = 0; i < 5_000; i++) flooder.socket[kind]()
      expect(await flooder.closed).toBe(1008)
      expect(flooder.got).toEqual([{ type: 'refusal', reason: 'too-fast' }])
      return pongs
    }
    const budget = budgetOf(20)
    const [toPings, toPongs] = await Promise.all([flood('ping'), flood('pong')])
    expect(toPings).toBeLessThanOrEqual(budget())
    expect(toPongs).toBe(0)
    await polite.pong()
    expect(server.stats()).toMatchObject({ clients: 1, ended: 2 })
    expect(server.stats().framesIn).toBeLessThan(3_000)
    await server.close()
  })

  it.concurrent('refuses an address that keeps connecting and leaving, and no other address [X4]', async () => {
    const server = await serve()
    const proxied = await serve({ addressOf: ({ url }) => url ?? '' })
    for (const { url } of [server, proxied]) {
      let [admitted, turnedAway] = [0, 0]
      const since = performance.now()
      for (let round = 0; round < 60 && turnedAway === 0; round++) {
        const clients = Array.from({ length: 10 }, () => new RawClient(url, '127.0.0.3'))
        for (const { socket } of clients) {
          socket.once('open', () => {
            admitted++
            socket.terminate()
          })
          socket.once('error', () => turnedAway++)
        }
        await Promise.all(clients.map(({ closed }) => closed))
      }
      expect(turnedAway).toBeGreaterThan(0)
      expect(admitted).toBeGreaterThanOrEqual(100)
      expect(admitted).toBeLessThanOrEqual(108 + Math.ceil((5 * (performance.now() - since)) / 1_000))
    }
    const others = await Promise.all([
      RawClient.open(server.url, '127.0.0.4'),
      RawClient.open(`${proxied.url}other`, '127.0.0.3'),
    ])
    for (const other of others) await other.pong()
    await Promise.all([server.close(), proxied.close()])
  })

  it.concurrent('drops messages for a client that does not read, and delays no other client [X4]', async () => {
    const server = await serve({ maxBuffered: 100_000, bytesPerSecond: 10_000_000 })
    const [stalled, hearer, speaker] = await Promise.all([1, 2, 3].map(() => RawClient.open(server.url)))
    if (stalled === undefined || hearer === undefined || speaker === undefined) throw new Error('unreachable: there are three')
    for (const client of [stalled, hearer]) client.say({ type: 'subscribe', namespaces: [['n']] })
    await Promise.all([stalled.pong(), hearer.pong()])
    stalled.raw.pause()
    // The system buffers a few megabytes per socket.
    const message = JSON.stringify('x'.repeat(60_000))
    for (let i = 1; server.stats().skipped < 20; i++) {
      expect(i).toBeLessThan(1_000)
      speaker.say({ type: 'emit', namespace: ['n'], message })
      await hearer.until(frames => frames.filter(({ type }) => type === 'message').length === i)
    }
    stalled.raw.resume()
    await stalled.until(frames => frames.filter(({ type }) => type === 'message').length > 10)
    await server.close()
  })

  it.concurrent('detects a client that vanished, and keeps one that only listens [X4]', async ({ expect: expectHere }) => {
    const server = await serve({ heartbeatInterval: 1_500 })
    const [gone, listener] = await Promise.all([RawClient.open(server.url), RawClient.open(server.url)])
    let pings = 0
    listener.socket.on('ping', () => pings++)
    gone.raw.pause()
    await expectHere.poll(() => server.stats().clients, { timeout: PATIENCE }).toBe(1)
    const before = pings
    await expectHere.poll(() => pings, { timeout: PATIENCE }).toBeGreaterThan(before)
    await listener.pong()
    await server.close()
  })

  it.concurrent('gives silent or invalid connections no slot, and does not wait for them on close() [X4]', async () => {
    const server = await serve()
    const { port } = new URL(server.url)
    const socket = connect(Number(port), '127.0.0.1')
    const half = connect(Number(port), '127.0.0.1', () => half.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: webso'))
    const noise = connect(Number(port), '127.0.0.1', () => noise.write('\0\0\0\0 hello \r\n\r\n'))
    for (const one of [socket, half, noise]) one.on('error', () => {})
    await new Promise(resolve => noise.once('close', resolve).resume())
    const answer = await new Promise<number | undefined>(resolve =>
      get(server.url.replace('ws', 'http'), ({ statusCode }) => resolve(statusCode)),
    )
    expect(answer).toBe(426)
    const client = await RawClient.open(server.url)
    await client.pong()
    const started = performance.now()
    client.raw.pause() // it will not answer the close
    await server.close()
    expect(performance.now() - started).toBeLessThan(PATIENCE)
    expect(await refusal(server.url)).toContain('ECONNREFUSED')
    for (const one of [socket, half]) one.destroy()
  })
})

describe('WebSocketDriver and a hostile server', () => {
  it.concurrent('drops and counts every kind of bad frame, and stays connected [X4]', async () => {
    const corpus = hostileToDriver()
    const hostile = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    cleanups.push(() => hostile.close())
    hostile.on('connection', socket => {
      for (const { text } of corpus) socket.send(text)
      socket.send(Buffer.from([0, 1, 2, 255]), { binary: true })
      socket.send(encodeFrame({ type: 'message', namespace: ['n'], message: '"good"' }))
    })
    await new Promise(resolve => hostile.once('listening', resolve))
    const driver = new WebSocketDriver(`ws://127.0.0.1:${(hostile.address() as AddressInfo).port}`) // of a TCP server
    const ear = listen(driver, ['n'])
    expect(await ear.first(1)).toEqual(['good'])
    const { dropped, reconnects, state } = driver.status()
    expect(Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(corpus.length + 1)
    expect([reconnects, state, ear.heard]).toEqual([0, 'open', ['good']])
    await driver.close()
  })

  it.concurrent('keeps the topics that fit when a server allows fewer [X4]', async ({ expect: expectHere }) => {
    const server = await serve({ maxSubscriptions: 10 })
    const driver = new WebSocketDriver(server.url)
    const codes: string[] = []
    driver.watch({ open: () => {}, close: () => {}, warning: ({ code }) => codes.push(code) })
    await ready(driver)
    const ears = Array.from({ length: 20 }, (_, i) => listen(driver, [String(i)]))
    for (let i = 0; i < 20; i++) driver.emit([String(i)], i)
    await ears[9]?.first(1)
    await expectHere.poll(() => codes, { timeout: PATIENCE }).toEqual(['ERR_REFUSED'])
    expect(ears.filter(({ heard }) => heard.length > 0)).toHaveLength(10)
    await driver.close()
    await server.close()
  })
})
