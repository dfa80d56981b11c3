/**
 * Calls a driver for {@link PubSubSignaling}. The driver may be the application's own: calls that throw, reject or never settle become
 * warnings, and `on()` and `watch()` are retried. Knows nothing of the messages.
 */
import type { Env, Timer } from '../../core/env.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { GuardedObject } from '../guarded-object.js'
import { isWatched, type Driver, type DriverHandler } from '../drivers/driver.js'

/** Timeout of an asynchronous `on()`, in milliseconds; then it counts as done, because a promise that never settles must not block. */
const SUBSCRIBE_TIMEOUT = 10_000

/** A handler under one namespace. */
export interface Subscription {
  /** `on()` succeeded, or timed out. */
  readonly active: boolean
  end(): void
}

export class DriverPort {
  readonly isWatched: boolean
  readonly #driver: Driver
  readonly #foreign: GuardedObject
  readonly #warn: (error: SwarmlinkError) => void

  /** `name` is that of the signalling, for warnings. */
  constructor(driver: Driver, name: string, env: Env, warn: (error: SwarmlinkError) => void) {
    this.#driver = driver
    this.#foreign = new GuardedObject(`the driver of ${name}`, env, warn)
    this.#warn = warn
    this.isWatched = isWatched(driver)
  }

  /** A driver method is on the stack: messages that it delivers meanwhile must be handled after it returns. */
  get busy(): boolean {
    return this.#foreign.busy
  }

  /** Whether a watched driver is open now. */
  get open(): boolean {
    return this.#foreign.call('open', () => isWatched(this.#driver) && this.#driver.open).result === true
  }

  /** False when it threw. If `emit()` returns a promise, `settled` gets whether the message left. */
  emit(namespace: readonly string[], message: object, settled: (left: boolean) => void): boolean {
    return this.#foreign.call('emit', () => this.#driver.emit([...namespace], message), settled).outcome !== 'threw'
  }

  /** Retries until `on()` succeeds or the subscription ends; calls `began` only for a success after this call has returned. */
  subscribe(namespace: readonly string[], handler: DriverHandler, began?: () => void): Subscription {
    let state: 'calling' | 'active' | 'waiting' | 'ended' = 'calling'
    let timeout: Timer | undefined
    let isSynchronous = true
    const off = () => void this.#foreign.call('off', () => this.#driver.off([...namespace], handler))
    const enter = () => {
      timeout?.cancel()
      if (state === 'ended') return off()
      if (state === 'active') return
      state = 'active'
      if (!isSynchronous) began?.()
    }
    const trying = this.#foreign.persist(again => {
      const failed = () => {
        timeout?.cancel()
        if (state === 'ended') return
        state = 'waiting'
        again()
      }
      state = 'calling'
      const on = () => this.#driver.on([...namespace], handler)
      const { outcome } = this.#foreign.call('on', on, isDone => (isDone ? enter() : failed()))
      if (outcome === 'threw') failed()
      else if (outcome === 'done') enter()
      else
        timeout = this.#foreign.env.timer(SUBSCRIBE_TIMEOUT, () => {
          this.#foreign.failed('on', new Error(`it did not settle within ${SUBSCRIBE_TIMEOUT / 1_000} s`))
          enter()
        })
    })
    isSynchronous = false
    return {
      get active() {
        return state === 'active'
      },
      end: () => {
        trying.cancel()
        timeout?.cancel()
        if (state === 'active') off() // a pending on() is undone when it settles
        state = 'ended'
      },
    }
  }

  /** Retries until `watch()` succeeds; ignores repeated events of the driver. */
  watch(watcher: { open(): void; close(): void }): () => void {
    const driver = this.#driver
    if (!isWatched(driver)) return () => {}
    let isOpen = false
    let unwatch: unknown
    let ended = false
    const turn = (open: boolean) => {
      if (ended || open === isOpen) return
      isOpen = open
      if (open) watcher.open()
      else watcher.close()
    }
    const own = {
      open: () => turn(true),
      close: () => turn(false),
      warning: (error: unknown) => {
        if (!ended) this.#warn(this.#foreign.told(error))
      },
    }
    const trying = this.#foreign.persist(again => {
      const { outcome, result } = this.#foreign.call('watch', () => driver.watch(own))
      if (outcome === 'threw') again()
      unwatch = result
    })
    return () => {
      if (ended) return
      ended = true
      trying.cancel()
      if (typeof unwatch === 'function') this.#foreign.call('watch', unwatch as () => unknown) // as far as its type tells
    }
  }
}
