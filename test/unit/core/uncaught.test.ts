import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { report as reportInBrowser } from '../../../src/core/report-browser.js'
import { asError, SwarmlinkError } from '../../../src/core/errors.js'
import { callSafely } from '../../../src/core/uncaught.js'
import { expectReports } from '../../support/report.js'

/** Everything that a function of the application may throw. */
function unwieldy(): unknown[] {
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const toString = () => {
    throw new Error('no')
  }
  return [new Error('it failed'), 'a text', undefined, null, 5, Symbol('s'), { toString }, Object.create(null), revoked.proxy]
}

describe('an error of a callback', () => {
  test('is reported whatever value it throws or rejects with, and does not propagate [A4]', async ({ onTestFinished }) => {
    const reported = expectReports(onTestFinished)
    for (const thrown of unwieldy()) {
      callSafely('a handler', () => {
        throw thrown
      })
      callSafely('a handler', async () => {
        throw thrown
      })
    }
    await nextTurn()
    expect(reported.length).toBeGreaterThan(10)
    for (const { code, message } of reported) {
      expect(code).toBe('ERR_CALLBACK')
      expect(message).toMatch(/^a handler failed: ./)
    }
    expect(reported.map(({ message }) => message)).toContain('a handler failed: it failed')
  })

  test('becomes a SwarmlinkError even if its value cannot be converted to a string [A4]', () => {
    for (const thrown of unwieldy()) expect(asError(thrown, 'ERR_ENGINE', 'x')).toMatchObject({ code: 'ERR_ENGINE' })
  })
})

describe('report', () => {
  test('emits a process warning with the stack of the thrown error in Node, rate limited [A4]', async () => {
    vi.resetModules() // the rate limit of reports is one for all files of this worker
    const { report } = await import('../../../src/core/report-node.js')
    const others = process.listeners('warning')
    process.removeAllListeners('warning')
    const heard: Error[] = []
    process.on('warning', warning => heard.push(warning))
    const cause = new Error('it failed')
    const error = new SwarmlinkError('ERR_CALLBACK', 'a listener failed', { cause })
    for (let i = 0; i < 1_000; i++) report(error)
    await nextTurn()
    process.removeAllListeners('warning')
    for (const other of others) process.on('warning', other)
    expect(heard[0]).toBe(error)
    expect(error).toMatchObject({ detail: cause.stack })
    expect(heard.length).toBeLessThanOrEqual(25)
  })

  test('calls reportError in a page [A4]', () => {
    const reportError = vi.fn<(error: unknown) => void>()
    vi.stubGlobal('reportError', reportError)
    const error = new SwarmlinkError('ERR_CALLBACK', 'a listener failed')
    reportInBrowser(error)
    expect(reportError).toHaveBeenCalledWith(error)
    vi.unstubAllGlobals()
  })
})
