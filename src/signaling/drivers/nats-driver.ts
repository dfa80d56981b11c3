/** A bus of NATS servers: one, or a cluster that goes on when one of them does not. Knows nothing of what travels. */
import type { NatsConnection, Status, Subscription } from '@nats-io/nats-core'
import { checkFunction, checkNames, checkRecord, invalid } from '../../core/arguments.js'
import { checkEnv, sleep, systemEnv, type Env } from '../../core/env.js'
import { asError, reasonOf } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { read } from '../../core/uncaught.js'
import { Retry } from '../retry.js'
import { checkSocketUrl } from '../url.js'
import type { DriverHandler, DriverWatcher, WatchedDriver } from './driver.js'
import { encodeMessage, MAX_MESSAGE } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import {
  checkNatsOptions,
  dialNats,
  NATS_OPTIONS,
  type DialNats,
  type NatsConnectionOptions,
  type NatsLink,
} from './nats-link.js'
import { NatsServers } from './nats-servers.js'
import { subjectOf } from './nats-subject.js'
import { Subscriptions } from './subscriptions.js'
import { Watchers } from './watchers.js'

const log = logger('driver')

/** Half a minute of a slow line. What would wait longer is stale when it arrives. */
const MAX_BUFFERED = 1024 * 1024
/** The others of a cluster are tried at once when one is lost, but a cluster that throws us out everywhere is not dialled in circles. */
const FAILOVER_INTERVAL = 10_000
/** In milliseconds: a server that lets us in and throws us out is not a good one that was lost. */
const GOOD_AFTER = 1_000

export type { NatsConnectionOptions } from './nats-link.js'

export interface NatsDriverOptions extends NatsConnectionOptions {
  /** The `ws:` or `wss:` URLs of one server, or of some of a cluster: it tells us of the others. */
  servers: string | string[]
}

/** Handed in by tests. */
export interface NatsDriverParts {
  env?: Env
  dial?: DialNats
}

export interface NatsDriverStatus {
  name: string
  state: 'dialing' | 'open' | 'waiting' | 'closed'
  /** Where we are connected. */
  server: string | undefined
  subscriptions: number
  /** Connections after the first one. */
  reconnects: number
  /** Messages that arrived and could not be used. */
  dropped: number
}

type State =
  | { name: 'dialing' | 'closed' }
  | { name: 'open'; link: NatsLink; subscribed: Map<string, Subscription> }
  | { name: 'waiting'; wake: AbortController }

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * With options it makes a connection of its own, for as long as it is not closed. With a connection of yours it uses
 * that, and leaves it open when it is closed itself.
 *
 * @example
 * import { NatsDriver } from 'swarmlink/signaling/nats'
 *
 * const driver = new NatsDriver({ servers: ['wss://one.example', 'wss://two.example'], token: 'secret' })
 */
export class NatsDriver implements WatchedDriver {
  readonly name: string
  readonly #env: Env
  readonly #dial: DialNats
  readonly #subscriptions = new Subscriptions()
  readonly #watchers = new Watchers()
  readonly #stop = new AbortController()
  readonly #retry = new Retry()
  readonly #running: Promise<void>
  #state: State = { name: 'dialing' }
  #links = 0
  #dropped = 0

