import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { anyCharacter } from '../../support/any-character.js'
import { asCause, asError, reasonOf, SwarmlinkError } from '../../../src/core/errors.js'
import { MAX_LINE, oneLine, printable, printableLines } from '../../../src/core/text.js'

/** Texts of a remote peer that repaint a terminal, forge a line of a log or disguise a text. */
const HOSTILE: Array<[name: string, text: string]> = [
  ['an escape sequence', '\u001b[2J\u001b]0;title\u0007'],
  ['C0', '\u0000\u0008\u007f'],
  ['C1', '\u009b2J\u0085'],
  ['line breaks', '\r\nFAKE\u2028FAKE\u2029'],
  ['bidirectional controls', '\u202egnp.exe\u202c\u2066x\u2069\u200f'],
  ['invisible characters', 'a\u200bb\ufeffc'],
  ['half a surrogate pair', '\ud800x\udc00'],
]
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

describe('a text of a remote peer [Law 6]', () => {
  test.each(HOSTILE)('is one printable line: %s', (_, text) => {
    expect(oneLine(`a ${text} b`)).toMatch(/^a .*b$/)
    for (const shown of [oneLine(text), printable(text), reasonOf(text), reasonOf(new Error(text))])
      expect(shown).not.toMatch(UNPRINTABLE)
  })

  test('is cut to its bound, but not in the middle of a character', () => {
    expect(oneLine('x'.repeat(1_000_000))).toBe('x'.repeat(MAX_LINE))
    expect(oneLine(`${'x'.repeat(MAX_LINE - 1)}\u{1F600}`)).toBe('x'.repeat(MAX_LINE - 1))
    expect(oneLine('a\n b', 2)).toBe('a')
  })

  test('keeps letters, emoji and punctuation of any language', () => {
    const text = 'ünïcode ✔ 日本語 \u{1F600} “quoted”'
    expect(oneLine(text)).toBe(text)
  })

  test('keeps its line breaks in printableLines()', () => {
    expect(printableLines('Error: a\u001b[2J\r\n    at b\n')).toBe('Error: a [2J\n    at b\n')
  })

  test('is printable and bounded for any input', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter, maxLength: 2_000 }), text => {
        const line = oneLine(text)
        expect(line).not.toMatch(UNPRINTABLE)
        expect(line.length).toBeLessThanOrEqual(MAX_LINE)
        expect(oneLine(line)).toBe(line)
      }),
    )
  })
})

describe('an error [Law 7]', () => {
  test.each(HOSTILE)('has a printable message and stack, also with a text of a remote peer: %s', (_, text) => {
    const error = new SwarmlinkError('ERR_REFUSED', `the peer says: ${text}`)
    expect(error.message).not.toMatch(UNPRINTABLE)
    expect(error.stack?.split('\n')[0]?.endsWith(`Error: ${error.message}`)).toBe(true)
  })

  test('has a message of bounded length', () => {
    expect(new SwarmlinkError('ERR_REFUSED', 'x'.repeat(1_000_000)).message.length).toBe(2_000)
  })

  test('keeps the cause itself if it has neither control characters nor secrets', () => {
    const cause = new TypeError('two\nlines, see https://nodejs.org/api', { cause: new Error('deeper') })
    expect(asError(cause, 'ERR_ENGINE', 'no offer').cause).toBe(cause)
    const ours = new SwarmlinkError('ERR_CLOSED', 'see https://example.test/?a=b')
    expect(asCause(ours)).toBe(ours)
    for (const other of [undefined, 5, { code: 'x' }]) expect(asCause(other)).toBe(other)
  })

  test.each([
    ['a control character', new Error('\u001b[2Jsecret')],
    ['a secret of a URL', new SyntaxError('Invalid URL: wss://me:secret@host.test/secret')],
    [
      'a secret in another field',
      Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: 'wss://host.test/secret' }),
    ],
    ['a secret in its own cause', new Error('failed', { cause: new Error('to dial wss://host.test/secret') })],
  ])('has a copy of a cause with %s', (what, cause) => {
    const error = asError(cause, 'ERR_TRACKER_LINK', 'no link')
    const copy = error.cause as Error // asserted below
    expect(copy).toBeInstanceOf(Error)
    expect(copy).not.toBe(cause)
    expect(copy.name).toBe(cause.name)
    const seen = [copy.message, copy.stack, ...Object.values(copy), (copy.cause as Error | undefined)?.message].join(' ')
    expect(seen).not.toMatch(/\u001b/) // oxlint-disable-line no-control-regex -- asserted to be absent
    if (what !== 'a control character') expect(seen).not.toContain('secret')
    expect('code' in copy).toBe('code' in cause)
  })

  test('drops a cause that throws when it is read, and follows a circular one only so far', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(asCause(proxy)).toBeUndefined()
    const round = new Error('wss://host.test/secret')
    round.cause = round
    expect(String(asCause(round))).not.toContain('secret')
  })
})

test('Node prints the stack of an error of a listener without control characters and secrets [Law 11]', async () => {
  vi.resetModules() // the rate limit of reports is one for all files of this worker
  const { report } = await import('../../../src/core/report-node.js')
  const warned = new Promise<Error & { detail?: string }>(resolve => process.once('warning', resolve))
  const cause = new SyntaxError('Unexpected token "\u001b[2J\u202e" from wss://host.test/secret')
  report(new SwarmlinkError('ERR_CALLBACK', "a listener for 'data' failed", { cause }))
  const { detail } = await warned
  expect(detail).toMatch(/^SyntaxError: Unexpected token " \[2J " from wss:\/\/host\.test#\w{8}\n +at /)
})
