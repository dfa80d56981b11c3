/** A bus within one process: for tests, for demos, for two parts of one application. */
import { invalid } from '../../core/arguments.js'
import type { Driver, DriverHandler } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { Subscriptions } from './subscriptions.js'

/**
 * All who share one such driver are on one bus. Its handlers are called before the event loop turns, after the code that
 * emitted has run.
 *
 * @example
 * const driver = new MemoryDriver()
 * const sender = new Sender({ driver })
 * const receiver = new Receiver({ driver })
 */
export class MemoryDriver implements Driver, AsyncDisposable {
  readonly #subscriptions = new Subscriptions()
  /** Everybody on this bus. */
  readonly #members: Set<MemoryDriver>

  /** With another one: a second end of its bus, which can be closed by itself. */
  constructor(other?: MemoryDriver) {
    if (other !== undefined && !(other instanceof MemoryDriver)) throw invalid('the first argument', 'a MemoryDriver', other)
    this.#members = other === undefined ? new Set() : other.#members
    this.#members.add(this)
  }

  on(namespace: readonly string[], handler: DriverHandler): void {
    if (this.#members.has(this)) this.#subscriptions.add(namespace, handler)
  }

  off(namespace: readonly string[], handler: DriverHandler): void {
    this.#subscriptions.remove(namespace, handler)
  }

  emit(namespace: readonly string[], message: unknown): void {
    checkNamespace(namespace)
    const text = encodeMessage(message)
    if (!this.#members.has(this)) return
    const key = keyOf(namespace)
    const hearers = [...this.#members].filter(member => member.#subscriptions.has(key))
    if (hearers.length === 0) return
    queueMicrotask(() => {
      for (const hearer of hearers) hearer.#subscriptions.deliver(key, text)
    })
  }

  async close(): Promise<void> {
    this.#members.delete(this)
    this.#subscriptions.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
