// @ts-check
/** Peers in processes of their own: starts them, hears from them, and makes sure that none outlives us. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Failure } from './program.js'

/** @typedef {import('./member.js').Task} Task */
/** @typedef {import('./member.js').Told} Told */

const MEMBER = fileURLToPath(new URL('member.js', import.meta.url))
/** One that does not stop within this time is killed. */
const STOP_TIMEOUT = 5_000

export class Member {
  #name
  #process
  #gone = false
  /** @type {Set<(told: Told) => void>} */
  #listeners = new Set()
  /** @type {Promise<never>} */
  #failure
  /** @type {Promise<void>} */
  #exit

  /**
   * @param {string} name
   * @param {Task} task
   */
  constructor(name, task) {
    this.#name = name
    this.#process = fork(MEMBER, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#process.on('message', told => {
      for (const listener of this.#listeners) listener(/** @type {Told} */ (told))
    })
    this.#exit = new Promise(resolve =>
      this.#process.once('exit', () => {
        this.#gone = true
        resolve()
      }),
    )
    this.#failure = new Promise((_resolve, reject) => {
      this.on('failed', ({ message }) => reject(new Failure(`the ${name} failed: ${message}`)))
      this.#process.once('exit', code => reject(new Failure(`the ${name} ended too early, with code ${code}`)))
    })
    this.#failure.catch(() => {}) // whoever waits for something hears of it
  }

  /**
   * @template {Told['type']} Type
   * @param {Type} type
   * @param {(told: Extract<Told, { type: Type }>) => void} listener
   */
  on(type, listener) {
    this.#listeners.add(told => {
      if (told.type === type) listener(/** @type {Extract<Told, { type: Type }>} */ (told))
    })
  }

  /**
   * What the member says of this kind next; rejects when it fails before.
   *
   * @template {Told['type']} Type
   * @param {Type} type
   * @returns {Promise<Extract<Told, { type: Type }>>}
   */
  hear(type) {
    return Promise.race([new Promise(resolve => this.on(type, resolve)), this.#failure])
  }

  /** @param {string} text */
  say(text) {
    this.#process.send({ say: text })
  }

  /** Ends it gracefully, and returns what it knows in the end. */
  async stop() {
    const last = this.hear('stopped')
    this.#process.send({ stop: true })
    const { stats } = await last
    await this.#exit
    return stats
  }

  /** Ends it whatever it does. */
  async kill() {
    if (this.#gone) return
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT)
    await this.#exit
    clearTimeout(timer)
  }

  get name() {
    return this.#name
  }
}
