/** The options of a {@link SignalServer}, with their defaults and bounds. */
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
import { MAX_NAMESPACE_LENGTH, MAX_TOKENS } from '../drivers/namespace.js'
import { MAX_FRAME } from '../drivers/websocket-codec.js'

/** The options of a `SignalServer`. */
export interface SignalServerOptions {
  /** 0 takes any free port. @default 0 */
  port?: number
  /** The address to listen on: `0.0.0.0` or `::` for all interfaces. @default '127.0.0.1' */
  host?: string
  /** Clients at a time. @default 10_000 */
  maxClients?: number
  /**
   * Clients at a time from one IPv4 address or one IPv6 /64. The handshakes of an address are limited, too: to this number at once (at least
   * 100), and to a twentieth of it per second (at least 5). @default 100
   */
  maxClientsPerAddress?: number
  /**
   * The client's address of a request. Behind a proxy, read the header that the proxy sets; otherwise all clients share the proxy's address
   * and its limits. @default the address of the socket
   */
  addressOf?: (request: IncomingMessage) => string
  /** Bytes of a frame. @default 147_456, which is also the most */
  maxFrame?: number
  /** Subscriptions of one client: a swarm needs two per topic. A namespace counts once per 128 characters. @default 4_096 */
  maxSubscriptions?: number
  /** Texts in a namespace. @default 8, which is also the most */
  maxDepth?: number
  /** Characters in a namespace. @default 1_024, which is also the most */
  maxNamespaceLength?: number
  /**
   * Frames per second from one client, pings and pongs of the WebSocket included; the burst is eight times that. A frame of subscriptions
   * counts once per 16 namespaces. @default 100
   */
  messagesPerSecond?: number
  /** Bytes per second from one client; the burst is eight times that. @default 262_144 */
  bytesPerSecond?: number
  /**
   * Sends per second that one client may cause; the burst is five times that. A message is one send per subscriber, and a long message one
   * per KiB and subscriber. Messages above the limit are queued, up to 0.8 MiB; further ones are refused. @default 5_000
   */
  sendsPerSecond?: number
  /**
   * Sends per second that all clients of one IPv4 address or one IPv6 /64 may cause together; the burst is five times that. Clients of an
   * address are served round robin, and so are addresses. @default 20_000
   */
  sendsPerSecondPerAddress?: number
  /** Send buffer per client, in bytes; above it a slow client misses messages. @default 1_048_576 */
  maxBuffered?: number
  /** Milliseconds between keepalive pings; a client that does not answer before the next one is disconnected. @default 30_000 */
  heartbeatInterval?: number
}

const DEFAULTS = {
  maxClients: 10_000,
  maxClientsPerAddress: 100,
  maxFrame: MAX_FRAME,
  /** For 2000 topics: 1.5 MB of the server's memory, measured with Node 20; 2.4 MB with the longest namespaces. */
  maxSubscriptions: 4_096,
  maxDepth: MAX_TOKENS,
  maxNamespaceLength: MAX_NAMESPACE_LENGTH,
  messagesPerSecond: 100,
  bytesPerSecond: 256 * 1024,
  /** Fifty torrents of 500 members each, announced at once. */
  sendsPerSecond: 5_000,
  /** A hundred members behind one address that each send two messages per second to all others: a tenth of a CPU. */
  sendsPerSecondPerAddress: 20_000,
  maxBuffered: 1024 * 1024,
  heartbeatInterval: 30_000,
}

type NumberName = keyof typeof DEFAULTS

const COUNT: NumberBounds = { least: 1, whole: true }
/** All numbers are counts. Drivers use no more than the most of these three. */
const BOUNDS: Partial<Record<NumberName, NumberBounds>> = {
  maxFrame: { ...COUNT, most: MAX_FRAME },
  maxDepth: { ...COUNT, most: MAX_TOKENS },
  maxNamespaceLength: { ...COUNT, most: MAX_NAMESPACE_LENGTH },
}

/** The limits of one client. */
export type HubLimits = Omit<Record<NumberName, number>, 'maxClients' | 'maxClientsPerAddress' | 'heartbeatInterval'>

export interface ServerSettings extends Record<NumberName, number> {
  addressOf: (request: IncomingMessage) => string
  /** `addressOf` is set: the address of the TCP connection is that of a proxy. */
  isProxied: boolean
}

export function checkServerOptions(options: SignalServerOptions): ServerSettings & { port: number; host: string } {
  checkNames(options, ['port', 'host', 'addressOf', ...Object.keys(DEFAULTS)])
  const { port = 0, host = '127.0.0.1', addressOf = socketAddress } = options
  checkNumber('port', port, { whole: true, most: MAX_PORT })
  checkText('host', host)
  checkFunction('addressOf', addressOf)
  return {
    ...readNumbers<NumberName>(options, DEFAULTS, BOUNDS, COUNT),
    port,
    host,
    addressOf,
    isProxied: addressOf !== socketAddress,
  }
}

function socketAddress(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? ''
}
