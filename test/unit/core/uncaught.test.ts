import { describe, expect, test, vi } from 'vitest'
import { report as reportInBrowser } from '../../../src/core/report-browser.js'
import { asError, SwarmlinkError } from '../../../src/core/errors.js'
import { callOut } from '../../../src/core/uncaught.js'
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

describe('a callback of the application', () => {
  test('may throw or reject with whatever it likes: that is told, and goes no further [A4]', async ({ onTestFinished }) => {
    const told = expectReports(onTestFinished)
    for (const thrown of unwieldy()) {
      callOut('a handler', () => {
        throw thrown
      })
      callOut('a handler', async () => {
        throw thrown
      })
    }
    await new Promise(resolve => setTimeout(resolve))
    expect(told.length).toBeGreaterThan(10)
    for (const { code, message } of told) {
      expect(code).toBe('ERR_CALLBACK')
      expect(message).toMatch(/^a handler failed: ./)
    }
    expect(told.map(({ message }) => message)).toContain('a handler failed: it failed')
  })

  test('may throw what asError cannot look at [A4]', () => {
    for (const thrown of unwieldy()) expect(asError(thrown, 'ERR_ENGINE', 'x')).toMatchObject({ code: 'ERR_ENGINE' })
  })
})

describe('where a mistake is told', () => {
  test('Node: a process warning with the stack of what was thrown, and no flood of them [A4]', async () => {
    vi.resetModules() // the rate limit of reports is one for all files of this worker
    const { report } = await import('../../../src/core/report-node.js')
    const others = process.listeners('warning')
    process.removeAllListeners('warning')
    const heard: Error[] = []
    process.on('warning', warning => heard.push(warning))
    const cause = new Error('it failed')
    const error = new SwarmlinkError('ERR_CALLBACK', 'a listener failed', { cause })
    for (let i = 0; i < 1_000; i++) report(error)
    await new Promise(resolve => setTimeout(resolve))
    process.removeAllListeners('warning')
    for (const other of others) process.on('warning', other)
    expect(heard[0]).toBe(error)
    expect(error).toMatchObject({ detail: cause.stack })
    expect(heard.length).toBeLessThanOrEqual(25)
  })

  test('a page: reportError, as for the listeners of any event target [A4]', () => {
    const reportError = vi.fn<(error: unknown) => void>()
    vi.stubGlobal('reportError', reportError)
    const error = new SwarmlinkError('ERR_CALLBACK', 'a listener failed')
    reportInBrowser(error)
    expect(reportError).toHaveBeenCalledWith(error)
    vi.unstubAllGlobals()
  })
})
