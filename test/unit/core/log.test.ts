import { format } from 'node:util'
import createDebug from 'debug'
import { afterEach, expect, test } from 'vitest'
import { logger } from '../../../src/core/log.js'

const before = createDebug.log
afterEach(() => {
  createDebug.log = before
  createDebug.disable()
})

test('a log line has neither control characters of a remote peer nor secrets of a URL [Law 10]', () => {
  const lines: string[] = []
  createDebug.log = (...values: unknown[]) => void lines.push(format(...values))
  const log = logger('texts')
  log('%s', 'nothing is on')
  createDebug.enable('swarmlink:texts')
  log('%s: %s', 'wss://me:secret@host.test/secret', 'a\u001b[2J\nFAKE \u202e')
  log('%s %o', 'failed', new Error('\u009b2J at wss://host.test/secret'))
  expect(lines).toHaveLength(2)
  expect(lines.join()).toMatch(/wss:\/\/host\.test#\w{8}: a \[2J FAKE .*failed .*Error.* 2J at wss:\/\/host\.test#\w{8}/)
  expect(lines.join()).not.toMatch(/secret|nothing is on|\u202e|\u009b|\[2J\n/u)
})
