/** The server behind {@link WebSocketDriver}s, for Node: takes connections and counts them; a {@link Hub} does the rest. */
import { createServer, Server, STATUS_CODES, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { systemEnv, type Env, type Timer } from '../../core/env.js'
import { asError, reasonOf, SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { TokenBuckets } from '../../core/token-buckets.js'
import { callOut } from '../../core/uncaught.js'
import { addressKey } from './address-key.js'
import { FrameInbox } from './frame-inbox.js'
import type { HubClient, Outlet } from './hub-client.js'
import { Hub, type HubStats } from './hub.js'
import { checkServerOptions, type ServerSettings, type SignalServerOptions } from './server-options.js'
import { Tally } from './tally.js'

const log = logger('signal-server')

/** What is longer than this many times `maxFrame` ends the connection before it is in memory; what is shorter is refused politely. */
const PAYLOAD_FACTOR = 2
/** Frames of one message, and pieces of a frame as they come from the network: a browser and a slow line need a few hundred. */
const MAX_PARTS = { maxFragments: 1_024, maxBufferedChunks: 4_096 }
/** In milliseconds, for the request that asks for a WebSocket, which comes with the connection: whoever says nothing holds a place. */
const HANDSHAKE_TIMEOUT = 5_000
/** How often it is looked for those that are too late, in milliseconds. */
const HANDSHAKE_CHECK = 1_000
/** Connections beyond `maxClients` that may be about to be told that there is no place. */
const SPARE_CONNECTIONS = 64
/** The same for one address. */
const SPARE_PER_ADDRESS = 8
/**
 * Seconds in which all clients of an address may come back once more after they came at once: each comes with a budget of its own, and a
 * handshake takes half a millisecond.
 */
const RETURN_TIME = 20
/** Handshakes of an address at once, and a second, however few clients it may have. */
const MIN_HANDSHAKES = { burst: 100, rate: 5 }
/** Addresses whose handshakes are remembered. */
const MAX_ADDRESSES = 65_536
/** How long a polite goodbye may take, in milliseconds. */
const CLOSE_TIMEOUT = 500
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008

export type { SignalServerOptions } from './server-options.js'

export interface SignalServerStats extends HubStats {
  /** Connections that were turned away because there was no place for them. */
  turnedAway: number
}

/**
 * Passes messages between those who subscribed to their namespace, and keeps nothing. TLS is a proxy's business.
 *
 * @example
 * const server = await SignalServer.listen({ port: 8080, host: '0.0.0.0' })
 * console.log(server.url)
 */
export class SignalServer implements AsyncDisposable {
  readonly url: string
  readonly #env: Env
  readonly #settings: ServerSettings
  readonly #hub: Hub
  readonly #http: Server
  readonly #sockets: WebSocketServer
  /** TCP connections that have not asked for a WebSocket yet, and where they come from. */
  readonly #connections = new Map<Duplex, string>()
  readonly #connectionsPerAddress = new Tally()
  readonly #clientsPerAddress = new Tally()
  readonly #handshakes: TokenBuckets
  /** Clients that have said something, if only that they are there, since the last heartbeat. */
  readonly #alive = new WeakSet<WebSocket>()
  #heartbeat: Timer | undefined
  #turnedAway = 0
  #closing: Promise<void> | undefined

  private constructor(http: Server, settings: ServerSettings, env: Env) {
    // JavaScript knows no private constructor.
    if (!(http instanceof Server))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        'new SignalServer() makes no server: call await SignalServer.listen(options)',
      )
    this.#http = http
    this.#settings = settings
    this.#env = env
    this.#hub = new Hub(env, settings, nextTurn)
    this.#handshakes = new TokenBuckets(
      {
        burst: Math.max(settings.maxClientsPerAddress, MIN_HANDSHAKES.burst) + SPARE_PER_ADDRESS,
        rate: Math.max(settings.maxClientsPerAddress / RETURN_TIME, MIN_HANDSHAKES.rate),
      },
      MAX_ADDRESSES,
      env.now(),
    )
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: PAYLOAD_FACTOR * settings.maxFrame,
      ...MAX_PARTS,
      // Pings count as frames, and one that is too much is not answered.
      autoPong: false,
    })
    this.url = urlOf(http.address() as AddressInfo) // it listens on TCP
    http.on('error', error => log('%s', error.message)) // no more files to open, for one; those who are there stay
    http.on('connection', socket => this.#connected(socket))
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#beat()
  }

  /** Rejects when it cannot listen there. */
  static async listen(options: SignalServerOptions = {}): Promise<SignalServer> {
    const { port, host, ...settings } = checkServerOptions(options)
    const http = createServer(
      {
        headersTimeout: HANDSHAKE_TIMEOUT,
        requestTimeout: HANDSHAKE_TIMEOUT,
        connectionsCheckingInterval: HANDSHAKE_CHECK,
      },
      (_request, response) => {
        response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-type': 'text/plain' })
        response.end('This is a signal server: connect to it with a WebSocketDriver.\n')
      },
    )
    http.maxConnections = settings.maxClients + SPARE_CONNECTIONS
    try {
      await new Promise<void>((resolve, reject) => {
        http.once('error', reject)
        http.listen(port, host, resolve)
      })
    } catch (cause) {
      throw asError(cause, 'ERR_SIGNALING_LINK', `no signal server at port ${port} of ${host}: choose another port or host`)
    }
    return new SignalServer(http, settings, systemEnv)
  }

  stats(): SignalServerStats {
    return { ...this.#hub.stats(), turnedAway: this.#turnedAway }
  }

  /** Says goodbye to everybody; returns when the port is free and nothing is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#heartbeat?.cancel()
    const closed = new Promise<void>(resolve => this.#http.close(() => resolve()))
    for (const connection of this.#connections.keys()) connection.destroy()
    for (const client of this.#sockets.clients) this.#hangUp(client, GOING_AWAY)
    await closed
  }

  /** Politely, but not for longer than it takes one who listens. */
  #hangUp(client: WebSocket, code: number): void {
    client.close(code)
    const timer = this.#env.timer(CLOSE_TIMEOUT, () => client.terminate())
    client.once('close', () => timer.cancel())
  }

  /** Before it has said a word; whoever comes through a proxy is known by what it says only. */
  #connected(socket: Socket): void {
    const { isProxied, maxClientsPerAddress } = this.#settings
    const address = addressKey(socket.remoteAddress ?? '')
    const mayConnect =
      isProxied ||
      (this.#connectionsPerAddress.of(address) < maxClientsPerAddress + SPARE_PER_ADDRESS && this.#mayShakeHands(address))
    if (!mayConnect) {
      this.#turnedAway++
      socket.destroy()
      return
    }
    this.#connections.set(socket, address)
    this.#connectionsPerAddress.add(address)
    socket.once('close', () => this.#forget(socket))
  }

  #mayShakeHands(address: string): boolean {
    const now = this.#env.now()
    return this.#handshakes.of(address, now).take(1, now)
  }

  #forget(socket: Duplex): void {
    const address = this.#connections.get(socket)
    if (address === undefined) return
    this.#connections.delete(socket)
    this.#connectionsPerAddress.remove(address)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {}) // it may be gone already
    const address = this.#addressOf(request)
    const here = this.#clientsPerAddress.of(address)
    if (this.#closing !== undefined || this.#sockets.clients.size >= this.#settings.maxClients) return this.#turnAway(socket, 503)
    const { isProxied, maxClientsPerAddress } = this.#settings
    const mayCome = here < maxClientsPerAddress && (!isProxied || this.#mayShakeHands(address))
    if (!mayCome) return this.#turnAway(socket, 429)
    this.#sockets.handleUpgrade(request, socket, head, client => {
      this.#forget(socket)
      this.#clientsPerAddress.add(address)
      client.once('close', () => this.#clientsPerAddress.remove(address))
      this.#welcome(client, address)
    })
  }

  /** The application's word; without one all share a place. */
  #addressOf(request: IncomingMessage): string {
    let address = ''
    callOut('addressOf', () => {
      const given: unknown = this.#settings.addressOf(request)
      if (typeof given === 'string') address = addressKey(given)
      return given
    })
    return address
  }

  #turnAway(socket: Duplex, status: 429 | 503): void {
    this.#turnedAway++
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
      socket.destroy(),
    )
  }

  #welcome(client: WebSocket, address: string): void {
    const inbox = new FrameInbox({ nextTurn, pause: () => client.pause(), resume: () => client.resume() })
    const outlet: Outlet = {
      get bufferedAmount() {
        return client.bufferedAmount
      },
      send: frame => client.send(frame, { binary: false }, () => {}), // that it is gone shows when it closes
      end: () => {
        client.pause() // or it could go on sending until it is terminated
        inbox.close()
        this.#hangUp(client, POLICY_VIOLATION)
      },
    }
    const member: HubClient = this.#hub.join(outlet, address)
    this.#alive.add(client)
    client.on('ping', data =>
      inbox.push(0, () => {
        if (member.receiveControl()) client.pong(data, false, () => {})
      }),
    )
    client.on('pong', () => {
      this.#alive.add(client)
      inbox.push(0, () => void member.receiveControl())
    })
    client.on('message', (data, isBinary) => {
      this.#alive.add(client)
      const frame = data as Buffer // the kind of data that `ws` gives unless told otherwise
      inbox.push(frame.length, () => member.receive(isBinary ? undefined : frame.toString()))
    })
    client.on('error', error => log('a client broke the protocol: %s', reasonOf(error)))
    client.once('close', () => {
      inbox.flush()
      member.leave()
    })
  }

  /** Finds the connections whose other end is gone without a word. */
  #beat(): void {
    this.#heartbeat = this.#env.timer(this.#settings.heartbeatInterval, () => {
      for (const client of this.#sockets.clients) {
        if (!this.#alive.delete(client)) client.terminate()
        else if (client.readyState === client.OPEN) client.ping()
      }
      this.#beat()
    })
  }
}

function nextTurn(callback: () => void): void {
  setImmediate(callback)
}

function urlOf({ address, family, port }: AddressInfo): string {
  if (address === '::' || address === '0.0.0.0') return `ws://localhost:${port}/`
  return `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}/`
}
