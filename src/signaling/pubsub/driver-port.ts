/**
 * A driver as its {@link PubSubSignaling} uses it. A driver may be the application's own: what it throws, rejects with or never settles
 * becomes a warning, and what can be tried again is. Knows nothing of what travels.
 */
import type { Env, Timer } from '../../core/env.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { Foreign } from '../foreign.js'
import { isWatched, type Driver, type DriverHandler } from './driver.js'

/** How long an asynchronous `on()` may take, in milliseconds; then it counts as done, so that a driver that tells nothing is used. */
const SUBSCRIBE_TIMEOUT = 10_000

/** A handler under one namespace. */
export interface Subscription {
  /** As far as the driver says. */
  readonly active: boolean
  end(): void
}

export interface DriverPortParts {
  env: Env
  /** Of the signalling, in warnings. */
  name: string
  warn: (error: SwarmlinkError) => void
}

export class DriverPort {
  readonly isWatched: boolean
  readonly #driver: Driver
  readonly #foreign: Foreign
  readonly #warn: (error: SwarmlinkError) => void

  constructor(driver: Driver, { env, name, warn }: DriverPortParts) {
    this.#driver = driver
    this.#foreign = new Foreign(`the driver of ${name}`, env, warn)
    this.#warn = warn
    this.isWatched = isWatched(driver)
  }

  /** The driver is being called: what it tells within that is to be taken up afterwards. */
  get busy(): boolean {
    return this.#foreign.busy
  }

  /** What a driver that knows says of itself now. */
  get open(): boolean {
    return this.#foreign.call('open', () => isWatched(this.#driver) && this.#driver.open).result === true
  }

  /** False when it threw. `settled` tells of a promise whether the message left. */
  emit(namespace: readonly string[], message: object, settled: (left: boolean) => void): boolean {
    return this.#foreign.call('emit', () => this.#driver.emit([...namespace], message), settled).outcome !== 'threw'
  }

  /** Tries until it works or ends; `began` tells of a success that came later than this call. */
  subscribe(namespace: readonly string[], handler: DriverHandler, began: () => void): Subscription {
    let state: 'calling' | 'active' | 'waiting' | 'ended' = 'calling'
    let patience: Timer | undefined
    let isNow = true
    const off = () => void this.#foreign.call('off', () => this.#driver.off([...namespace], handler))
    const enter = () => {
      patience?.cancel()
      if (state === 'ended') return off()
      if (state === 'active') return
      state = 'active'
      if (!isNow) began()
    }
    const trying = this.#foreign.persist(again => {
      const failed = () => {
        patience?.cancel()
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
        patience = this.#foreign.env.timer(SUBSCRIBE_TIMEOUT, () => {
          this.#foreign.failed('on', new Error(`it did not settle within ${SUBSCRIBE_TIMEOUT / 1_000} s`))
          enter()
        })
    })
    isNow = false
    return {
      get active() {
        return state === 'active'
      },
      end: () => {
        trying.cancel()
        patience?.cancel()
        if (state === 'active') off() // one that is still being called is taken back when it is done
        state = 'ended'
      },
    }
  }

  /** The same of a watcher; the driver may say the same thing twice. */
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
      if (typeof unwatch === 'function') this.#foreign.call('watch', unwatch as () => unknown) // as far as it tells
    }
  }
}
