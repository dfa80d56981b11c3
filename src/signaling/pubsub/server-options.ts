/** What can be set of a {@link SignalServer}, and what holds when nothing is. */
import type { IncomingMessage } from 'node:http'
import {
  checkFunction,
  checkNames,
  checkNumber,
  checkText,
  MAX_PORT,
  readNumbers,
  type NumberBounds,
} from '../../core/arguments.js'
import type { HubLimits } from './hub.js'
import { MAX_NAMESPACE_LENGTH, MAX_TOKENS } from './namespace.js'
import { MAX_FRAME } from './websocket-wire.js'

export interface SignalServerOptions {
  /**
   * 0 takes any that is free.
   * @default 0
   */
  port?: number
  /**
   * Where to listen: `0.0.0.0` or `::` for everybody.
   * @default '127.0.0.1'
   */
  host?: string
  /**
   * Clients at a time.
   * @default 10_000
   */
  maxClients?: number
  /**
   * Clients at a time from one IPv4 address or one IPv6 /64. An address may connect as many times at once, a hundred times at least, and a
   * twentieth of that a second.
   * @default 100
   */
  maxClientsPerAddress?: number
  /**
   * Who a request comes from; behind a proxy the header that it sets, because all would share the proxy's address and its budgets
   * otherwise.
   * @default the address of the socket
   */
  addressOf?: (request: IncomingMessage) => string
  /**
   * Bytes.
   * @default 147_456, which is also the most
   */
  maxFrame?: number
  /**
   * Subscriptions of one client: a swarm needs two for each topic. A name counts once for every 128 characters of it.
   * @default 4_096
   */
  maxSubscriptions?: number
  /**
   * Texts in a namespace.
   * @default 8, which is also the most
   */
  maxDepth?: number
  /**
   * Characters in a namespace.
   * @default 1_024, which is also the most
   */
  maxNamespaceLength?: number
  /**
   * Frames a second that one client may send, pings and pongs of the WebSocket among them; five times as many at once. A frame of
   * subscriptions counts once for every 16 names.
   * @default 100
   */
  messagesPerSecond?: number
  /**
   * Bytes a second that one client may send; five times as many at once.
   * @default 262_144
   */
  bytesPerSecond?: number
  /**
   * Sends a second that one client may cause; five times as many at once. A message is one send to each subscriber of its name, and a long
   * message one send for each KiB of it. What is more waits, up to 0.8 MiB; beyond that messages are refused.
   * @default 5_000
   */
  sendsPerSecond?: number
  /**
   * Sends a second that all clients of one IPv4 address or one IPv6 /64 may cause together; five times as many at once. The clients of an
   * address take turns, and so do the addresses.
   * @default 20_000
   */
  sendsPerSecondPerAddress?: number
  /**
   * Bytes that may wait for a client that reads slowly; beyond them it misses messages.
   * @default 1_048_576
   */
  maxBuffered?: number
  /**
   * Milliseconds between two looks whether a client is alive; one that does not answer until the next is hung up on.
   * @default 30_000
   */
  heartbeatInterval?: number
}

const DEFAULTS = {
  maxClients: 10_000,
  maxClientsPerAddress: 100,
  maxFrame: MAX_FRAME,
  /** Of two thousand topics: 1.5 MB of the server's memory, measured with Node 20; 2.4 MB with the most expensive names. */
  maxSubscriptions: 4_096,
  maxDepth: MAX_TOKENS,
  maxNamespaceLength: MAX_NAMESPACE_LENGTH,
  messagesPerSecond: 100,
  bytesPerSecond: 256 * 1024,
  /** Fifty torrents of five hundred members that are announced at once. */
  sendsPerSecond: 5_000,
  /** A hundred members behind one address who tell each other something twice a second: a tenth of a CPU. */
  sendsPerSecondPerAddress: 20_000,
  maxBuffered: 1024 * 1024,
  heartbeatInterval: 30_000,
}

type NumberName = keyof typeof DEFAULTS

const COUNT: NumberBounds = { least: 1, whole: true }
const BOUNDS: Record<NumberName, NumberBounds> = {
  maxClients: COUNT,
  maxClientsPerAddress: COUNT,
  // More no driver sends.
  maxFrame: { ...COUNT, most: MAX_FRAME },
  maxSubscriptions: COUNT,
  maxDepth: { ...COUNT, most: MAX_TOKENS },
  maxNamespaceLength: { ...COUNT, most: MAX_NAMESPACE_LENGTH },
  messagesPerSecond: COUNT,
  bytesPerSecond: COUNT,
  sendsPerSecond: COUNT,
  sendsPerSecondPerAddress: COUNT,
  maxBuffered: COUNT,
  heartbeatInterval: COUNT,
}

export interface ServerSettings extends HubLimits {
  maxClients: number
  maxClientsPerAddress: number
  heartbeatInterval: number
  addressOf: (request: IncomingMessage) => string
  /** The address of a connection says nothing about who is behind it. */
  isProxied: boolean
}

export function checkServerOptions(options: SignalServerOptions): ServerSettings & { port: number; host: string } {
  checkNames(options, ['port', 'host', 'addressOf', ...Object.keys(DEFAULTS)])
  const { port = 0, host = '127.0.0.1', addressOf = socketAddress } = options
  checkNumber('port', port, { whole: true, most: MAX_PORT })
  checkText('host', host)
  checkFunction('addressOf', addressOf)
  return { ...readNumbers<NumberName>(options, DEFAULTS, BOUNDS), port, host, addressOf, isProxied: addressOf !== socketAddress }
}

function socketAddress(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? ''
}
