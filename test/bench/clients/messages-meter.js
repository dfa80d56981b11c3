// @ts-check
/** Measures the cost of a task in this process: CPU of all threads, and peak memory. */
import { setTimeout as sleep } from 'node:timers/promises'

/** A connection's window fills and empties in ten times this. */
const EVERY = 4
/** Another thread frees backing stores. */
const SETTLE = 30

export class Meter {
  #base = process.memoryUsage()
  #most = { rss: 0, arrayBuffers: 0 }
  #cpu = process.cpuUsage()
  /** @type {NodeJS.Timeout | undefined} */
  #timer

  /** Collects garbage first, so that only live memory is the baseline. */
  async start() {
    for (let round = 0; round < 2; round++) {
      globalThis.gc?.()
      await sleep(SETTLE)
    }
    this.#base = process.memoryUsage()
    this.#most = { rss: 0, arrayBuffers: 0 }
    this.#timer = setInterval(() => this.#look(), EVERY)
    this.#cpu = process.cpuUsage()
  }

  stop() {
    this.#look()
    clearInterval(this.#timer)
    const { user, system } = process.cpuUsage(this.#cpu)
    return {
      cpu: (user + system) / 1000,
      memory: this.#most.rss - this.#base.rss,
      arrayBuffers: this.#most.arrayBuffers - this.#base.arrayBuffers,
    }
  }

  #look() {
    const { rss, arrayBuffers } = process.memoryUsage()
    this.#most.rss = Math.max(this.#most.rss, rss)
    this.#most.arrayBuffers = Math.max(this.#most.arrayBuffers, arrayBuffers)
  }
}
