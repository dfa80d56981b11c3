/**
 * A bus between the tabs, frames and workers of one origin in one browser, or between the threads of one Node process, of which one only
 * can use WebRTC.
 */
import { checkText } from '../../core/arguments.js'
import { logger } from '../../core/log.js'
import type { Driver, DriverHandler } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { Subscriptions } from './subscriptions.js'

const log = logger('driver')

/** An application may have channels of its own, with names of its own. */
const PREFIX = 'swarmlink:'

/**
 * All that use the same name are on the same bus. It keeps a Node process alive as long as a handler listens and it is not closed.
 *
 * @example
 * const driver = new BroadcastChannelDriver('my-app')
 */
export class BroadcastChannelDriver implements Driver, AsyncDisposable {
  readonly name: string
  readonly #subscriptions = new Subscriptions()
  #channel: BroadcastChannel | undefined

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
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows, a channel has one origin
    this.#channel.postMessage([key, text])
    // A channel tells all the others of its name, but not itself.
    if (this.#subscriptions.has(key)) queueMicrotask(() => this.#subscriptions.deliver(key, text))
  }

  async close(): Promise<void> {
    this.#subscriptions.clear()
    this.#channel?.close()
    this.#channel = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** As long as there are handlers. Browsers have no process to keep, and no such methods. */
  #keepAlive(): void {
    const channel: { close(): void; ref?(): unknown; unref?(): unknown } | undefined = this.#channel
    if (this.#subscriptions.size > 0) channel?.ref?.()
    else channel?.unref?.()
  }

  /** Other scripts of this origin may speak on the channel too. */
  #receive(data: unknown): void {
    const [key, text] = Array.isArray(data) ? (data as unknown[]) : []
    if (typeof key === 'string' && typeof text === 'string' && this.#subscriptions.deliver(key, text)) return
    log('%s: dropped something that no driver sent', this.name)
  }
}
