/** In place of `#report`: a test that makes callbacks fail reads here what was told; for every other test it is an error. */
import type { SwarmlinkError } from '../../src/core/errors.js'

let expected: SwarmlinkError[] | undefined

export function report(error: SwarmlinkError): void {
  if (expected !== undefined) return void expected.push(error)
  queueMicrotask(() => {
    throw error
  })
}

/**
 * What is told from now until the end of the test.
 *
 * @example
 * const told = expectReports(onTestFinished)
 */
export function expectReports(onFinished: (callback: () => void) => unknown): SwarmlinkError[] {
  const told: SwarmlinkError[] = []
  expected = told
  onFinished(() => {
    if (expected === told) expected = undefined
  })
  return told
}
