/** The contract of a driver, a bus for signalling: publish and subscribe under a namespace. Knows nothing of the messages. */
import { hasMethods, invalid } from '../../core/arguments.js'
import type { SwarmlinkError } from '../../core/errors.js'

/** Takes a message that was emitted under a namespace. It comes from a remote, so validate it. The return value is not used. */
export type DriverHandler = (message: unknown) => unknown

/**
 * Any object with these three methods works: your own bus, or an adapter around one that you have.
 *
 * A message is any value that `JSON.stringify` takes. Every handler of the namespace gets it, those of the emitting driver as well, in the
 * order of the `emit` calls, and never before `emit` has returned. Messages are not kept for later subscribers, and those that a broken
 * bus loses are lost: signalling announces again.
 *
 * A handler that is added twice under one namespace gets a message once. A handler that throws or rejects does not affect the others; its
 * error is reported as `ERR_CALLBACK`, by a process warning in Node and by `reportError` in a page. swarmlink's drivers throw on a namespace
 * or a message that no driver could carry (see `checkNamespace` and `encodeMessage`), so limit names that come from a remote first. After
 * `close()` they do nothing.
 *
 * Your own driver may be asynchronous: each method may return a promise, and a topic is announced once its `on()` has settled, or after
 * 10 s. A method that throws or rejects causes a warning; `on()` is called again after 1 s, doubling to 60 s, and an announcement that
 * `emit()` lost is repeated.
 *
 * @example
 * driver.on(['room', 'lobby'], message => console.log(message))
 * driver.emit(['room', 'lobby'], { hello: 'world' })
 */
export interface Driver {
  /** Adds a handler for the messages under a namespace. */
  on(namespace: readonly string[], handler: DriverHandler): unknown
  /** Removes a handler from a namespace. */
  off(namespace: readonly string[], handler: DriverHandler): unknown
  /** Sends a message to every handler of the namespace on the bus. */
  emit(namespace: readonly string[], message: unknown): unknown
}

/** Events of a driver's connection. An error of a watcher is reported as that of a handler. */
export interface DriverWatcher {
  /** Messages are delivered from now on; the server may have forgotten earlier subscriptions and announcements. */
  open(): void
  /** Messages are lost until the next `open`. */
  close(): void
  /** An operation failed; the driver retries by itself. */
  warning(error: SwarmlinkError): void
}

/**
 * A driver that knows whether it is connected: `WebSocketDriver` and `NatsDriver`. Each of them keeps a Node process alive until
 * it is closed, also while its server is away.
 */
export interface WatchedDriver extends Driver, AsyncDisposable {
  /** Identifies the driver in statistics: a URL, for example. */
  readonly name: string
  /** Whether messages go through now. */
  readonly open: boolean
  /** Calls `open` at once when the driver is open. The function that it returns removes the watcher. */
  watch(watcher: DriverWatcher): () => void
  /** The network is back: dials at once instead of waiting. */
  wake?(): void
  /** Ends every subscription and the connection; resolves when all are closed. */
  close(): Promise<void>
}

export const DRIVER = 'a driver with the methods on, off and emit'

/** Throws when the value lacks a method of a {@link Driver}. */
export function checkDriver(name: string, value: unknown): asserts value is Driver {
  if (!hasMethods(value, ['on', 'off', 'emit'])) throw invalid(name, DRIVER, value)
}

export function isWatched(driver: Driver): driver is WatchedDriver {
  return 'watch' in driver && typeof driver.watch === 'function'
}
