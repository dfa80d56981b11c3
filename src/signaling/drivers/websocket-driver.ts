/** A bus behind a {@link SignalServer}: for pages and processes anywhere. Knows nothing of what travels. */
import { checkNames } from '../../core/arguments.js'
import { checkEnv, systemEnv, type Env } from '../../core/env.js'
import { SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { ReconnectingSocket, type SocketProtocol, type SocketState, type Traffic } from '../socket.js'
import { checkSocketUrl } from '../url.js'
import type { DriverHandler, DriverWatcher, WatchedDriver } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { Outbox } from './outbox.js'
import { Subscriptions } from './subscriptions.js'
import { Watchers } from './watchers.js'
import {
  decodeServerFrame,
  encodeFrame,
  MAX_FRAME,
  WireError,
  type Refusal,
  type ServerFrame,
  type WireFault,
} from './websocket-wire.js'

const log = logger('driver')

/** Proxies and address translators give an idle connection up after a minute, some after half of one. */
const SILENCE_TIMEOUT = 20_000
/** A server that took longer would make its users wait longer for each other. */
const REPLY_TIMEOUT = 10_000

const PING = encodeFrame({ type: 'ping' })

const PROTOCOL: SocketProtocol<ServerFrame, WireError> = {
  server: 'the signal server',
  code: 'ERR_SIGNALING_LINK',
  log,
  maxFrame: MAX_FRAME,
  patience: { reply: REPLY_TIMEOUT, silence: SILENCE_TIMEOUT },
  ping: PING,
  decode: decodeServerFrame,
  isFault: error => error instanceof WireError,
  isGood: ({ type }) => type !== 'refusal',
}

const REFUSALS: Record<Refusal, string> = {
  'bad-frame': 'it cannot read what we send: it speaks another protocol or another version of this one',
  'too-fast':
    'we send more than it lets through, and some was lost: send less, or raise messagesPerSecond, bytesPerSecond and sendsPerSecond there',
  'too-large': 'a message is larger than it allows, and was lost: send less, or raise maxFrame there',
  namespace: 'a namespace is longer or deeper than it allows: shorten it, or raise maxDepth and maxNamespaceLength there',
  subscriptions: 'there are more subscriptions than it allows: raise maxSubscriptions there',
}

export interface WebSocketDriverOptions {
  /** Time, randomness and sockets: the real ones, unless a test hands in others. */
  env?: Env
}

/** Why something that arrived was not used. */
export type DriverDropReason =
  | WireFault
  /** Nobody here listens under that name, or not any more. */
  | 'unknown-namespace'

export interface WebSocketDriverStatus extends Traffic {
  /** The name of its URL, as `serverName(url)` gives it: the origin, and a short hash of what may be secret. */
  url: string
  state: SocketState
  subscriptions: number
  /** What arrived and was not used, by reason. */
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
  readonly #socket: ReconnectingSocket<ServerFrame, WireError>
  readonly #subscriptions = new Subscriptions()
  readonly #outbox: Outbox
  readonly #watchers = new Watchers()
  readonly #dropped = new Map<DriverDropReason, number>()
  /** What the server refused on this link: told once each, however often it says so. */
  readonly #refused = new Set<Refusal>()
  #closed = false

  constructor(url: string, options: WebSocketDriverOptions = {}) {
    checkNames(options, ['env'])
    const { env = systemEnv } = options
    checkEnv(env)
    const full = checkSocketUrl('a signal server', url)
    this.#socket = new ReconnectingSocket(full, PROTOCOL, env)
    this.name = this.#socket.name
    this.#outbox = new Outbox({
      env,
      send: frame => this.#socket.send(frame, { answered: false }),
      namespaces: () => this.#subscriptions.namespaces(),
      lost: messages => log('%s: lost %d messages to a line that is too slow', this.name, messages),
    })
    this.#socket.on('state', state => this.#enter(state))
    this.#socket.on('frame', frame => this.#receive(frame))
    this.#socket.on('dropped', ({ fault }) => this.#count(fault))
    this.#socket.on('warning', error => this.#watchers.warning(error))
    this.#socket.start()
  }

  get open(): boolean {
    return this.#watchers.isOpen
  }

  status(): WebSocketDriverStatus {
    return {
      url: this.name,
      state: this.#socket.state,
      subscriptions: this.#subscriptions.size,
      ...this.#socket.traffic,
      dropped: Object.fromEntries(this.#dropped),
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

  /** Lost unless the driver is `open`; what is more than the server takes at once waits some seconds for its turn. */
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
    // Subscriptions overtake messages, so what is emitted from now on is answered to names that the server knows.
    this.#outbox.open()
    this.#socket.send(PING, { answered: true })
    this.#watchers.open()
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'message': {
        const key = keyOf(frame.namespace)
        if (!this.#subscriptions.has(key)) return this.#count('unknown-namespace')
        if (!this.#subscriptions.deliver(key, frame.message)) this.#count('bad-message')
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

  #count(reason: DriverDropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }
}
