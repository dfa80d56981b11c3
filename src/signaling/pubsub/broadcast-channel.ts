/** A bus between the tabs, frames and workers of one origin in one browser, or between the threads of one Node process. */
import { invalid } from '../../core/arguments.js'
import { logger } from '../../core/log.js'
import type { Driver, DriverHandler } from './driver.js'
import { encodeMessage } from './message.js'
import { checkNamespace, keyOf } from './namespace.js'
import { Subscriptions } from './subscriptions.js'

const log = logger('driver')

/** An application may have channels of its own, with names of its own. */
const PREFIX = 'swarmlink:'

/**
 * Whoever uses the same name is on the same bus. It never keeps a process alive.
 *
 * @example
 * const driver = new BroadcastChannelDriver('my-app')
 */
export class BroadcastChannelDriver implements Driver, AsyncDisposable {
  readonly name: string
  readonly #subscriptions = new Subscriptions()
  #channel: BroadcastChannel | undefined

  constructor(name: string) {
    if (typeof name !== 'string' || name === '') throw invalid('the name of a channel', 'a text', name)
    this.name = name
    this.#channel = new BroadcastChannel(PREFIX + name)
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data)
    unref(this.#channel)
  }

  on(namespace: readonly string[], handler: DriverHandler): void {
    if (this.#channel !== undefined) this.#subscriptions.add(namespace, handler)
  }

  off(namespace: readonly string[], handler: DriverHandler): void {
    this.#subscriptions.remove(namespace, handler)
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

  /** Other scripts of this origin may speak on the channel too. */
  #receive(data: unknown): void {
    const [key, text] = Array.isArray(data) ? (data as unknown[]) : []
    if (typeof key === 'string' && typeof text === 'string' && this.#subscriptions.deliver(key, text)) return
    log('%s: dropped something that no driver sent', this.name)
  }
}

/** In Node a channel that listens keeps its process alive; browsers know no such thing. */
function unref(channel: BroadcastChannel): void {
  if ('unref' in channel) (channel as BroadcastChannel & { unref(): void }).unref() // as Node documents it
}
