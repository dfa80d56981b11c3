/** Reports an error of an application's callback in Node: as a process warning, which does not end the process. */
import { emitWarning } from 'node:process'
import { presentable, type SwarmlinkError } from './errors.js'
import { TokenBucket } from './token-bucket.js'

/** Rate limit (20 at once, then 1 per second), because a listener may fail at every message of a fast peer. */
const REPORT_RATE = { rate: 1, burst: 20 }
const reports = new TokenBucket(REPORT_RATE)

/** Node prints the `detail` too: the stack of the thrown error, which names the line of the application. */
export function report(error: SwarmlinkError): void {
  if (reports.take(1, performance.now())) emitWarning(Object.assign(error, { detail: stackOf(error.cause) }))
}

function stackOf(cause: unknown): string | undefined {
  try {
    return cause instanceof Error && cause.stack !== undefined ? presentable(cause.stack) : undefined
  } catch {
    return undefined // a revoked proxy, or a getter that throws
  }
}
