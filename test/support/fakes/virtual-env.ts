/**
 * Time, randomness and sockets for tests: hours pass in milliseconds, and the same seed gives the same run.
 *
 * Time moves only inside {@link VirtualEnv.advance} and {@link VirtualEnv.until}: timers fire one by one, in the order of
 * their instants, and between two of them everything that they set off may settle (see {@link settle}).
 */
import type { Dial, Env, Timer } from '../../../src/core/env.js'

interface Entry {
  at: number
  /** Timers of the same instant fire in the order in which they were set. */
  order: number
  callback: (() => void) | undefined
}

export interface VirtualEnvOptions {
  /** @default 1 */
  seed?: number
  /** @default a dial that refuses every connection */
  dial?: Dial
}

export class VirtualEnv implements Env {
  /** May be replaced at any time. */
  dial: Dial
  readonly #clock: Clock
  readonly #random: () => number
  #halted = false

  constructor({ seed = 1, dial = refuse }: VirtualEnvOptions = {}, clock = new Clock()) {
    this.dial = dial
    this.#clock = clock
    this.#random = mulberry32(seed)
  }

  /** Creates an environment on the same clock with its own randomness and sockets, one for each simulated node. */
  fork({ seed = Math.floor(this.#random() * 2 ** 32), dial = this.dial }: VirtualEnvOptions = {}): VirtualEnv {
    return new VirtualEnv({ seed, dial }, this.#clock)
  }

  now(): number {
    return this.#clock.now
  }

  random(): number {
    return this.#random()
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#random() * 256))
  }

  timer(ms: number, callback: () => void): Timer {
    return this.#clock.add(ms, () => {
      if (!this.#halted) callback()
    })
  }

  keepAlive(): Timer {
    const { kept } = this.#clock
    const alive = {}
    kept.add(alive)
    return { cancel: () => void kept.delete(alive) }
  }

  /** Whether anything keeps the process alive. A closed object must not. */
  get isKeptAlive(): boolean {
    return this.#clock.kept.size > 0
  }

  /** Stops time for the owner of this environment: its process is dead. */
  halt(): void {
    this.#halted = true
  }

  /** Timers that are set and neither fired nor cancelled. A closed object must leave none. */
  get pendingTimers(): number {
    return this.#clock.pending
  }

  /** Lets `ms` of virtual time pass. */
  async advance(ms: number): Promise<void> {
    const target = this.#clock.now + ms
    await settle()
    while (this.#clock.fireNext(target)) await settle()
    this.#clock.now = target
  }

  /** Advances time until the condition holds. Throws when it does not within `within` virtual milliseconds. */
  async until(condition: () => boolean, within = 60_000): Promise<void> {
    const limit = this.#clock.now + within
    await settle()
    while (!condition()) {
      if (!this.#clock.fireNext(limit)) throw new Error(`not within ${within} virtual ms: ${condition.toString()}`)
      await settle()
    }
  }
}

class Clock {
  now = 0
  readonly kept = new Set<object>()
  pending = 0
  #order = 0
  readonly #heap: Entry[] = []

  add(ms: number, callback: () => void): Timer {
    if (Number.isNaN(ms)) throw new Error('a timer of NaN milliseconds')
    const entry: Entry = { at: this.now + Math.max(0, ms), order: this.#order++, callback }
    this.#push(entry)
    this.pending++
    return {
      cancel: () => {
        if (entry.callback === undefined) return
        entry.callback = undefined
        this.pending--
      },
    }
  }

  /** Fires the first timer that is due by `limit`. Returns false when there is none. */
  fireNext(limit: number): boolean {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.at > limit) return false
      this.#pop()
      const { callback } = first
      if (callback === undefined) continue
      first.callback = undefined
      this.pending--
      this.now = first.at
      callback()
      return true
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (before(heap[parent]!, entry)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(last, heap[child]!)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/**
 * Resolves when nothing is left that could go on without the clock.
 *
 * One turn of the event loop (`setImmediate`) drains every promise chain and `nextTick`, however long. Only WebCrypto
 * works elsewhere, on the thread pool; its operations are counted, and the loop turns for as long as one is under way.
 * Two turns without any are quiet: the second is for code that itself defers with `setImmediate`. Nothing depends on how fast the machine is.
 */
async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 2; quiet++) {
    await turn()
    if (cryptoInFlight > 0) quiet = -1
  }
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

let cryptoInFlight = 0

/** Counts WebCrypto operations in progress. The module is loaded once per test process. */
function watchCrypto(): void {
  const subtle = Object.getPrototypeOf(crypto.subtle) as Record<string, (...args: unknown[]) => Promise<unknown>>
  for (const name of [
    'digest',
    'sign',
    'verify',
    'generateKey',
    'importKey',
    'exportKey',
    'deriveBits',
    'deriveKey',
    'encrypt',
    'decrypt',
  ]) {
    const operation = subtle[name]
    if (operation === undefined) continue
    Object.defineProperty(subtle, name, {
      configurable: true,
      writable: true,
      async value(this: unknown, ...args: unknown[]) {
        cryptoInFlight++
        try {
          return await operation.apply(this, args)
        } finally {
          cryptoInFlight--
        }
      },
    })
  }
}

watchCrypto()

/** A small seeded generator with 32 bits of state (mulberry32), good enough for tests. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const refuse: Dial = url => Promise.reject(new Error(`nothing listens at ${url}`))
