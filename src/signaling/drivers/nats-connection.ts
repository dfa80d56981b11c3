/** One connection to one NATS server, which can be given up at any moment. Knows no namespaces. */
import type { NatsConnection, WsConnectionOptions } from '@nats-io/nats-core'
import { openSocket, terminateSocket } from '#dial'
import { checkFlag, checkNumber, checkText, invalid } from '../../core/arguments.js'
import { sleep, type Env } from '../../core/env.js'
import { asError } from '../../core/errors.js'

/** Of `@nats-io/nats-core`'s own options those that say who we are; how we reconnect is ours to decide. */
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

export type NatsConnectionOptions = Pick<WsConnectionOptions, (typeof NATS_OPTIONS)[number]>

/** The library's own words about a wrong one come when it dials, again and again. */
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
  /** Bytes that wait to leave. */
  readonly bufferedAmount: number
  /** At once, without a goodbye: nobody is there to hear it. */
  terminate(): void
  /** Lets what was said leave, and returns when the socket is gone. */
  close(): Promise<void>
}

export type DialNats = (server: string, options: NatsConnectionOptions, env: Env, signal: AbortSignal) => Promise<NatsLink>

/** A server that swallows packets must not keep us from the next one of its cluster. */
const DIAL_TIMEOUT = 5_000
/** A server that is gone without a word is found out within two of these. */
const PING_INTERVAL = 15_000
const MAX_PING_OUT = 1
/** How long a polite close may take before the socket is torn down. */
const CLOSE_TIMEOUT = 500

/** Rejects when it cannot, or as soon as the signal aborts. */
export const dialNats: DialNats = async (server, options, env, signal) => {
  const wsconnect = await load()
  let socket: WebSocket | undefined
  let gone: Promise<void> = Promise.resolve()
  const terminate = () => {
    if (socket !== undefined) terminateSocket(socket)
  }
  const abort = () => {
    // The library waits for an answer that does not come any more, unless it hears of an error.
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
          .catch(() => {}) // it is gone already
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
