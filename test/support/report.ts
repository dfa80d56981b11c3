/** Replaces `#report`: a test that makes callbacks fail reads the reported errors here. For every other test they are failures. */
import type { SwarmlinkError } from '../../src/core/errors.js'

let expected: SwarmlinkError[] | undefined

export function report(error: SwarmlinkError): void {
  if (expected !== undefined) return void expected.push(error)
  queueMicrotask(() => {
    throw error
  })
}

/**
 * Collects the errors reported until the end of the test.
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
