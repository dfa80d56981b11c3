/** Where Node tells of a mistake that must not end the process: `process.on('warning')`, which prints it unless it is listened to. */
import { emitWarning } from 'node:process'
import { presentable, type SwarmlinkError } from './errors.js'
import { TokenBucket } from './token-bucket.js'

/** A listener that fails at every message of a fast peer fills a log no faster than this. */
const TOLD = { rate: 1, burst: 20 }
const told = new TokenBucket(TOLD, 0)

/** The stack of what was thrown is printed too: it leads to the line of the application. */
export function report(error: SwarmlinkError): void {
  if (told.take(1, performance.now())) emitWarning(Object.assign(error, { detail: stackOf(error.cause) }))
}

function stackOf(cause: unknown): string | undefined {
  try {
    return cause instanceof Error && cause.stack !== undefined ? presentable(cause.stack) : undefined
  } catch {
    return undefined // a proxy, or an error whose stack cannot be read
  }
}
