/** A driver within one process: for tests, for demos, for two parts of one application. */
import { invalid } from '../../core/arguments.js'
import type { Driver, DriverHandler } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { Subscriptions } from './subscriptions.js'

/**
 * All users of one MemoryDriver are on one bus. Handlers are called in a microtask, after the emitting code has returned.
 *
 * @example
 * const bus = new MemoryDriver()
 * const [here, there] = [bus, new MemoryDriver(bus)].map(driver => new P2PT([], 'my application', { signaling: [driver] }))
 */
export class MemoryDriver implements Driver, AsyncDisposable {
  readonly #subscriptions = new Subscriptions()
  /** All open drivers on this bus. */
  readonly #members: Set<MemoryDriver>

  /** With `other`: a second driver on the same bus, which can be closed separately. */
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
    const receivers = [...this.#members].filter(member => member.#subscriptions.has(key))
    if (receivers.length === 0) return
    queueMicrotask(() => {
      for (const receiver of receivers) receiver.#subscriptions.deliver(key, text)
    })
  }

  /** Removes every handler and leaves the bus. */
  async close(): Promise<void> {
    this.#members.delete(this)
    this.#subscriptions.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
