/** The handlers of one driver by namespace, and the delivery of messages to them. Knows no bus. */
import { invalid } from '../../core/arguments.js'
import { callSafely } from '../../core/uncaught.js'
import type { DriverHandler } from './driver.js'
import { decodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'

interface Subscription {
  readonly namespace: readonly string[]
  readonly handlers: Set<DriverHandler>
}

export class Subscriptions {
  readonly #byKey = new Map<string, Subscription>()

  get size(): number {
    return this.#byKey.size
  }

  namespaces(): Array<readonly string[]> {
    return [...this.#byKey.values()].map(({ namespace }) => namespace)
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** True when this is the first handler of the namespace. */
  add(namespace: readonly string[], handler: DriverHandler): boolean {
    checkNamespace(namespace)
    if (typeof handler !== 'function') throw invalid('a handler', 'a function', handler)
    const key = keyOf(namespace)
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      known.handlers.add(handler)
      return false
    }
    this.#byKey.set(key, { namespace: [...namespace], handlers: new Set([handler]) })
    return true
  }

  /** True when this was the last handler of the namespace. */
  remove(namespace: readonly string[], handler: DriverHandler): boolean {
    checkNamespace(namespace)
    const key = keyOf(namespace)
    const subscription = this.#byKey.get(key)
    if (subscription === undefined || !subscription.handlers.delete(handler) || subscription.handlers.size > 0) return false
    this.#byKey.delete(key)
    return true
  }

  clear(): void {
    this.#byKey.clear()
  }

  /** Calls each handler with its own copy, except those that an earlier one removed. False when the text is no message. */
  deliver(key: string, text: string): boolean {
    const subscription = this.#byKey.get(key)
    if (subscription === undefined) return true
    for (const handler of [...subscription.handlers]) {
      if (!subscription.handlers.has(handler) || this.#byKey.get(key) !== subscription) continue
      const message = decodeMessage(text)
      if (message === undefined) return false
      callSafely(`a handler for ${key}`, () => handler(message.value))
    }
    return true
  }
}
