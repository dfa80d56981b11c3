import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_NAMESPACE_LENGTH, MAX_TOKENS } from '../../../../src/signaling/drivers/namespace.js'
import { subjectOf } from '../../../../src/signaling/drivers/nats-subject.js'

const text = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)), maxLength: 100 }),
  fc.string({ unit: fc.constantFrom('.', '*', '>', '=', '0', 'h', ' ', '\t', '$', 'a'), maxLength: 10 }),
)
const namespace = fc.array(text, { minLength: 1, maxLength: MAX_TOKENS })

test('encodes each token of a namespace as one plain NATS token, whatever it contains [B12]', () => {
  fc.assert(
    fc.property(namespace, one => {
      const tokens = subjectOf(one).split('.')
      expect(tokens).toHaveLength(one.length + 1)
      expect(tokens.every(token => /^[\w=-]+$/.test(token))).toBe(true)
      expect(tokens[0]).toBe('swarmlink')
    }),
  )
})

test('encodes two namespaces as two subjects [B12]', () => {
  fc.assert(
    fc.property(namespace, namespace, (one, other) => {
      expect(subjectOf(one) === subjectOf(other)).toBe(one.length === other.length && one.every((token, i) => token === other[i]))
    }),
  )
  const alike = ['', '=', '=003d', '=003D', '=h', '\0', '=0000', 'a', 'A', '\ud800', '\udbff', '\ufffd', '.', '..', '*', '>']
  const long = ['x'.repeat(201), 'x'.repeat(202), '*'.repeat(41), '\ud800'.repeat(50), '\udbff'.repeat(50), '\ufffd'.repeat(50)]
  const subjects = [...alike, ...long].map(token => subjectOf([token]))
  expect(new Set(subjects).size).toBe(subjects.length)
  // Not even when a name equals the encoding of a long one.
  expect(subjectOf([subjectOf([long[0]!]).split('.')[1]!])).not.toBe(subjectOf([long[0]!]))
})

test('keeps subjects readable and within the line limit of a NATS server [B12]', () => {
  expect(subjectOf(['sender', 'lobby', 'a-b_C9'])).toBe('swarmlink.sender.lobby.a-b_C9')
  expect(subjectOf(['a b', '', '*.>'])).toBe('swarmlink.a=0020b.=.=002a=002e=003e')
  for (const character of ['x', '*', '你'])
    for (const count of [1, MAX_TOKENS]) {
      const longest = Array<string>(count).fill(character.repeat(MAX_NAMESPACE_LENGTH / count))
      expect(subjectOf(longest).length).toBeLessThan(2_000)
    }
})
