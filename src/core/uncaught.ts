/** What becomes of an error that a caller of ours made while we called it. */

/** As with any other event target: the application's mistake is an uncaught exception, our state stays whole. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
