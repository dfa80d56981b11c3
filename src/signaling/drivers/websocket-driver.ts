/** A driver over a {@link SignalServer}, for pages and processes anywhere. Knows nothing of the messages. */
import { Counter } from '../../core/counter.js'
import { checkNames } from '../../core/arguments.js'
import { checkEnv, systemEnv, type Env } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { ReconnectingSocket, type SocketProtocol, type SocketState, type Traffic } from '../reconnecting-socket.js'
import { checkSocketUrl } from '../url.js'
import type { DriverHandler, DriverWatcher, WatchedDriver } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { MessageOutbox } from '../pubsub/message-outbox.js'
import { Subscriptions } from './subscriptions.js'
import { Watchers } from '../pubsub/watchers.js'
import {
  decodeServerFrame,
  encodeFrame,
  MAX_FRAME,
  REFUSALS,
  SignalFrameError,
  type Refusal,
  type ServerFrame,
  type SignalFrameFault,
} from './websocket-codec.js'

const log = logger('driver')

/** Proxies and NATs drop an idle connection after 60 s, some after 30 s. */
const SILENCE_TIMEOUT = 20_000
/** Deadline for a pong: a slower server delays the introduction of its users. */
const REPLY_TIMEOUT = 10_000

const PING = encodeFrame({ type: 'ping' })

const PROTOCOL: SocketProtocol<ServerFrame, SignalFrameError> = {
  server: 'the signal server',
  code: 'ERR_SIGNALING_LINK',
  log,
  maxFrame: MAX_FRAME,
  patience: { reply: REPLY_TIMEOUT, silence: SILENCE_TIMEOUT },
  ping: PING,
  decode: decodeServerFrame,
  isFault: error => error instanceof SignalFrameError,
  isGood: ({ type }) => type !== 'refusal',
}

/** The options of a {@link WebSocketDriver}. */
export interface WebSocketDriverOptions {
  /** Time, randomness and sockets; replaced by tests. */
  env?: Env
}

/** Why a received frame or message was dropped. */
export type DriverDropReason =
  | SignalFrameFault
  /** This driver has no handler for the namespace, or not any more. */
  | 'unknown-namespace'

/** The statistics of a {@link WebSocketDriver}. */
export interface WebSocketDriverStatus extends Traffic {
  /** The name of the server, as `serverName(url)` returns it: the origin, and a short hash of possible secrets. */
  url: string
  /** The state of the WebSocket. */
  state: SocketState
  /** Namespaces that have a handler. */
  subscriptions: number
  /** Dropped frames and messages by reason. */
  dropped: Partial<Record<DriverDropReason, number>>
}

/**
 * Dials at once, and again whenever the connection is lost, until it is closed.
 *
 * @example
 * const driver = new WebSocketDriver('wss://signal.example')
 * driver.on(['room', 'lobby'], message => console.log(message))
 */
export class WebSocketDriver implements WatchedDriver {
  readonly name: string
  readonly #socket: ReconnectingSocket<ServerFrame, SignalFrameError>
  readonly #subscriptions = new Subscriptions()
  readonly #outbox: MessageOutbox
  readonly #watchers = new Watchers()
  readonly #dropped = new Counter<DriverDropReason>()
  /** The server's refusals on this connection: one warning per kind. */
  readonly #refused = new Set<Refusal>()
  #closed = false

  /** `url` is the `ws:` or `wss:` URL of a `SignalServer`. */
  constructor(url: string, options: WebSocketDriverOptions = {}) {
    checkNames(options, ['env'])
    const { env = systemEnv } = options
    checkEnv(env)
    const full = checkSocketUrl('a signal server', url)
    this.#socket = new ReconnectingSocket(full, PROTOCOL, env)
    this.name = this.#socket.name
    this.#outbox = new MessageOutbox({
      env,
      send: frame => this.#socket.send(frame, { answered: false }),
      namespaces: () => this.#subscriptions.namespaces(),
      lost: messages => log('%s: dropped %d messages, the connection is too slow', this.name, messages),
    })
    this.#socket.on('state', state => this.#enter(state))
    this.#socket.on('frame', frame => this.#receive(frame))
    this.#socket.on('dropped', ({ fault }) => this.#dropped.add(fault))
    this.#socket.on('warning', error => this.#watchers.warning(error))
    this.#socket.start()
  }

  get open(): boolean {
    return this.#watchers.isOpen
  }

  /** The statistics of this driver. */
  status(): WebSocketDriverStatus {
    return {
      url: this.name,
      state: this.#socket.state,
      subscriptions: this.#subscriptions.size,
      ...this.#socket.traffic,
      dropped: this.#dropped.counts(),
    }
  }

  watch(watcher: DriverWatcher): () => void {
    return this.#watchers.add(watcher)
  }

  on(namespace: readonly string[], handler: DriverHandler): void {
    if (!this.#closed && this.#subscriptions.add(namespace, handler)) this.#outbox.subscribe(namespace)
  }

  off(namespace: readonly string[], handler: DriverHandler): void {
    if (this.#subscriptions.remove(namespace, handler)) this.#outbox.unsubscribe(namespace)
  }

  /** The message is lost unless the driver is `open`; above the server's rate limit it is queued for some seconds. */
  emit(namespace: readonly string[], message: unknown): void {
    checkNamespace(namespace)
    const text = encodeMessage(message)
    if (!this.#outbox.emit(encodeFrame({ type: 'emit', namespace, message: text })))
      log('%s: lost a message of %d characters', this.name, text.length)
  }

  wake(): void {
    this.#socket.wake()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#outbox.flush()
    this.#subscriptions.clear()
    await this.#socket.close()
    this.#watchers.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #enter(state: SocketState): void {
    log('%s: %s', this.name, state)
    if (state !== 'open') {
      this.#outbox.clear()
      return this.#watchers.close()
    }
    this.#refused.clear()
    // Subscriptions leave before messages, so the server knows our namespaces when replies to these messages arrive.
    this.#outbox.open()
    this.#socket.send(PING, { answered: true })
    this.#watchers.open()
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'message': {
        const key = keyOf(frame.namespace)
        if (!this.#subscriptions.has(key)) return void this.#dropped.add('unknown-namespace')
        if (!this.#subscriptions.deliver(key, frame.message)) this.#dropped.add('bad-message')
        return
      }
      case 'refusal':
        if (frame.reason === 'too-fast') this.#outbox.refused()
        if (this.#refused.has(frame.reason)) return
        this.#refused.add(frame.reason)
        return this.#watchers.warning(
          new SwarmlinkError('ERR_REFUSED', `the signal server ${this.name} refused: ${REFUSALS[frame.reason]}`),
        )
      case 'pong':
    }
  }
}
