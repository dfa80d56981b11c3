/**
 * A bus in virtual time: drivers that delay and lose messages, disconnect and reconnect. It counts the messages, and lets a test write
 * what a hostile member would.
 */
import type { Env } from '../../../src/core/env.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import type { Id } from '../../../src/core/id.js'
import type { DriverHandler, DriverWatcher, WatchedDriver } from '../../../src/signaling/drivers/driver.js'

export interface FakeBusOptions {
  /** One way, in milliseconds. @default 10 */
  latency?: number
}

/** A message that a driver published. */
export interface HeardMessage {
  at: number
  namespace: readonly string[]
  // oxlint-disable-next-line typescript/no-explicit-any -- any message of a test
  message: any
}

export class FakeBus {
  readonly env: Env
  readonly latency: number
  readonly heard: HeardMessage[] = []
  /** The share of deliveries that are lost. */
  loss = 0
  /** @internal */
  readonly drivers = new Set<FakeDriver>()

  constructor(env: Env, { latency = 10 }: FakeBusOptions = {}) {
    this.env = env
    this.latency = latency
  }

  driver(name = 'bus'): FakeDriver {
    return new FakeDriver(this, name)
  }

  /** The number of published messages of this kind. */
  count(kind: string): number {
    return this.heard.filter(({ message }) => message?.kind === kind).length
  }

  /** Publishes a message without a driver. */
  write(namespace: readonly string[], message: unknown): void {
    this.heard.push({ at: this.env.now(), namespace, message })
    const text = JSON.stringify(message)
    this.env.timer(this.latency, () => {
      for (const driver of [...this.drivers]) if (this.loss === 0 || this.env.random() >= this.loss) driver.hear(namespace, text)
    })
  }
}

export class FakeDriver implements WatchedDriver {
  readonly name: string
  readonly #bus: FakeBus
  readonly #handlers = new Map<string, Set<DriverHandler>>()
  readonly #watchers = new Set<DriverWatcher>()
  #open = true

  constructor(bus: FakeBus, name: string) {
    this.#bus = bus
    this.name = name
    bus.drivers.add(this)
  }

  get open(): boolean {
    return this.#open
  }

  /** Registered handlers. */
  get handlers(): number {
    return [...this.#handlers.values()].reduce((sum, { size }) => sum + size, 0)
  }

  get watchers(): number {
    return this.#watchers.size
  }

  on(namespace: readonly string[], handler: DriverHandler): void {
    const key = namespace.join('/')
    this.#handlers.set(key, (this.#handlers.get(key) ?? new Set()).add(handler))
  }

  off(namespace: readonly string[], handler: DriverHandler): void {
    this.#handlers.get(namespace.join('/'))?.delete(handler)
  }

  emit(namespace: readonly string[], message: unknown): void {
    if (this.#open) this.#bus.write(namespace, message)
  }

  watch(watcher: DriverWatcher): () => void {
    this.#watchers.add(watcher)
    if (this.#open) watcher.open()
    return () => this.#watchers.delete(watcher)
  }

  /** Disconnects or reconnects the driver. */
  turn(open: boolean): void {
    if (open === this.#open) return
    this.#open = open
    for (const watcher of [...this.#watchers]) {
      if (open) watcher.open()
      else {
        watcher.warning(new SwarmlinkError('ERR_SIGNALING_LINK', 'no connection to the bus'))
        watcher.close()
      }
    }
  }

  async close(): Promise<void> {
    this.turn(false)
    this.#bus.drivers.delete(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal */
  hear(namespace: readonly string[], text: string): void {
    if (!this.#open) return
    for (const handler of [...(this.#handlers.get(namespace.join('/')) ?? [])]) handler(JSON.parse(text))
  }
}

export const broadcast = (topic: Id) => ['swarm', topic]
export const direct = (topic: Id, id: Id) => ['swarm', topic, id]
