/** The options and the statistics of a {@link NatsDriver}. */
import type { NatsConnection } from '@nats-io/nats-core'
import { checkNames, checkRecord, invalid } from '../../core/arguments.js'
import { checkSocketUrl } from '../url.js'
import { checkNatsOptions, NATS_OPTIONS, type NatsConnectionOptions } from './nats-connection.js'

/** The options of a {@link NatsDriver} with a connection of its own. */
export interface NatsDriverOptions extends NatsConnectionOptions {
  /** The `ws:` or `wss:` URLs of one server, or of some servers of a cluster, which names the others. */
  servers: string | string[]
}

/** The statistics of a {@link NatsDriver}. */
export interface NatsDriverStatus {
  name: string
  state: 'dialing' | 'open' | 'waiting' | 'closed'
  /** Host and port of the connected server. */
  server: string | undefined
  /** Namespaces that have a handler. */
  subscriptions: number
  /** Connections after the first one. */
  reconnects: number
  /** Received messages that were malformed. */
  dropped: number
}

/** Whether the application handed in its own connection. */
export function isConnection(target: NatsDriverOptions | NatsConnection): target is NatsConnection {
  return typeof target === 'object' && target !== null && 'publish' in target && typeof target.publish === 'function'
}

export function checkNatsDriverOptions(options: NatsDriverOptions): NatsConnectionOptions & { servers: string[] } {
  checkRecord('the first argument', options, 'options with servers, or a NatsConnection')
  checkNames(options, ['servers', ...NATS_OPTIONS])
  const servers = [options.servers].flat().map(server => checkSocketUrl('servers: each', server))
  if (servers.length === 0) throw invalid('servers', 'one URL or more', options.servers)
  checkNatsOptions(options)
  return { ...options, servers }
}
