/** Deadlines for calls of an engine: some never settle. Each call ends at its deadline, or when its connection ends. */
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'

/** In milliseconds. On a busy machine no call takes longer than 1 s. */
export const ENGINE_TIMEOUT = 10_000

export class CallDeadlines {
  readonly #env: Env
  readonly #rejections = new Set<(error: SwarmlinkError) => void>()
  #aborted: SwarmlinkError | undefined

  constructor(env: Env) {
    this.#env = env
  }

  /** Whether the connection has ended. */
  get over(): boolean {
    return this.#aborted !== undefined
  }

  check(): void {
    if (this.#aborted !== undefined) throw this.#aborted
  }

  /** Settles as the call does, or rejects at the deadline or on {@link abort}, whichever is first. */
  async settle<T>(what: string, call: () => Promise<T>): Promise<T> {
    this.check()
    const settled = new Promise<T>(resolve => resolve(call())) // so that a thrown error rejects
    let timer: Timer | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const message = `timeout: the WebRTC engine did not ${what} within ${ENGINE_TIMEOUT / 1000} s`
      timer = this.#env.timer(ENGINE_TIMEOUT, () => reject(new SwarmlinkError('ERR_ENGINE', message)))
    })
    try {
      return await this.orAbort(Promise.race([settled, late])) // in this order: a call that never settles must leave nothing behind
    } catch (cause) {
      throw asError(cause, 'ERR_ENGINE', `the WebRTC engine refused to ${what}`)
    } finally {
      timer?.cancel()
    }
  }

  /** Settles as the promise does, or rejects on {@link abort}. */
  orAbort<T>(promise: Promise<T>): Promise<T> {
    if (this.#aborted !== undefined) return Promise.reject(this.#aborted)
    return new Promise((resolve, reject) => {
      this.#rejections.add(reject)
      void promise.then(resolve, reject).finally(() => this.#rejections.delete(reject))
    })
  }

  /** Calls that wait for the engine. */
  get pending(): number {
    return this.#rejections.size
  }

  /** Rejects all pending and later calls. */
  abort(error: SwarmlinkError): void {
    this.#aborted = error
    for (const reject of this.#rejections) reject(error)
  }
}