  constructor(target: NatsDriverOptions | NatsConnection, parts: NatsDriverParts = {}) {
    checkNames(parts, ['env', 'dial'])
    const { env = systemEnv, dial = dialNats } = parts
    checkEnv(env)
    checkFunction('dial', dial)
    this.#env = env
    this.#dial = dial
    if (isConnection(target)) {
      this.name = `nats ${serverOf(target)}`
      this.#running = this.#borrow(target)
    } else {
      const { servers, ...options } = checkOptions(target)
      const pool = new NatsServers(servers, this.#env)
      this.name = `nats ${pool.names().join(', ')}`
      this.#running = this.#run(pool, options, this.#stop.signal)
    }
  }

  get open(): boolean {
    return this.#watchers.isOpen
  }

  status(): NatsDriverStatus {
    const state = this.#state
    return {
      name: this.name,
      state: state.name === 'open' && !this.open ? 'dialing' : state.name,
      server: state.name === 'open' ? serverOf(state.link.connection) : undefined,
      subscriptions: this.#subscriptions.size,
      reconnects: Math.max(this.#links - 1, 0),
      dropped: this.#dropped,
    }
  }

  watch(watcher: DriverWatcher): () => void {
    return this.#watchers.add(watcher)
  }

  on(namespace: readonly string[], handler: DriverHandler): void {
    if (this.#stop.signal.aborted || !this.#subscriptions.add(namespace, handler)) return
    if (this.#state.name === 'open') this.#subscribe(this.#state, namespace)
  }

  off(namespace: readonly string[], handler: DriverHandler): void {
    if (!this.#subscriptions.remove(namespace, handler) || this.#state.name !== 'open') return
    const { subscribed } = this.#state
    const key = keyOf(namespace)
    read(() => subscribed.get(key)?.unsubscribe()) // the connection may be over, or anything
    subscribed.delete(key)
  }

  /** Lost unless the driver is `open`. */
  emit(namespace: readonly string[], message: unknown): void {
    checkNamespace(namespace)
    const text = encodeMessage(message)
    if (this.#state.name !== 'open' || !this.open || this.#state.link.bufferedAmount > MAX_BUFFERED) {
      log('%s: lost a message of %d characters', this.name, text.length)
      return
    }
    try {
      this.#state.link.connection.publish(subjectOf(namespace), text)
    } catch (cause) {
      this.#warn(cause, `a message of ${text.length} characters did not leave for ${this.name}`)
    }
  }

  wake(): void {
    if (this.#state.name === 'waiting') this.#state.wake.abort()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#subscriptions.clear()
    this.#watchers.close()
    await this.#running
    this.#watchers.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Keeps the process alive from here to the end: between two dials there is no socket that would. */
  async #run(pool: NatsServers, options: NatsConnectionOptions, stop: AbortSignal): Promise<void> {
    const alive = this.#env.keepAlive?.()
    let failedOverAt = -Infinity
    while (!stop.aborted) {
      this.#state = { name: 'dialing' }
      const link = await this.#connect(pool, options, stop)
      const since = this.#env.now()
      if (link !== undefined) {
        await this.#use(link, { owned: true, learn: () => pool.learn(link.connection.getServers()) })
        await link.close()
        const now = this.#env.now()
        const good = now - since >= GOOD_AFTER
        if (good) this.#retry.lost(now)
        if (good && pool.size > 1 && now - failedOverAt >= FAILOVER_INTERVAL) {
          failedOverAt = now
          continue
        }
      }
      if (!stop.aborted) await this.#pause(stop)
    }
    this.#state = { name: 'closed' }
    alive?.cancel()
  }

  /** The first server that takes us. */
  async #connect(pool: NatsServers, options: NatsConnectionOptions, stop: AbortSignal): Promise<NatsLink | undefined> {
    let failure: unknown
    for (const server of pool.order()) {
      if (stop.aborted) return undefined
      try {
        const link = await this.#dial(server, options, this.#env, stop)
        pool.current(server)
        return link
      } catch (error) {
        failure = error
        log('%s: %s does not take us: %s', this.name, new URL(server).host, reasonOf(error))
      }
    }
    if (!stop.aborted) this.#warn(failure, `no link to ${this.name}`)
    return undefined
  }

  async #pause(stop: AbortSignal): Promise<void> {
    const wake = new AbortController()
    const cancel = () => wake.abort()
    stop.addEventListener('abort', cancel)
    const wait = this.#retry.next(this.#env.now(), this.#env.random())
    log('%s: next dial in %d ms', this.name, Math.round(wait))
    this.#state = { name: 'waiting', wake }
    if (!(await sleep(this.#env, wait, wake.signal))) this.#retry.reset()
    stop.removeEventListener('abort', cancel)
  }

  /** A connection of somebody else's: it reconnects, and ends, as they like. */
  async #borrow(connection: NatsConnection): Promise<void> {
    const link: NatsLink = { connection, bufferedAmount: 0, terminate: () => {}, close: () => Promise.resolve() }
    let reason: unknown = new Error('it was closed')
    try {
      await this.#use(link, { owned: false, learn: () => {} })
    } catch (error) {
      reason = error // it may be anything
    }
    if (!this.#stop.signal.aborted) this.#warn(reason, `the connection of ${this.name} is over`)
    this.#state = { name: 'closed' }
  }

  /** Until the link ends, or we do. */
  async #use(link: NatsLink, { owned, learn }: { owned: boolean; learn: () => void }): Promise<void> {
    const stop = this.#stop.signal
    const { connection } = link
    const state = { name: 'open', link, subscribed: new Map<string, Subscription>() } as const
    let finish = () => {}
    try {
      if (!owned && connection.isClosed()) return
      const statuses = connection.status()
      finish = () => {
        read(() => (statuses as AsyncIterable<Status> & { stop?: () => void }).stop?.()) // its class has it, its type has not
      }
      stop.addEventListener('abort', finish)
      if (stop.aborted) finish()
      else {
        this.#state = state
        this.#links++
        learn()
        for (const namespace of this.#subscriptions.namespaces()) this.#subscribe(state, namespace)
        log('%s: open at %s', this.name, serverOf(connection))
        this.#watchers.open()
      }
      for await (const status of statuses) {
        if (stop.aborted) break
        if (status.type === 'update') learn()
        else if (status.type === 'error') this.#warn(status.error, `${this.name} complains`)
        else if (status.type === 'staleConnection') link.terminate()
        else if (status.type === 'disconnect') this.#watchers.close()
        else if (status.type === 'reconnect') this.#watchers.open()
      }
      this.#watchers.close()
      for (const subscription of state.subscribed.values()) subscription.unsubscribe()
      if (owned && !stop.aborted)
        this.#warn((await connection.closed()) ?? new Error('the connection ended'), `no link to ${this.name}`)
    } finally {
      stop.removeEventListener('abort', finish)
      this.#watchers.close()
    }
  }

  #subscribe({ link, subscribed }: State & { name: 'open' }, namespace: readonly string[]): void {
    const key = keyOf(namespace)
    try {
      const subscription = link.connection.subscribe(subjectOf(namespace), {
        callback: (error, { data }) => {
          if (error !== null) this.#warn(error, `${this.name} does not let us listen`)
          else if (!this.#deliver(key, data)) this.#dropped++
        },
      })
      subscribed.set(key, subscription)
    } catch (cause) {
      this.#warn(cause, `${this.name} does not let us listen`)
    }
  }

  #deliver(key: string, data: Uint8Array): boolean {
    if (data.length > MAX_MESSAGE) return false
    let text: string
    try {
      text = decoder.decode(data)
    } catch {
      return false
    }
    return this.#subscriptions.deliver(key, text)
  }

  #warn(cause: unknown, what: string): void {
    const error = asError(cause, 'ERR_SIGNALING_LINK', what)
    log('%s', error.message)
    this.#watchers.warning(error)
  }
}

/** Host and port. A cluster names its other servers itself, and a connection of the application's may say anything. */
function serverOf(connection: NatsConnection): string {
  return reasonOf(connection.getServer())
}

function isConnection(target: NatsDriverOptions | NatsConnection): target is NatsConnection {
  return typeof target === 'object' && target !== null && 'publish' in target && typeof target.publish === 'function'
}

function checkOptions(options: NatsDriverOptions): NatsConnectionOptions & { servers: string[] } {
  checkRecord('the first argument', options, 'options with servers, or a NatsConnection')
  checkNames(options, ['servers', ...NATS_OPTIONS])
  const servers = [options.servers].flat().map(server => checkSocketUrl('servers: each', server))
  if (servers.length === 0) throw invalid('servers', 'one URL or more', options.servers)
  checkNatsOptions(options)
  return { ...options, servers }
}
