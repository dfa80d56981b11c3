/** The contract of a bus that signalling travels on: publish and subscribe under a namespace. Knows nothing of what travels. */
import { hasMethods, invalid } from '../../core/arguments.js'
import type { SwarmlinkError } from '../../core/errors.js'

/** Takes whatever was emitted under a namespace. It came from a remote: nothing about it is certain. What it gives is not used. */
export type DriverHandler = (message: unknown) => unknown

/**
 * Anything that has these three methods works: a bus of your own, an adapter around one that you have.
 *
 * A message is what `JSON.stringify` takes. Every handler of the namespace hears it, those of the driver that emitted it
 * as well, in the order in which it was emitted, and never before `emit` has returned. Nothing is kept for those who
 * come later, and what a broken bus loses is lost: signalling asks again.
 *
 * A handler that is added twice under one namespace hears a message once. One that throws or rejects keeps no other handler from hearing;
 * it is told as `ERR_CALLBACK` by a process warning in Node and by `reportError` in a page. Our drivers throw at a namespace or a message
 * that no driver could carry (see `checkNamespace` and `encodeMessage`), so bound a name that comes from a remote first; once closed
 * they do nothing.
 *
 * A driver of your own may be asynchronous: each method may give a promise, and a topic is announced once its `on()` has settled, or
 * after 10 s. One that throws or rejects causes a warning; `on()` is called again after 1 s, doubling to 60 s, and an announcement that
 * `emit()` lost is made anew.
 *
 * @example
 * driver.on(['room', 'lobby'], message => console.log(message))
 * driver.emit(['room', 'lobby'], { hello: 'world' })
 */
export interface Driver {
  on(namespace: readonly string[], handler: DriverHandler): unknown
  off(namespace: readonly string[], handler: DriverHandler): unknown
  emit(namespace: readonly string[], message: unknown): unknown
}

/** What a driver tells those who depend on it. A watcher that throws or rejects is told of as a handler is. */
export interface DriverWatcher {
  /** Messages go through from now on; whoever was there before may have forgotten us. */
  open(): void
  /** Messages are lost until the next `open`. */
  close(): void
  /** Something did not work; the driver goes on by itself. */
  warning(error: SwarmlinkError): void
}

/**
 * A driver that knows whether it is connected: `WebSocketDriver` and `NatsDriver`. Each of them keeps a Node process alive until
 * it is closed, also while its server is away.
 */
export interface WatchedDriver extends Driver, AsyncDisposable {
  /** Tells servers and drivers apart in statistics: a URL, for example. */
  readonly name: string
  readonly open: boolean
  /** Calls `open` at once when it is. The function that comes back ends it. */
  watch(watcher: DriverWatcher): () => void
  /** The network is back: dials at once instead of waiting on. */
  wake?(): void
  /** Ends every subscription and the connection; returns when nothing is left. */
  close(): Promise<void>
}

export const DRIVER = 'a driver with the methods on, off and emit'

/** Throws for what cannot be a {@link Driver}. */
export function checkDriver(name: string, value: unknown): asserts value is Driver {
  if (!hasMethods(value, ['on', 'off', 'emit'])) throw invalid(name, DRIVER, value)
}

export function isWatched(driver: Driver): driver is WatchedDriver {
  return 'watch' in driver && typeof driver.watch === 'function'
}
