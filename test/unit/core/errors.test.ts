import { describe, expect, test } from 'vitest'
import { asError, reasonOf, SwarmlinkError } from '../../../src/core/errors.js'

describe('reasonOf() describes a thrown value in one line [Law 7]', () => {
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

  test('asError() makes a foreign error the cause of a SwarmlinkError, and returns a SwarmlinkError unchanged', () => {
    const cause = new Error('boom')
    expect(asError(cause, 'ERR_ENGINE', 'no offer')).toMatchObject({ code: 'ERR_ENGINE', message: 'no offer: boom', cause })
    const ours = new SwarmlinkError('ERR_CLOSED', 'over')
    expect(asError(ours, 'ERR_ENGINE', 'no offer')).toBe(ours)
  })
})
