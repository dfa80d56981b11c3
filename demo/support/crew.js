// @ts-check
/** Peers in processes of their own: starts them, receives their reports, and makes sure that none outlives this process. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Failure } from './program.js'

/** A process that does not stop within this time is killed. */
const STOP_TIMEOUT = 5_000

/**
 * The reports `failed` and `stopped` have a meaning here; a program adds its own kinds.
 *
 * @template {{ type: string }} Told
 */
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
   * @param {string} program the file beside this one that the process runs
   * @param {object} task what the program gets, as JSON
   */
  constructor(name, program, task) {
    this.#name = name
    const path = fileURLToPath(new URL(program, import.meta.url))
    this.#process = fork(path, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
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
      this.#process.on('message', told => {
        const { type, message } = /** @type {{ type: string, message?: string }} */ (told)
        if (type === 'failed') reject(new Failure(`the ${name} failed: ${message}`))
      })
      this.#process.once('exit', (code, signal) =>
        reject(new Failure(`the ${name} ended unexpectedly, with ${code === null ? `signal ${signal}` : `code ${code}`}`)),
      )
    })
    this.#failure.catch(() => {}) // pending waits reject with it
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
   * The member's next report of this kind. Rejects when the member fails before.
   *
   * @template {Told['type']} Type
   * @param {Type} type
   * @returns {Promise<Extract<Told, { type: Type }>>}
   */
  hear(type) {
    return Promise.race([new Promise(resolve => this.on(type, resolve)), this.#failure])
  }

  /** Rejects when the member fails or ends. */
  get failure() {
    return this.#failure
  }

  /** Sends the program an order. A process that has ended gets none. @param {object} order */
  order(order) {
    if (this.#process.connected) this.#process.send(order, undefined, undefined, () => {})
  }

  /** Ends it gracefully, and returns its last report. @returns {Promise<Extract<Told, { type: 'stopped' }>>} */
  async stop() {
    const last = this.hear('stopped')
    this.order({ stop: true })
    const told = await last
    await this.#exit
    return told
  }

  /** Ends it in any state. */
  async kill() {
    if (this.#gone) return
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT)
    await this.#exit
    clearTimeout(timer)
  }

  /** Ends it as a crash would: it can tell no peer. */
  async crash() {
    this.#process.kill('SIGKILL')
    await this.#exit
  }

  get name() {
    return this.#name
  }
}
