// @ts-check
/** The process of every demo: ends gracefully on Ctrl-C, and reports an error in one line. */

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM'])
const FAILED = 1
const MISUSED = 2
/** The exit code of an interrupted program, by shell convention. */
const INTERRUPTED = 130

/** An error that the user can correct: its message is all that is printed. */
export class Failure extends Error {}

/** An invalid command line. */
export class UsageError extends Failure {}

/**
 * Runs a demo. The first Ctrl-C aborts the signal of `main`, so that it can leave gracefully. The second one ends the process.
 *
 * @param {(signal: AbortSignal) => Promise<void>} main rejects with the signal's reason when it could not finish because of it
 */
export async function runProgram(main) {
  const stop = new AbortController()
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(INTERRUPTED)
    stop.abort()
  }
  for (const name of SIGNALS) process.on(name, interrupt)
  try {
    await main(stop.signal)
    process.exitCode = 0
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) {
      process.exitCode = INTERRUPTED
    } else {
      process.exitCode = error instanceof UsageError ? MISUSED : FAILED
      console.error(`error: ${messageOf(error)}`)
    }
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt)
  }
}

/**
 * The promise's value, or a rejection with the signal's reason as soon as that aborts.
 *
 * @template T
 * @param {AbortSignal} signal
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function unlessAborted(signal, promise) {
  promise.catch(() => {}) // after an abort it may still reject
  signal.throwIfAborted()
  let abort = () => {}
  const aborted = new Promise(resolve => {
    abort = () => resolve(undefined)
    signal.addEventListener('abort', abort)
  })
  try {
    const first = await Promise.race([promise, aborted])
    signal.throwIfAborted()
    return /** @type {T} */ (first)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** @param {unknown} error */
export function messageOf(error) {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
