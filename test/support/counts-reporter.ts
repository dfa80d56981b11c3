/** Ends a test run with one plain line, `N passed, N failed, N skipped`, for programs that read the log. */
import type { Reporter, TestModule } from 'vitest/node'

export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly Pick<TestModule, 'children' | 'errors'>[], unhandledErrors: readonly unknown[]): void {
    process.stdout.write(`${counts(modules, unhandledErrors)}\n`)
  }
}

/** A file that does not load, or an error outside of any test, counts as a failed test. */
export function counts(modules: readonly Pick<TestModule, 'children' | 'errors'>[], unhandledErrors: readonly unknown[]): string {
  const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
  for (const module of modules) {
    count.failed += module.errors().length
    for (const test of module.children.allTests()) count[test.result().state]++
  }
  // A test that is still pending at the end never ran, because the run was interrupted.
  return `${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`
}
