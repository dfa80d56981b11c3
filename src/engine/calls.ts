/** Calls of an engine, some of which never settle: each one ends at its deadline, or when its connection does. */
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'

/** No call of an engine takes a second on a busy machine; some never settle. */
export const CALL_DEADLINE = 10_000

export class Calls {
  readonly #env: Env
  readonly #rejections = new Set<(error: SwarmlinkError) => void>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Settles as the engine does, or at the deadline, or with {@link abort}: whatever comes first. */
  async settle<T>(what: string, call: () => Promise<T>): Promise<T> {
    let timer: Timer | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = this.#env.timer(CALL_DEADLINE, () =>
        reject(new SwarmlinkError('ERR_ENGINE', `the WebRTC engine did not ${what} within ${CALL_DEADLINE / 1000} s`)),
      )
    })
    const settled = new Promise<T>(resolve => resolve(call())) // so that what is thrown rejects
    try {
      return await this.orAbort(Promise.race([settled, late]))
    } catch (cause) {
      throw asError(cause, 'ERR_ENGINE', `the WebRTC engine refused to ${what}`)
    } finally {
      timer?.cancel()
    }
  }

  orAbort<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejections.add(reject)
      void promise.then(resolve, reject).finally(() => this.#rejections.delete(reject))
    })
  }

  /** Rejects everything that is under way. */
  abort(error: SwarmlinkError): void {
    for (const reject of this.#rejections) reject(error)
  }
}
