/**
 * A driver over BroadcastChannel: connects the tabs, frames and workers of one origin in one browser, or the threads of one Node process,
 * of which only one can use WebRTC.
 */
import { checkText } from '../../core/arguments.js'
import { logger } from '../../core/log.js'
import type { Driver, DriverHandler } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { Subscriptions } from './subscriptions.js'

const log = logger('driver')

/** Keeps these channels apart from the application's own. */
const PREFIX = 'swarmlink:'

/**
 * Drivers with the same name are on the same bus. Keeps a Node process alive while it has a handler and is not closed.
 *
 * @example
 * const driver = new BroadcastChannelDriver('my-app')
 */
export class BroadcastChannelDriver implements Driver, AsyncDisposable {
  /** The name of the bus. */
  readonly name: string
  readonly #subscriptions = new Subscriptions()
  #channel: BroadcastChannel | undefined

  /** `name` is the name of the bus. */
  constructor(name: string) {
    checkText('the name of a channel', name)
    this.name = name
    this.#channel = new BroadcastChannel(PREFIX + name)
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data)
    this.#keepAlive()
  }

  on(namespace: readonly string[], handler: DriverHandler): void {
    if (this.#channel !== undefined && this.#subscriptions.add(namespace, handler)) this.#keepAlive()
  }

  off(namespace: readonly string[], handler: DriverHandler): void {
    if (this.#subscriptions.remove(namespace, handler)) this.#keepAlive()
  }

  emit(namespace: readonly string[], message: unknown): void {
    checkNamespace(namespace)
    const text = encodeMessage(message)
    if (this.#channel === undefined) return
    const key = keyOf(namespace)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- windows take a target origin, a channel has one origin
    this.#channel.postMessage([key, text])
    // A BroadcastChannel does not deliver a message to itself.
    if (this.#subscriptions.has(key)) queueMicrotask(() => this.#subscriptions.deliver(key, text))
  }

  /** Removes every handler and leaves the bus. */
  async close(): Promise<void> {
    this.#subscriptions.clear()
    this.#channel?.close()
    this.#channel = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Node only: `ref()` while there are handlers. In browsers a channel has no such methods. */
  #keepAlive(): void {
    const channel: { close(): void; ref?(): unknown; unref?(): unknown } | undefined = this.#channel
    if (this.#subscriptions.size > 0) channel?.ref?.()
    else channel?.unref?.()
  }

  /** Validates: other scripts of this origin may post on the channel, too. */
  #receive(data: unknown): void {
    const [key, text] = Array.isArray(data) ? (data as unknown[]) : []
    if (typeof key === 'string' && typeof text === 'string' && this.#subscriptions.deliver(key, text)) return
    log('%s: dropped a message that no driver sent', this.name)
  }
}
