/** Asks the application which Receivers get an offer, within bounds of number and time. Knows nothing of connections. */
import { untilAborted, withDeadline, type Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { Semaphore } from '../core/semaphore.js'
import type { Invoke } from './bus/codec.js'

/** Receivers whose credentials are checked at one time, and those that wait. */
const CHECKS = { inside: 8, waiting: 64 }
/** Milliseconds that `verify` may take. */
const TIMEOUT = 5_000

/** Decides whether a Receiver gets an offer. `peerId` is its proven identity; undefined for one without. */
export type VerifyReceiver = (
  id: string,
  credentials: unknown,
  proof: { peerId: string | undefined },
) => boolean | Promise<boolean>

export class Verification {
  readonly #verify: VerifyReceiver
  readonly #env: Env
  readonly #checks = new Semaphore(CHECKS)

  constructor(verify: VerifyReceiver, env: Env) {
    this.#verify = verify
    this.#env = env
  }

  /** False for a Receiver that is refused, or whose check failed, which `failed` tells, or was stopped. */
  async allows(
    { id, credentials }: Invoke,
    peerId: string | undefined,
    { stop, failed }: { stop: AbortSignal; failed: (error: SwarmlinkError) => void },
  ): Promise<boolean> {
    const release = await this.#checks.acquire()
    if (release === undefined) return false
    try {
      if (stop.aborted) return false
      const late = () =>
        new SwarmlinkError(
          'ERR_REFUSED',
          `verify() did not settle within ${TIMEOUT / 1_000} s, so the Receiver is refused: let it return true or false, or a promise of one`,
        )
      const verdict = untilAborted(Promise.resolve(this.#verify(id, credentials, { peerId })), stop, late)
      const isAllowed: unknown = await withDeadline(this.#env, verdict, TIMEOUT, late)
      return isAllowed === true // a program without types may return anything
    } catch (error) {
      if (!stop.aborted) failed(asError(error, 'ERR_ENGINE', 'verify() failed, so the Receiver is refused'))
      return false
    } finally {
      release()
    }
  }
}
