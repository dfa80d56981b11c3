/** A driver over NATS: one server, or a cluster with failover. Knows nothing of the messages. */
import type { NatsConnection, Status, Subscription } from '@nats-io/nats-core'
import { checkFunction, checkNames } from '../../core/arguments.js'
import { checkEnv, systemEnv, type Env } from '../../core/env.js'
import { asError, reasonOf } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { readSafely } from '../../core/uncaught.js'
import { WakeableSleep } from '../../core/wakeable-sleep.js'
import { Retry } from '../retry.js'
import type { DriverHandler, DriverWatcher, WatchedDriver } from './driver.js'
import { encodeMessage, MAX_MESSAGE } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { dialNats, type DialNats, type NatsConnectionOptions, type NatsLink } from './nats-connection.js'
import { checkNatsDriverOptions, isConnection, type NatsDriverOptions, type NatsDriverStatus } from './nats-driver-options.js'
import { NatsServers } from './nats-servers.js'
import { subjectOf } from './nats-subject.js'
import { Subscriptions } from './subscriptions.js'
import { Watchers } from '../pubsub/watchers.js'

const log = logger('driver')

/** Half a minute of a slow connection: a message that waited longer would arrive stale. */
const MAX_BUFFERED = 1024 * 1024
/** At most one immediate failover per interval: a cluster whose every server disconnects this client must not be dialled in a loop. */
const FAILOVER_INTERVAL = 10_000
/** In milliseconds: a connection that the server closes sooner counts as a failed dial. */
const GOOD_AFTER = 1_000

export type { NatsConnectionOptions } from './nats-connection.js'
export type { NatsDriverOptions, NatsDriverStatus } from './nats-driver-options.js'

/** Replaced by tests. */
export interface NatsDriverDeps {
  env?: Env
  dial?: DialNats
}

type State = { name: 'dialing' | 'waiting' | 'closed' } | { name: 'open'; link: NatsLink; subscribed: Map<string, Subscription> }

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * With options the driver makes its own connection and keeps it until it is closed. With your connection it uses that, and leaves it open
 * on `close()`.
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
  readonly #pause: WakeableSleep
  readonly #running: Promise<void>
  #state: State = { name: 'dialing' }
  #connections = 0
  #dropped = 0

  /** `target` is the options of a connection of its own, or a connection of yours; only tests hand in `parts`. */
  constructor(target: NatsDriverOptions | NatsConnection, parts: NatsDriverDeps = {}) {
    checkNames(parts, ['env', 'dial'])
    const { env = systemEnv, dial = dialNats } = parts
    checkEnv(env)
    checkFunction('dial', dial)
    this.#env = env
    this.#dial = dial
    this.#pause = new WakeableSleep(env, this.#stop.signal)
    if (isConnection(target)) {
      this.name = `nats ${serverOf(target)}`
      this.#running = this.#borrow(target)
    } else {
      const { servers, ...options } = checkNatsDriverOptions(target)
      const pool = new NatsServers(servers, this.#env)
      this.name = `nats ${pool.names().join(', ')}`
      this.#running = this.#run(pool, options, this.#stop.signal)
    }
  }

  get open(): boolean {
    return this.#watchers.isOpen
  }

  /** The statistics of this driver. */
  status(): NatsDriverStatus {
    const state = this.#state
    return {
      name: this.name,
      state: state.name === 'open' && !this.open ? 'dialing' : state.name,
      server: state.name === 'open' ? serverOf(state.link.connection) : undefined,
      subscriptions: this.#subscriptions.size,
      reconnects: Math.max(this.#connections - 1, 0),
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
    readSafely(() => subscribed.get(key)?.unsubscribe()) // throws when the connection is closed; the application's may throw anything
    subscribed.delete(key)
  }

  /** The message is lost unless the driver is `open`. */
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
      this.#warn(cause, `publishing a message of ${text.length} characters to ${this.name} failed`)
    }
  }

  wake(): void {
    this.#pause.wake()
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

  /** Holds a keep-alive handle until the end: between two dials no socket keeps the process alive. */
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
      if (stop.aborted) break
      const wait = this.#retry.next(this.#env.now(), this.#env.random())
      log('%s: next dial in %d ms', this.name, Math.round(wait))
      this.#state = { name: 'waiting' }
      if (!(await this.#pause.sleep(wait))) this.#retry.reset()
    }
    this.#state = { name: 'closed' }
    alive?.cancel()
  }

  /** Dials the servers in order; returns the first connection. */
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
        log('%s: dialling %s failed: %s', this.name, new URL(server).host, reasonOf(error))
      }
    }
    if (!stop.aborted) this.#warn(failure, `no connection to ${this.name}`)
    return undefined
  }

  /** Uses the application's connection, which the application reconnects and closes. */
  async #borrow(connection: NatsConnection): Promise<void> {
    const link: NatsLink = { connection, bufferedAmount: 0, terminate: () => {}, close: () => Promise.resolve() }
    let reason: unknown = new Error('the application closed it')
    try {
      await this.#use(link, { owned: false, learn: () => {} })
    } catch (error) {
      reason = error // of any type
    }
    if (!this.#stop.signal.aborted) this.#warn(reason, `the connection of ${this.name} is closed`)
    this.#state = { name: 'closed' }
  }

  /** Runs until the connection or this driver closes. */
  async #use(link: NatsLink, { owned, learn }: { owned: boolean; learn: () => void }): Promise<void> {
    const stop = this.#stop.signal
    const { connection } = link
    const state = { name: 'open', link, subscribed: new Map<string, Subscription>() } as const
    let finish = () => {}
    try {
      if (!owned && connection.isClosed()) return
      const statuses = connection.status()
      finish = () => {
        readSafely(() => (statuses as AsyncIterable<Status> & { stop?: () => void }).stop?.()) // nats-core's class has `stop`, its type lacks it
      }
      stop.addEventListener('abort', finish)
      if (stop.aborted) finish()
      else {
        this.#state = state
        this.#connections++
        learn()
        for (const namespace of this.#subscriptions.namespaces()) this.#subscribe(state, namespace)
        log('%s: open at %s', this.name, serverOf(connection))
        this.#watchers.open()
      }
      for await (const status of statuses) {
        if (stop.aborted) break
        if (status.type === 'update') learn()
        else if (status.type === 'error') this.#warn(status.error, `${this.name} reported an error`)
        else if (status.type === 'staleConnection') link.terminate()
        else if (status.type === 'disconnect') this.#watchers.close()
        else if (status.type === 'reconnect') this.#watchers.open()
      }
      this.#watchers.close()
      for (const subscription of state.subscribed.values()) subscription.unsubscribe()
      if (owned && !stop.aborted)
        this.#warn((await connection.closed()) ?? new Error('the connection closed'), `no connection to ${this.name}`)
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
          if (error !== null) this.#warn(error, `subscribing at ${this.name} failed`)
          else if (!this.#deliver(key, data)) this.#dropped++
        },
      })
      subscribed.set(key, subscription)
    } catch (cause) {
      this.#warn(cause, `subscribing at ${this.name} failed`)
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

/** Host and port, sanitized: the text comes from the cluster or from the application's connection. */
function serverOf(connection: NatsConnection): string {
  return reasonOf(connection.getServer())
}
