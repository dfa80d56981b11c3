import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { hexToBinary } from '../../src/core/bytes.js'
import { systemEnv } from '../../src/core/env.js'
import { randomId } from '../../src/core/id.js'
import type { Announcement } from '../../src/signaling/signaling.js'
import { Tracker } from '../../src/signaling/tracker/tracker.js'
import { RecordingListener } from '../support/fakes/fake-tracker-listener.js'
import { hostileFrames } from '../support/hostile/hostile-frames.js'
import { samples } from '../support/sdp-samples.js'

/** An unchanged bittorrent-tracker in its own process. It prints its port. */
const SERVER = `
  import { Server } from 'bittorrent-tracker'
  const server = new Server({ udp: false, http: false, ws: true, stats: false })
  server.on('warning', () => {})
  server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log(server.ws.address().port))
`

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function startServer(port = 0): Promise<{ url: string; port: number; kill: () => Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', SERVER, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const kill = () => {
    child.kill('SIGKILL')
    return exited
  }
  cleanups.push(kill)
  for await (const line of createInterface({ input: child.stdout! }))
    return { url: `ws://127.0.0.1:${line}/`, port: Number(line), kill }
  throw new Error('the tracker ended before it listened')
}

function join(
  url: string,
  topic: string,
): { tracker: Tracker; listener: RecordingListener; id: string; announce: (values?: Partial<Announcement>) => boolean } {
  const tracker = new Tracker(url)
  cleanups.push(() => tracker.close())
  const listener = new RecordingListener()
  const id = randomId(systemEnv)
  tracker.subscribe(topic, listener)
  const announce = (values: Partial<Announcement> = {}) =>
    tracker.announce({ topic, from: id, uploaded: 0, downloaded: 0, left: 1, numwant: 10, port: 6881, offers: [], ...values })
  return { tracker, listener, id, announce }
}

describe('Tracker and bittorrent-tracker', () => {
  test('announces, counts, and passes offers and answers of every engine between two clients, and `stopped` [A4] [A12]', async () => {
    const { url } = await startServer()
    const topic = randomId(systemEnv)
    const alice = join(url, topic)
    const bob = join(url, topic)
    await Promise.all([alice, bob].map(({ listener }) => listener.until(({ log }) => log.includes('open'))))

    expect(bob.announce({ event: 'started', left: 0 })).toBe(true)
    await bob.listener.until(({ stats }) => stats.length === 1)
    expect(bob.listener.stats[0]).toEqual({ complete: 1, incomplete: 0, interval: 120_000 })

    for (const [i, { offer, answer }] of samples.entries()) {
      const offerId = randomId(systemEnv)
      expect(alice.announce({ ...(i === 0 && { event: 'started' }), offers: [{ id: offerId, sdp: offer }] })).toBe(true)
      await bob.listener.until(({ offers }) => offers.length === i + 1)
      expect(bob.listener.offers[i]).toMatchObject({ from: alice.id, offerId, sdp: { text: offer } })
      expect(bob.tracker.answer({ topic, from: bob.id, to: alice.id, offerId, sdp: answer })).toBe(true)
      await alice.listener.until(({ answers }) => answers.length === i + 1)
      expect(alice.listener.answers[i]).toMatchObject({ from: bob.id, offerId, sdp: { text: answer } })
    }
    expect(alice.listener.stats.at(-1)).toMatchObject({ complete: 1, incomplete: 1 })

    // Sends and closes in one turn: the frame still arrives.
    alice.announce({ event: 'stopped' })
    await alice.tracker.close()
    bob.announce()
    await bob.listener.until(({ stats }) => stats.length === 2)
    expect(bob.listener.stats[1]).toMatchObject({ complete: 1, incomplete: 0 })
    expect([alice.tracker.status().dropped, bob.tracker.status().dropped]).toEqual([{}, {}])
    expect([...alice.listener.warnings, ...bob.listener.warnings]).toEqual([])
  })

  test('announces within 3 s to a tracker that was killed and is back [A6]', async () => {
    const first = await startServer()
    const client = join(first.url, randomId(systemEnv))
    client.listener.onOpen = () => client.announce({ event: 'started' })
    await client.listener.until(({ stats }) => stats.length === 1)
    await first.kill()
    await client.listener.until(({ log }) => log.at(-1) === 'close')
    expect(client.announce()).toBe(false)
    await startServer(first.port)
    const back = performance.now()
    await client.listener.until(({ stats }) => stats.length === 2)
    expect(performance.now() - back).toBeLessThan(3_000)
    expect(client.tracker.status().reconnects).toBeGreaterThan(0)
  })

  test('reports what the tracker refuses to the topic, without further effect [A5]', async () => {
    const { url } = await startServer()
    const client = join(url, randomId(systemEnv))
    await client.listener.until(({ log }) => log.includes('open'))
    client.announce({ event: 'explode' as 'started' }) // the type does not allow it
    await client.listener.until(({ warnings }) => warnings.length === 1)
    expect(client.listener.warnings[0]).toMatchObject({
      code: 'ERR_TRACKER_REFUSED',
      message: expect.stringContaining('invalid event') as unknown,
    })
    client.announce()
    await client.listener.until(({ stats }) => stats.length === 1)
    expect(client.tracker.status().reconnects).toBe(0)
  })
})

