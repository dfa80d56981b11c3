/** One connection to one NATS server; its dial can be aborted at any moment. Knows no namespaces. */
import type { NatsConnection, WsConnectionOptions } from '@nats-io/nats-core'
import { openSocket, terminateSocket } from '#dial'
import { checkFlag, checkNumber, checkText, invalid } from '../../core/arguments.js'
import { sleep, type Env } from '../../core/env.js'
import { asError } from '../../core/errors.js'

/** The options of `@nats-io/nats-core` that pass through: identity and timeouts. Reconnecting is done by NatsDriver. */
export const NATS_OPTIONS = [
  'authenticator',
  'debug',
  'ignoreClusterUpdates',
  'maxPingOut',
  'name',
  'pass',
  'pingInterval',
  'timeout',
  'token',
  'user',
] as const

/** The options of `@nats-io/nats-core` that a `NatsDriver` takes, under their names there. */
export type NatsConnectionOptions = Pick<WsConnectionOptions, (typeof NATS_OPTIONS)[number]>

/** Checks early: `@nats-io/nats-core` reports a wrong option only when it dials, and then at each dial. */
export function checkNatsOptions(options: NatsConnectionOptions): void {
  for (const name of ['name', 'user'] as const) if (options[name] !== undefined) checkText(name, options[name])
  for (const name of ['pass', 'token'] as const) {
    const { [name]: secret = '' } = options
    if (typeof secret !== 'string') throw invalid(name, 'a text', typeof secret) // the value stays out of messages
  }
  for (const name of ['maxPingOut', 'pingInterval', 'timeout'] as const)
    if (options[name] !== undefined) checkNumber(name, options[name], { whole: true })
  for (const name of ['debug', 'ignoreClusterUpdates'] as const) checkFlag(name, options[name])
}

export interface NatsLink {
  readonly connection: NatsConnection
  readonly bufferedAmount: number
  /** Closes the socket at once, without a close handshake, because the server does not respond. */
  terminate(): void
  /** Flushes, closes, and resolves when the socket is gone, after {@link CLOSE_TIMEOUT} at the latest. */
  close(): Promise<void>
}

export type DialNats = (server: string, options: NatsConnectionOptions, env: Env, signal: AbortSignal) => Promise<NatsLink>

/** A server that drops packets must not delay the dial of the next one in its cluster. */
const DIAL_TIMEOUT = 5_000
/** Keepalive: a server that is gone without closing is detected within two intervals. */
const PING_INTERVAL = 15_000
const MAX_PING_OUT = 1
/** Deadline for flush and close handshake; then the socket is terminated. */
const CLOSE_TIMEOUT = 500

/** Rejects when the dial fails, or as soon as the signal aborts. */
export const dialNats: DialNats = async (server, options, env, signal) => {
  const wsconnect = await load()
  let socket: WebSocket | undefined
  let gone: Promise<void> = Promise.resolve()
  const terminate = () => {
    if (socket !== undefined) terminateSocket(socket)
  }
  const abort = () => {
    // The library waits for a reply that will not arrive, until the socket fires `error`.
    socket?.onerror?.(new Event('error'))
    terminate()
  }
  signal.addEventListener('abort', abort)
  try {
    const connection = await wsconnect({
      timeout: DIAL_TIMEOUT,
      pingInterval: PING_INTERVAL,
      maxPingOut: MAX_PING_OUT,
      ...options,
      servers: server,
      reconnect: false,
      wsFactory: async url => {
        signal.throwIfAborted()
        const opened = openSocket(url)
        socket = opened
        gone = new Promise(resolve => opened.addEventListener('close', () => resolve()))
        return { socket: opened, encrypted: url.startsWith('wss:') }
      },
    })
    return {
      connection,
      get bufferedAmount() {
        return socket?.bufferedAmount ?? 0
      },
      terminate,
      async close() {
        const late = new AbortController()
        const done = connection
          .flush()
          .then(() => connection.close())
          .catch(() => {}) // already closed
          .then(() => gone)
        await Promise.race([done, sleep(env, CLOSE_TIMEOUT, late.signal)])
        late.abort()
        terminate()
      },
    }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function load() {
  try {
    return (await import('@nats-io/nats-core')).wsconnect
  } catch (cause) {
    throw asError(cause, 'ERR_SIGNALING_LINK', 'NatsDriver needs the package @nats-io/nats-core: npm install @nats-io/nats-core')
  }
}
