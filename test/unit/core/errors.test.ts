import { describe, expect, test } from 'vitest'
import { asError, reasonOf, SwarmlinkError } from '../../../src/core/errors.js'

describe('Law 7 what was thrown, in one line', () => {
  test.each<[unknown, string]>([
    [new Error('boom'), 'boom'],
    [new Error('two\n    lines'), 'two lines'],
    [new Error(), 'no reason given'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [Object.create(null), 'no reason given'],
    [Object.assign(new Error(), { message: 5 }), '5'],
    [new Error('x'.repeat(100_000)), 'x'.repeat(256)],
  ])('%o', (thrown, reason) => {
    expect(reasonOf(thrown)).toBe(reason)
  })

  test('becomes the cause of one of ours, which passes through itself', () => {
    const cause = new Error('boom')
    expect(asError(cause, 'ERR_ENGINE', 'no offer')).toMatchObject({ code: 'ERR_ENGINE', message: 'no offer: boom', cause })
    const ours = new SwarmlinkError('ERR_CLOSED', 'over')
    expect(asError(ours, 'ERR_ENGINE', 'no offer')).toBe(ours)
  })
})