describe('Tracker and a hostile server', () => {
  async function startHostile(onConnection: (socket: WebSocket) => void): Promise<string> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    server.on('connection', onConnection)
    cleanups.push(() => {
      for (const socket of server.clients) socket.terminate()
      return new Promise(resolve => server.close(resolve))
    })
    await new Promise(resolve => server.once('listening', resolve))
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` // a port was requested
  }

  test('drops and counts each of hundreds of hostile frames over a real socket, and stays connected [A12]', async () => {
    const topic = randomId(systemEnv)
    const corpus = hostileFrames(topic)
    const good = (complete: number) => JSON.stringify({ action: 'announce', info_hash: hexToBinary(topic), complete })
    const url = await startHostile(socket => {
      for (const [i, { text }] of corpus.entries()) {
        socket.send(text)
        socket.send(good(i))
      }
      socket.send(Buffer.from([0, 1, 2, 255]), { binary: true })
      socket.ping()
      socket.send(good(corpus.length))
    })
    const { tracker, listener } = join(url, topic)
    await listener.until(({ stats }) => stats.length === corpus.length + 1)
    expect(listener.stats.map(({ complete }) => complete)).toEqual(corpus.map((_, i) => i).concat(corpus.length))
    const dropped = Object.values(tracker.status().dropped).reduce((sum, count) => sum + count, 0)
    expect(dropped).toBe(corpus.length + 1)
    expect([listener.offers, listener.answers, tracker.status().reconnects, tracker.open]).toEqual([[], [], 0, true])
  })

  test('loses the connection to whatever breaks the WebSocket, and reconnects [A6]', async () => {
    const topic = randomId(systemEnv)
    const raw = (socket: WebSocket) => (socket as unknown as { _socket: Socket })._socket // to write what no library would
    const attacks: Array<(socket: WebSocket) => void> = [
      socket => socket.send('x'.repeat(2 * 1024 * 1024)),
      socket => raw(socket).write(Buffer.from([0x81, 0x02, 0xc3, 0x28])), // a text that is not UTF-8
      socket => raw(socket).write(Buffer.from([0xff, 0xff, 0xff, 0xff])), // a frame with reserved bits
      socket => socket.close(4000, 'go away'),
      socket => socket.terminate(),
    ]
    let connections = 0
    const url = await startHostile(socket => {
      socket.on('error', () => {})
      socket.send(JSON.stringify({ action: 'announce', info_hash: hexToBinary(topic), complete: connections }))
      attacks[connections++]?.(socket)
    })
    const { tracker, listener } = join(url, topic)
    const warnings: string[] = []
    tracker.on('warning', ({ code }) => warnings.push(code))
    await listener.until(({ stats }) => stats.some(({ complete }) => complete === attacks.length))
    expect(warnings).toEqual(attacks.map(() => 'ERR_TRACKER_LINK'))
    expect(tracker.open).toBe(true)
  })

  test.each([
    ['closes', (socket: Socket) => socket.destroy()],
    ['is a web server', (socket: Socket) => socket.end('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n')],
    ['redirects', (socket: Socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n')],
    ['speaks nonsense', (socket: Socket) => socket.end('\0\0\0\0 hello \r\n\r\n')],
    ['says nothing', () => {}],
  ])('warns of, or waits for, a server that %s at the dial, and close() returns [A6]', async (_name, behave) => {
    const sockets = new Set<Socket>()
    const dialled = new Promise<void>(resolve => {
      const server: Server = createServer(socket => {
        sockets.add(socket)
        socket.on('error', () => {})
        behave(socket)
        resolve()
      })
      cleanups.push(() => new Promise(done => server.close(done)))
      cleanups.push(() => sockets.forEach(socket => socket.destroy()))
      server.listen(0, '127.0.0.1', () => listening(server))
    })
    let listening: (server: Server) => void = () => {}
    const server = await new Promise<Server>(resolve => (listening = resolve))
    const { tracker, listener } = join(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, randomId(systemEnv))
    const warned = new Promise<Error>(resolve => tracker.once('warning', resolve))
    await dialled
    if (_name !== 'says nothing') expect(await warned).toMatchObject({ code: 'ERR_TRACKER_LINK' })
    await tracker.close()
    expect([listener.log, tracker.status().state]).toEqual([[], 'closed'])
  })
})
