/** The server for {@link WebSocketDriver}s, for Node: accepts and limits connections; a {@link Hub} forwards the messages. */
import { createServer, Server, STATUS_CODES, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { systemEnv, type Env, type Timer } from '../../core/env.js'
import { asError, misuse, reasonOf } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { TokenBuckets } from '../../core/token-buckets.js'
import { callSafely } from '../../core/uncaught.js'
import { addressKey } from './address-key.js'
import { FrameInbox } from './frame-inbox.js'
import type { HubClient, Outlet } from './hub-client.js'
import { Hub, type HubStats } from './hub.js'
import { checkServerOptions, type ServerSettings, type SignalServerOptions } from './signal-server-options.js'
import { Counter } from '../../core/counter.js'

const log = logger('signal-server')

/** A frame longer than this many times `maxFrame` closes the connection before it is in memory; a shorter one gets a refusal frame. */
const PAYLOAD_FACTOR = 2
/** Fragments of one message, and network chunks of a frame: a browser on a slow connection needs a few hundred. */
const MAX_PARTS = { maxFragments: 1_024, maxBufferedChunks: 4_096 }
/** Deadline of the upgrade request, in milliseconds: a connection that sends nothing takes up a slot. */
const HANDSHAKE_TIMEOUT = 5_000
/** How often Node checks that deadline, in milliseconds. */
const HANDSHAKE_CHECK = 1_000
/** Connections above `maxClients` that can get the answer 503. */
const SPARE_CONNECTIONS = 64
/** The same for one address. */
const SPARE_PER_ADDRESS = 8
/**
 * Seconds in which all clients of an address can reconnect once after they connected at once. Limited because each new client has fresh
 * rate limits, and a handshake takes 0.5 ms.
 */
const RETURN_TIME = 20
/** Lower bounds of the handshakes of an address, at once and per second, for a small `maxClientsPerAddress`. */
const MIN_HANDSHAKES = { burst: 100, rate: 5 }
/** Addresses whose handshakes are remembered. */
const MAX_ADDRESSES = 65_536
/** Deadline of a close handshake, in milliseconds. */
const CLOSE_TIMEOUT = 500
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008

export type { SignalServerOptions } from './signal-server-options.js'

/** The statistics of a {@link SignalServer}. */
export interface SignalServerStats extends HubStats {
  /** Connections refused for a connection limit. */
  turnedAway: number
}

/**
 * Forwards messages to the subscribers of their namespace, and stores none. For TLS put a proxy in front.
 *
 * @example
 * const server = await SignalServer.listen({ port: 8080, host: '0.0.0.0' })
 * console.log(server.url)
 */
export class SignalServer implements AsyncDisposable {
  /** The URL that clients connect to. */
  readonly url: string
  readonly #env: Env
  readonly #settings: ServerSettings
  readonly #hub: Hub
  readonly #http: Server
  readonly #sockets: WebSocketServer
  /** TCP connections before their WebSocket upgrade, with their addresses. */
  readonly #connections = new Map<Duplex, string>()
  readonly #connectionsPerAddress = new Counter()
  readonly #clientsPerAddress = new Counter()
  readonly #handshakes: TokenBuckets
  /** Clients that sent a message or a pong since the last heartbeat. */
  readonly #alive = new WeakSet<WebSocket>()
  #heartbeat: Timer | undefined
  #turnedAway = 0
  #closing: Promise<void> | undefined

  private constructor(http: Server, settings: ServerSettings, env: Env) {
    // TypeScript's `private` does not protect against callers in JavaScript.
    if (!(http instanceof Server)) throw misuse('new SignalServer() cannot be called: use await SignalServer.listen(options)')
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
    )
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: PAYLOAD_FACTOR * settings.maxFrame,
      ...MAX_PARTS,
      // Pings count against the rate limit; those above it are not answered.
      autoPong: false,
    })
    this.url = urlOf(http.address() as AddressInfo) // it listens on TCP
    http.on('error', error => log('%s', error.message)) // out of file descriptors, for example; connected clients stay
    http.on('connection', socket => this.#connected(socket))
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#beat()
  }

  /** Rejects with `ERR_SIGNALING_LINK` when the port or host cannot be used. */
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
      throw asError(cause, 'ERR_SIGNALING_LINK', `cannot listen on port ${port} of ${host} (choose another port or host)`)
    }
    return new SignalServer(http, settings, systemEnv)
  }

  /** The statistics of this server. */
  stats(): SignalServerStats {
    return { ...this.#hub.stats(), turnedAway: this.#turnedAway }
  }

  /** Closes every connection; resolves when the port is free. */
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
    for (const client of this.#sockets.clients) this.#disconnect(client, GOING_AWAY)
    await closed
  }

  /** Close handshake with a deadline. */
  #disconnect(client: WebSocket, code: number): void {
    client.close(code)
    const timer = this.#env.timer(CLOSE_TIMEOUT, () => client.terminate())
    client.once('close', () => timer.cancel())
  }

  /** Limits TCP connections per address. Behind a proxy the address is known only from the request. */
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
    socket.on('error', () => {}) // the connection may be closed already
    const address = this.#addressOf(request)
    const clients = this.#clientsPerAddress.of(address)
    if (this.#closing !== undefined || this.#sockets.clients.size >= this.#settings.maxClients) return this.#refuse(socket, 503)
    const { isProxied, maxClientsPerAddress } = this.#settings
    const mayUpgrade = clients < maxClientsPerAddress && (!isProxied || this.#mayShakeHands(address))
    if (!mayUpgrade) return this.#refuse(socket, 429)
    this.#sockets.handleUpgrade(request, socket, head, client => {
      this.#forget(socket)
      this.#clientsPerAddress.add(address)
      client.once('close', () => this.#clientsPerAddress.remove(address))
      this.#serve(client, address)
    })
  }

  /** The result of `addressOf`, normalised; requests for which it fails all share the address ''. */
  #addressOf(request: IncomingMessage): string {
    let address = ''
    callSafely('addressOf', () => {
      const given: unknown = this.#settings.addressOf(request)
      if (typeof given === 'string') address = addressKey(given)
      return given
    })
    return address
  }

  #refuse(socket: Duplex, status: 429 | 503): void {
    this.#turnedAway++
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
      socket.destroy(),
    )
  }

  #serve(client: WebSocket, address: string): void {
    const inbox = new FrameInbox({ nextTurn, pause: () => client.pause(), resume: () => client.resume() })
    const outlet: Outlet = {
      get bufferedAmount() {
        return client.bufferedAmount
      },
      send: frame => client.send(frame, { binary: false }, () => {}), // a failed send is followed by `close`
      end: () => {
        client.pause() // stops it from sending until it is terminated
        inbox.close()
        this.#disconnect(client, POLICY_VIOLATION)
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
      const frame = data as Buffer // the default binary type of `ws`
      inbox.push(frame.length, () => member.receive(isBinary ? undefined : frame.toString()))
    })
    client.on('error', error => log('a client violated the WebSocket protocol: %s', reasonOf(error)))
    client.once('close', () => {
      inbox.flush()
      member.leave()
    })
  }

  /** Terminates connections whose client did not answer the last ping. */
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
