// @ts-check
/** What every demo does as a process: ends gracefully on Ctrl-C, and says in one line what went wrong. */

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM'])
const FAILED = 1
const MISUSED = 2
/** What shells expect of a program that was interrupted. */
const INTERRUPTED = 130

/** Something that whoever runs the demo can put right: its message is all that they see. */
export class Failure extends Error {}

/** The command line is not as `--help` has it. */
export class UsageError extends Failure {}

/**
 * Runs a demo. The first Ctrl-C aborts the signal that `main` gets, so that it can say goodbye; the second one ends the process.
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
 * What the promise gives, or a rejection with the signal's reason as soon as that aborts.
 *
 * @template T
 * @param {AbortSignal} signal
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function unlessAborted(signal, promise) {
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
